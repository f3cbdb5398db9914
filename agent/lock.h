/*
 * Locking the agent with a passphrase (RFC 9987, section 5.7).
 *
 * Lock and unlock requests are worked on one at a time, in order, on a worker:
 * so guesses cannot be made side by side, and the delay after a wrong one holds
 * up only those who are guessing.
 */
#ifndef SIGNET_LOCK_H
#define SIGNET_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/loop.h"

enum { LOCK_SALT = 16, LOCK_HASH = 32 };

struct lock_op;

/* Zero-initialised is unlocked. */
struct lock {
	bool on;
	unsigned failures; /* wrong passphrases since it was locked */
	uint8_t salt[LOCK_SALT];
	uint8_t hash[LOCK_HASH];
	struct lock_op *first, *last; /* requests waiting; the first is being worked on */
};

/* Requests to lock and unlock that are not answered yet. */
size_t lock_waiting(const struct lock *l);

static inline bool lock_is_on(const struct lock *l)
{
	return l->on;
}

#endif
