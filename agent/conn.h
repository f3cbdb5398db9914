/*
 * One client.
 *
 * A connection is READING, or has exactly one request in flight; so answers
 * keep their order and a client's unread input is bounded by one message
 * (LIMIT_MESSAGE).  Input is asked for only when the last answer has been
 * written.  While a request is in flight the connection belongs to whoever works
 * on it:
 *
 *   READING   the loop owns it
 *   PARKED    a request waits for something on the loop (prompt, job, timer)
 *   SIGNING   a worker makes the signature and writes the answer itself (and may wait for the next
 *             request: attend.h)
 *   CALLED    on its way back: the loop goes on with it when its task runs
 *
 * What all of them make the agent keep is bounded (backlog.h): beyond LIMIT_BACKLOG the process
 * that has most of it loses its largest.
 */
#ifndef SIGNET_CONN_H
#define SIGNET_CONN_H

#include <stdatomic.h>

#include "agent/attend.h"
#include "agent/core.h"
#include "agent/route.h"
#include "proto/agentmsg.h"
#include "proto/base/fdio.h"
#include "proto/limits.h"

/* Bytes read at a time: the longest message with its length field. */
enum { INPUT_ROOM = LIMIT_MESSAGE + 4 };

enum conn_state { CONN_READING, CONN_PARKED, CONN_SIGNING, CONN_CALLED };

/* What a request that waits has to know when the client goes away. */
struct parked {
	void (*cancel)(struct parked *p);  /* the client is gone: no answer may be given any more */
	void (*flushed)(struct parked *p); /* conn_stream: all is written; may be NULL elsewhere */
};

struct conn {
	struct watch watch;
	struct core *core;
	struct conn *next, *prev;
	struct peer peer;
	uint64_t number;   /* its own among all connections so far, from 1 */
	uint64_t since;    /* clock_now() when it was accepted */
	bool control;      /* came in on the control socket */
	struct view *view; /* which one it came in through; NULL: none */
	struct pace pace;  /* of the signatures that it asks for */
	bool attended;     /* a worker waits for what it sends; the loop only for its end */
	bool gone;         /* to be closed as soon as nobody works on it */
	_Atomic(enum conn_state) state;
	struct parked *parked; /* in CONN_PARKED */
	struct builder input;  /* what was read and not yet handled */
	size_t asked;          /* bytes of the request that waits */
	struct builder output; /* what could not be written yet, */
	size_t written;        /* but for so many bytes at its front */
	struct route route;    /* where it leads, as far as its client has proved it */
	struct backlog_part part;
	size_t output_room;    /* of output, when the loop looked last */
	bool dropped;          /* hung up on for what it made us keep, or closed */
	struct task come_back; /* what CONN_CALLED waits for */
	struct task burial;
};

/* Begin with a client who connected to l; fd is the connection's from then on.  False: there is no
 * memory, and fd stays the caller's. */
bool conn_open(const struct listener *l, int fd, const struct peer *peer);

/* accept.c: accept what waits on a listener: watch callback. */
void conn_accept(struct watch *w, uint32_t events);

/* Timer callback of core->accept_again. */
void conn_accept_again(struct timer *t);

/* The request in flight will be answered within this round: conn_answer or conn_lend follows. */
void conn_hold(struct conn *c);

/*
 * The request in flight will be answered later, by conn_answer.  p is called
 * when the client leaves first.
 */
void conn_park(struct conn *c, struct parked *p);

/*
 * Write one frame of an answer that has no end, and stay parked.  False when not all of it could be
 * written: p->flushed is called when it was, and nothing may be written before.
 */
bool conn_stream(struct conn *c, struct bytes frame);

/* Have a parked connection closed: its p->cancel comes with the next events. */
void conn_drop(struct conn *c);

/* Answer the parked request with these bytes (a whole frame), and go on reading. */
void conn_answer(struct conn *c, struct bytes reply);

/* Answer it with a message that is a number alone; not for the control protocol. */
void conn_answer_plain(struct conn *c, enum agent_number number);

/* Answer it in the protocol that the client speaks: done, or refused (the control protocol tells
 * why). */
void conn_succeed(struct conn *c);
void conn_refuse(struct conn *c, enum err why);

/* The same answers for a request that was not parked: whole frames into b. */
void conn_build_success(const struct conn *c, struct builder *b);
void conn_build_refusal(const struct conn *c, struct builder *b, enum err why);

/*
 * Give a held connection to a worker, which answers with conn_answer_from_worker or attends it
 * (attend.h); never from within a handler, whose caller still looks at the connection.
 */
void conn_lend(struct conn *c);

/*
 * On a worker: write the answer (an error of *reply: hang up).  The connection must not be touched
 * afterwards.
 */
void conn_answer_from_worker(struct conn *c, const struct builder *reply);

#endif
