/*
 * The table of requests: what each is, when it is allowed, and who does it.
 */
#ifndef SIGNET_DISPATCH_H
#define SIGNET_DISPATCH_H

#include "agent/conn.h"

/* What a handler did with a request. */
enum outcome {
	ANSWERED, /* the reply is in core->reply */
	PARKED,   /* the answer comes later (conn_park, conn_lend) */
	REFUSED,  /* FAILURE is to be answered; *why says the reason */
};

struct request {
	struct conn *conn;
	struct core *core;
	uint8_t number;
	struct bytes body; /* after the number; valid only during the call */
	enum err why;      /* set with REFUSED */
	struct decision
	    about; /* for the decision log; what and why are filled in when it is entered */
};

/* Handle one whole message.  True when the answer comes later. */
bool dispatch(struct conn *c, struct bytes message);

/* The same without waiting for the first look at the key directories. */
bool dispatch_now(struct conn *c, struct bytes message);

/* For a handler: refuse for this reason. */
enum outcome refuse(struct request *r, enum err why);

/* For a handler: answer SUCCESS, and log it. */
enum outcome succeed(struct request *r);

/* Enter r->about into the decision log: allowed, or refused for this reason. */
void request_decided(struct request *r, enum err why);

/* The handlers, each in a file named after it. */
enum outcome req_list(struct request *r);
enum outcome req_sign(struct request *r);
enum outcome req_add(struct request *r);
enum outcome req_add_with_rules(struct request *r);
enum outcome req_remove(struct request *r);
enum outcome req_remove_all(struct request *r);
enum outcome req_token_add(struct request *r);
enum outcome req_token_add_with_rules(struct request *r);
enum outcome req_token_remove(struct request *r);
/* Additions of tokens that are under way come to nothing: their PINs are wiped now, and whoever
 * asked is refused soon. */
void token_additions_end(struct core *core, enum err why);
enum outcome req_certificate(struct request *r);
enum outcome req_lock(struct request *r);
enum outcome req_unlock(struct request *r);
enum outcome req_extension(struct request *r);
enum outcome req_status(struct request *r);
enum outcome req_keys(struct request *r);
enum outcome req_log(struct request *r);
enum outcome req_follow(struct request *r);
enum outcome req_environment(struct request *r);

/* There are new decisions: tell those who follow (req_log.c). */
void followers_wake(void *core);

/*
 * What an addition asks for, but for its end: of the protocol's constraints and our rules the
 * stricter holds.  destinations is a view of c's (req_add.c).
 */
struct rules addition_rules(
    const struct conn *conn, const struct constraints *c, const struct key_rules *own);

/* An extension's, in a file named after it: body is what follows its name. */
enum outcome req_session_bind(struct request *r, struct bytes body);

/* Hand out the signatures that were asked for in this round; those that are returned are made when
 * it is over (loop_after_round; sign_round.c). */
struct task *sign_round(void *core);

#endif
