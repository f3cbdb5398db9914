/*
 * Notices of refusals: ssh prints "agent refused operation" and no reason, so
 * where there is a desktop a notification tells it.
 */
#ifndef SIGNET_NOTICE_H
#define SIGNET_NOTICE_H

#include "agent/decisions.h"
#include "agent/loop.h"
#include "agent/prompt.h"

/* The core's notices; zero-initialised but for loop and prompts. */
struct notices {
	struct loop *loop;
	struct prompts *prompts;
	struct prompt *open;     /* the one on the screen */
	struct timer again;      /* armed while one waits for its time */
	struct entry waiting;    /* the refusal to be shown next; number 0: none */
	uint64_t others;         /* refusals that are only counted */
	uint64_t rest_until;     /* clock_now() before which none is shown */
	uint64_t forwarded_rest; /* the same for those over a forwarded connection */
	uint64_t blind_until;    /* no desktop was there: nothing is shown or counted before */
};

/*
 * Show it, unless the person or the client ended the request: such a refusal surprises nobody.  One
 * notice is open at a time, for ten seconds at most; the refusals in between are counted in the
 * next.  After one that found no desktop there is none for a minute.  Another host, over a
 * forwarded connection, causes at most one a minute.  For decision_hooks.notify; e is copied.
 */
void notice_refusal(struct notices *ns, const struct entry *e);

/* The text of a notice into b; others: how many more refusals there were. */
void notice_build(struct builder *b, const struct entry *e, uint64_t others);

#endif
