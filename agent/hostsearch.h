/*
 * What known_hosts files say of a host key, as words for a person.  Takes as long as the files
 * are: work for a thread that nobody waits for.
 */
#ifndef SIGNET_HOSTSEARCH_H
#define SIGNET_HOSTSEARCH_H

#include <stdatomic.h>

#include "agent/knownfiles.h"
#include "proto/base/bytes.h"

/* Room for the text, in bytes with its NUL. */
enum { HOSTSEARCH_TEXT = 200 };

struct hostsearch {
	struct bytes host_key;          /* public key blob or host certificate */
	const struct bytes *candidates; /* names to try on hashed entries */
	size_t n;                       /* of them */
	const int *files;               /* KNOWNFILES descriptors at their start, or -1 */
	const atomic_bool *cancelled;   /* true: give up; NULL: never */
};

/*
 * Read the files (of each the first LIMIT_KNOWN_HOSTS bytes, by read(2) alone) and write what they
 * say of the key into out, escaped; empty when none knows it.  ERR_OK: everything was searched; out
 * holds also when not all was: ERR_TOO_LONG (a file is longer), ERR_SYSTEM (one could not be read).
 * ERR_MEMORY, ERR_CANCELLED: out is empty.  The text is one of
 *     db1.example.org, 192.0.2.7            a hashed name by the candidate that fits it
 *     ~/.ssh/known_hosts line 12            where no candidate fits, and there is no other name
 *     certified by the authority of *.example.org (~/.ssh/known_hosts line 3) for db1.example.org
 * and begins with "REVOKED in FILE line N" where an entry says that of the key, the certified one
 * or the authority's.  Of a certificate whose authority no file knows, the key in it is looked for.
 */
enum err hostsearch_run(const struct hostsearch *s, char out[static HOSTSEARCH_TEXT]);

#endif
