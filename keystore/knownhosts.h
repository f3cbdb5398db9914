/*
 * OpenSSH's known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): which names have which host
 * key.  Files are read by the caller; their content is not trusted.
 */
#ifndef SIGNET_KNOWNHOSTS_H
#define SIGNET_KNOWNHOSTS_H

#include "proto/base/bytes.h"

enum knownhost_marker {
	KNOWNHOST_KEY,     /* no marker: the host's own key */
	KNOWNHOST_CA,      /* @cert-authority: the key certifies host keys */
	KNOWNHOST_REVOKED, /* @revoked: never to be accepted */
};

/* One entry.  All members are views of the line. */
struct knownhost {
	enum knownhost_marker marker;
	struct bytes names; /* patterns with commas between, or one hashed name */
	struct bytes type;
	struct bytes base64; /* not decoded: most entries are not the one that is looked for */
	size_t line;         /* from 1 on, by knownhosts_next; else 0 */
};

/*
 * Cut one line without its end into its parts.  ERR_NOT_FOUND: a comment or blank;
 * ERR_TOO_LONG: over LIMIT_KNOWN_HOSTS_LINE; ERR_TEXT: it holds a NUL; ERR_FORMAT: an unknown
 * marker, two markers, or a part is missing.
 */
enum err knownhost_parse(struct bytes line, struct knownhost *out);

/* Walks the entries of a file's content, which has to outlive it. */
struct knownhosts_walk {
	struct bytes rest;
	size_t line; /* lines passed */
};

struct knownhosts_walk knownhosts_walk(struct bytes file);

/* The next entry; comments and lines that do not parse are passed over.  False at the end. */
bool knownhosts_next(struct knownhosts_walk *w, struct knownhost *out);

/*
 * Does the entry stand for this name?  name is what ssh would look up: a host name, an address, or
 * [either]:port for a port that is not 22.  Letters match in both cases; a negated pattern that
 * matches wins; a hashed name is tried as given and in lower case.  Needs crypto_start().
 */
bool knownhost_matches(const struct knownhost *h, struct bytes name);

/* True for an entry whose name is hashed, and can be told only by trying. */
bool knownhost_hashed(const struct knownhost *h);

/*
 * The first of n candidate names that the entry stands for, into *which; for finding out what name
 * a hashed entry has.
 */
bool knownhost_try(
    const struct knownhost *h, const struct bytes *candidates, size_t n, size_t *which);

/*
 * The next plain name of the entry, neither hashed nor negated nor with wildcards, in the file's
 * spelling.  *rest starts as h->names and is moved on.  False at the end.
 */
bool knownhost_next_name(struct bytes *rest, struct bytes *name);

/*
 * Decode the entry's public key blob.  *out is the caller's to clear.  ERR_FORMAT (not base64, or
 * of another type than the line says), ERR_KEY_TYPE (unknown, or a certificate), ERR_KEY_SHORT, or
 * what pubkey_parse says.
 */
enum err knownhost_key(const struct knownhost *h, struct blob *out);

/* True when the entry's key, which is the host's or a certifying one, is this public key blob. */
bool knownhost_holds(const struct knownhost *h, struct bytes blob);

#endif
