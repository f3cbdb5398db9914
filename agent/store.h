/*
 * The identities held: an ordered set, looked up by blob in constant time.
 */
#ifndef SIGNET_STORE_H
#define SIGNET_STORE_H

#include "agent/loop.h"
#include "keystore/key.h"
#include "proto/base/bytes.h"

/* What a key may be used for, set anew by each addition (RFC 9987, section 5.2). */
struct rules {
	bool confirm;
	uint64_t expires; /* clock_now() milliseconds; 0: never */
	struct bytes
	    destinations; /* restrict-destination, well-formed; store_put copies; empty: none */
};

struct identity {
	struct key *key;
	struct bytes blob;    /* what is listed: the plain key blob, or the certificate */
	struct bytes comment; /* both lie in ordinary memory: they are no secrets */
	struct rules rules;
	struct timer expiry;
	struct store *store;
	struct identity *next, *prev; /* in the order of addition */
	struct identity *same_hash;
};

/* Zero-initialised is not usable: store_new. */
struct store;

/* l serves the identities' lifetimes.  NULL when there is no memory. */
struct store *store_new(struct loop *l);

size_t store_count(const struct store *s);

/* The first identity, or NULL; walk on with ->next. */
struct identity *store_first(const struct store *s);

/* The identity with this blob, or NULL. */
struct identity *store_find(const struct store *s, struct bytes blob);

/*
 * Add an identity, or replace comment, rules and key of the one that has this
 * blob (it keeps its place in the order).  Takes over the caller's reference to
 * key when it succeeds.  ERR_LIMIT beyond LIMIT_KEYS.
 */
enum err store_put(struct store *s, struct key *key, struct bytes blob, struct bytes comment,
    const struct rules *rules);

/* Wipe and free one; its pointer is dead afterwards. */
void store_remove(struct store *s, struct identity *id);

void store_remove_all(struct store *s);

#endif
