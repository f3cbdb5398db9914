/*
 * The desktop's session: is its screen locked, does the machine go to sleep?  Told by
 * signet-session, a helper that lives as long as it is wanted and is started again, after pauses
 * that grow, when it ends.
 *
 * While the screen is locked no question is put to anybody, open ones are taken back, remembered
 * answers are forgotten, nothing is unlocked and the keyring is left alone.  What keys do then, and
 * before sleep, the configuration says (OnScreenLock, OnSleep), each with what stands above it:
 *
 *   EVENT_RELOCK   those that files offer are locked again
 *   EVENT_LOCK     PINs are forgotten, and nobody signs or lists (lock.held) until the screen is
 *                  unlocked; of sleep: until the machine woke up with its screen unlocked
 *   EVENT_DROP     all others are removed, and offers of cards end, as on SIGUSR1
 *
 * What was last heard holds until something else is heard.  So a screen that was locked when the
 * helper ended counts as locked, however long it takes to have a helper again, and even if there
 * never is one: whoever can keep it from being started must not unlock keys by that.  Two things
 * end it without a helper: a configuration that wants none, and a new agent.
 */
#ifndef SIGNET_SESSION_H
#define SIGNET_SESSION_H

#include "agent/config.h"
#include "agent/helpercall.h"

struct core;

/* The core's; zero-initialised but for core and calls. */
struct session {
	struct core *core;
	struct calls *calls;
	struct call *call;
	bool wanted;        /* a helper is to run */
	bool locked;        /* the screen */
	bool fresh;         /* the helper has not said anything yet */
	uint32_t flags;     /* of the last SESSION_STATE; 0: there was none */
	struct timer again; /* armed while a new helper is awaited */
	uint64_t started;   /* clock_now() of the last one's start */
	unsigned pause;     /* before the next, in milliseconds */
	enum err trouble;   /* why there is no helper, as the log was told; ERR_OK: there is one */
	unsigned messages;  /* of the helper, */
	uint64_t since;     /* from then on, clock_now() */
};

/* Have a helper, or none, as the configuration wants it now: keys are offered, or one of the two
 * events means something.  A screen that is locked already is treated as it says now. */
void session_reload(struct session *s);

static inline bool session_is_locked(const struct session *s)
{
	return s->locked;
}

/* In words, for --status: "locked (logind)", "unlocked (screen saver)", "not seen", "off". */
const char *session_words(const struct session *s);

#endif
