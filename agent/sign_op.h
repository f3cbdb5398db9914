/*
 * A signature that was asked for: what req_sign.c leads through consent, unlocking and devices, and
 * sign_round.c makes.
 */
#ifndef SIGNET_SIGN_OP_H
#define SIGNET_SIGN_OP_H

#include "agent/consent.h"
#include "agent/conn.h"

struct sign_op {
	struct sign_op *next; /* in core->signs, and of those made when the round is over */
	struct core *core;
	struct conn *conn;
	struct key *key;
	const struct sigalg *alg;
	struct blob data;
	struct inquiry *inquiry;     /* while a person is asked, */
	struct unlocking *unlocking; /* or its file is unlocked, */
	struct touch *touch;         /* or while a security key signs, */
	struct tokensign *token;     /* or a token, */
	struct blob identity;        /* and what was asked for, to be found again after it */
	bool needed;                 /* a person had to be asked, as the rules were then; */
	struct key_rules rules;      /* these: */
	enum consent how;            /* what the person said, and */
	struct blob destination;     /* what for, for the log */
	bool described;              /* who asks and what for is known: */
	struct blob about;           /* in words, */
	uint64_t started;            /* and the start time of the client's process */
	struct parked parked;
	struct job job;
	struct task task; /* those that are made when the round is over, from this one on; or */
			  /* brings a failure to the log (or a long one back), */
	struct asker who; /* with whoever asked, */
	bool forwarded;   /* and from where, */
	char view[DECISION_VIEW];
	enum err why; /* and this */
	struct builder reply;
};

#define SIGN_OP_OF(ptr, member)                                                                    \
	((struct sign_op *)(void *)((char *)(ptr)-offsetof(struct sign_op, member)))

/* Nobody may wait for its answer any more. */
void sign_op_free(struct sign_op *op);

/* Enter it into the decision log; id is NULL when the key is not held (any more). */
void sign_op_record(const struct sign_op *op, struct identity *id, struct decision d);

/* The connection is held: it is made and answered after this round (sign_round). */
void sign_enqueue(struct sign_op *op);

/* By any thread, outside of any round: make the signature and the answer (a whole frame), which is
 * given, and free op.  An error of *reply: there is no memory for either. */
void sign_make(struct sign_op *op, struct builder *reply);

/* In a round: what takes long, for its key or its data, is signed and answered by a slow worker. */
bool sign_is_slow(const struct sign_op *op);
void sign_slowly(struct sign_op *op);

#endif
