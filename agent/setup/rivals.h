/* Other programs that claim SSH_AUTH_SOCK. */
#ifndef SIGNET_SETUP_RIVALS_H
#define SIGNET_SETUP_RIVALS_H

#include "agent/setup/setup.h"

/* One that was found. */
struct rival {
	char name[PATH_MAX + 80];        /* what it is, and where it is said */
	char remedy[4 * PATH_MAX + 160]; /* what turns it off: a command, or what to edit */
	const char *unit;                /* of the person's service manager; NULL: it is none */
};

typedef void rival_found(void *context, const struct rival *r);

/* Calls found for each, before it returns. */
void rivals_find(const struct place *p, rival_found *found, void *context);

/* Print each with what turns it off; replace: mask those that are units instead, and note it. */
void rivals_handle(struct setup *s, bool replace);

/* Take back what replace did to a unit; started: it ran before. */
void rivals_put_back(struct setup *s, const char *unit, bool started);

/*
 * A line of a start file: does it start another agent or set the variable to another's socket?
 * Comments and what names Signet do not.
 */
bool rival_line(struct bytes line);

#endif
