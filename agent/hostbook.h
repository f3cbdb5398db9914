/*
 * What hosts were called when a person was last asked about them, by their keys' fingerprints.  For
 * the decision log, which is not worth a search of known_hosts; questions search anew.
 */
#ifndef SIGNET_HOSTBOOK_H
#define SIGNET_HOSTBOOK_H

#include <stddef.h>

#include "agent/hostsearch.h"
#include "agent/route.h"

enum { HOSTBOOK_MOST = 64 };

/* Zero-initialised knows none. */
struct hostbook {
	struct {
		char print[ROUTE_PRINT]; /* empty: none */
		char names[HOSTSEARCH_TEXT];
	} host[HOSTBOOK_MOST];
	size_t next; /* the place to be taken by the next new one */
};

/* names: text of hostsearch_run; empty: it has none any more.  Both are copied, cut where they are
 * too long. */
void hostbook_note(struct hostbook *b, const char *print, const char *names);

/* Its names, valid until the next hostbook_note, or NULL; b may be NULL. */
const char *hostbook_find(const struct hostbook *b, const char *print);

#endif
