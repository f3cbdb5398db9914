/*
 * Waiting for a device that is not plugged in: one question for each key, however many requests
 * wait for it; of security keys (touch.h) and tokens (tokensign.h) alike.
 */
#ifndef SIGNET_INSERTION_H
#define SIGNET_INSERTION_H

#include "agent/loop.h"
#include "agent/options.h"
#include "agent/prompt.h"

struct insertion;

/* The core's; zero-initialised but for the first two. */
struct insertions {
	struct loop *loop;
	const struct options *options; /* insert_wait */
	struct insertion *first;
};

/* One who waits: embed it, zero-initialised. */
struct insertion_member {
	struct insertion_member *next, *prev;
	struct insertion *of; /* NULL: waits for none */
	struct bytes key;     /* its public key blob: a view that outlives the waiting */
	/* Put the question, in this one's words, for so many seconds; NULL: it could not be put. */
	struct prompt *(*ask)(struct insertion_member *m, uint32_t timeout,
	    void (*answered)(void *ctx, enum err result, struct bytes answer), void *ctx);
	/* It is over: ERR_DENIED, ERR_SCREEN, or ERR_NO_DEVICE for whatever else; out of it by
	   then. On the loop, never from within insertion_join. */
	void (*over)(struct insertion_member *m, enum err why);
};

/*
 * Wait along with those who wait for the same key, or as the first; the question comes from the
 * loop.  ERR_NO_DEVICE: options say that nobody waits (for forwarded: is the request of a forwarded
 * connection?); ERR_MEMORY.
 */
enum err insertion_join(struct insertions *all, struct insertion_member *m, bool forwarded);

/* It waits no longer: closes the question, or gives it to the next who waits for the same.  Allowed
 * when it waits for none. */
void insertion_leave(struct insertion_member *m);

#endif
