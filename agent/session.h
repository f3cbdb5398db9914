/*
 * The desktop's session: is its screen locked, does the machine go to sleep?  Told by
 * signet-session. While the screen is locked no question is put to anybody, nothing is unlocked and
 * the keyring is left alone; what keys do then the configuration says (OnScreenLock, OnSleep).
 */
#ifndef SIGNET_SESSION_H
#define SIGNET_SESSION_H

#include "agent/config.h"
#include "agent/helpercall.h"

struct core;

/* The core's; zero-initialised but for core. */
struct session {
	struct core *core;
	struct call *call;
	bool wanted;    /* a helper is to run */
	bool locked;    /* the screen */
	bool held;      /* EVENT_LOCK: nobody signs or lists until the screen is unlocked */
	uint32_t flags; /* of the last SESSION_STATE */
	struct timer again;
};

/* Have a helper, or none, as the configuration wants it now: keys are offered, or one of the two
 * events means something. */
void session_reload(struct session *s);

static inline bool session_is_locked(const struct session *s)
{
	return s->locked;
}

/* In words, for --status: "locked (logind)", "unlocked (screen saver)", "not seen", "off". */
const char *session_words(const struct session *s);

#endif
