/*
 * Locking the agent with a passphrase (RFC 9987, section 5.7).
 *
 * Passphrases are derived on a worker, one at a time; guessers.h says whose is next, so that
 * guessing is slow however many connections do it and the owner is not held up by it.  The answer
 * to a wrong one comes late, which nobody waits for but its client.
 */
#ifndef SIGNET_LOCK_H
#define SIGNET_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/guessers.h"
#include "agent/loop.h"
#include "proto/base/err.h"

enum { LOCK_SALT = 16, LOCK_HASH = 32 };

struct lock_op;

/* Zero-initialised is unlocked. */
struct lock {
	bool on;   /* with a passphrase, which alone ends it */
	bool held; /* with the screen or for sleep (session.h), whose end alone ends it */
	uint8_t salt[LOCK_SALT];
	uint8_t hash[LOCK_HASH];
	struct lock_op *working; /* whose passphrase is being derived; NULL: nobody's */
	struct guessers guessers;
	struct timer again; /* armed while all that wait are to wait */
};

/* Requests to lock and unlock that are not answered yet. */
size_t lock_waiting(const struct lock *l);

/* Nobody signs or lists, for whichever reason. */
static inline bool lock_is_on(const struct lock *l)
{
	return l->on || l->held;
}

/* Why nobody does: ERR_LOCKED, ERR_SCREEN; ERR_OK: somebody may. */
static inline enum err lock_reason(const struct lock *l)
{
	if (l->on)
		return ERR_LOCKED;
	return l->held ? ERR_SCREEN : ERR_OK;
}

#endif
