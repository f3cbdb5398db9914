/*
 * What logind tells of the person's sessions and of sleep.
 *
 * The screen is locked when all of the person's graphical sessions are, or all active ones where
 * any is; the one named by XDG_SESSION_ID alone where it is graphical.  Where none is, that one
 * counts whatever it is.  Of each session the last word holds, a signal Lock or Unlock or a change
 * of LockedHint: some desktops give only one of the two.  Where logind went and came back, a
 * session that was locked still is, whatever its hint says: a logind that was started anew has lost
 * it.
 */
#ifndef SIGNET_SESSION_LOGIND_H
#define SIGNET_SESSION_LOGIND_H

#include "agent/session/bus.h"

enum {
	LOGIND_SESSIONS = 32, /* of one person; more are not looked at */
	LOGIND_SLEPT_MS =
	    4000, /* sleep is held up no longer than this; logind waits for 5 seconds */
};

struct logind_session {
	char path[256];
	bool listed; /* by the last look */
	bool named;  /* by XDG_SESSION_ID */
	bool person, graphical, active;
	bool hint; /* LockedHint as it was last heard of */
	bool locked;
};

/* Zero-initialised but for bus.  It is watched while bus.used. */
struct logind {
	struct bus bus;
	struct logind_session sessions[LOGIND_SESSIONS]; /* kept while it is gone */
	unsigned count;
	bool look;       /* at the sessions again */
	bool sleeping;   /* the machine is about to, or does */
	int inhibitor;   /* descriptor that holds up sleep, or -1 */
	bool complained; /* of sessions that are not told, */
	bool warned;     /* and of sleep that is not held up */
	bool inhibit;    /* one is to be taken */
	uint64_t let_go; /* clock_now() when it is let go whatever comes; 0: not at all */
};

void logind_init(struct logind *l);
bool logind_is_locked(const struct logind *l);

/* What it told before it went is outdated: somebody else said that the screen is unlocked. */
void logind_forget(struct logind *l);

/* The keys are ready for sleep. */
void logind_slept(struct logind *l);

#endif
