/*
 * What a request is for, and over which hosts it came, in short words for the decision log.
 */
#ifndef SIGNET_PURPOSE_H
#define SIGNET_PURPOSE_H

#include "agent/decisions.h"
#include "agent/hostbook.h"
#include "agent/route.h"

/* What is known of the request. */
struct purpose_of {
	const struct route *route;
	const struct hostbook *book; /* NULL: hosts are told by their fingerprints */
	struct bytes data;           /* to be signed; empty: nothing */
	struct bytes destinations;   /* of the key; empty: none */
};

enum { PURPOSE_DESTINATION = 64 + 1 + HOSTSEARCH_TEXT };

struct purpose {
	bool forwarded;                        /* route_is_forwarded */
	char destination[PURPOSE_DESTINATION]; /* "you@db1", "signature for git"; may be empty */
	char through[DECISION_THROUGH];        /* "hop1, then hop2", or empty */
};

/*
 * Texts are escaped, and what a client chose stands in quotation marks where it is not one plain
 * word.  A host is called as the key's constraints call it, or as the book does, else it is its
 * key's fingerprint.  No system call, and no hashing.
 */
void purpose_read(struct purpose *out, const struct purpose_of *what);

#endif
