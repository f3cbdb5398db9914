/*
 * Clients who ask for signature after signature.
 *
 * A worker that has answered such a client stays with it: it waits for the next request itself,
 * handles it within the loop (loop_enter), signs, and answers.  So client and worker take turns on
 * a processor, as they would if every client had a thread of its own.  With more of them than
 * workers, those who have none are not left behind: after each signature a worker makes one for
 * them.  The connection goes back to the loop when nothing comes for a moment, or when something
 * else is asked for than a fast signature.
 */
#ifndef SIGNET_ATTEND_H
#define SIGNET_ATTEND_H

#include <stdbool.h>
#include <stdint.h>

struct sign_op;

/* How quickly a client asks: in a connection, zero-initialised. */
struct pace {
	uint64_t last;  /* clock_now() of its last signature */
	unsigned quick; /* how many have come at once after the one before */
	bool patient;   /* a read of its connection waits for a moment only */
};

/*
 * At the end of a round: have a worker sign op, whose connection is lent (conn_lend) and which
 * is fast, and attend its client, if that has been quick and a worker is free.  False: neither.
 */
bool attend_start(struct sign_op *op);

#endif
