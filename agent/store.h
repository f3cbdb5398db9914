/*
 * The identities held: an ordered set, looked up by blob in constant time.
 */
#ifndef SIGNET_STORE_H
#define SIGNET_STORE_H

#include "agent/loop.h"
#include "keystore/key.h"
#include "proto/base/bytes.h"
#include "proto/rules.h"

/* The way that a key's last addition came. */
enum key_source { SOURCE_AGENT_SOCKET, SOURCE_CONTROL_SOCKET, SOURCE_FORWARDED, SOURCE_FILE };

/* What a key may be used for, set anew by each addition (RFC 9987, section 5.2). */
struct rules {
	struct key_rules key; /* the protocol's confirm constraint is CONFIRM_ALWAYS */
	enum key_source source;
	uint64_t expires; /* clock_now() milliseconds; 0: never */
	/* restrict-destination, well-formed; store_put copies, as the next two; empty: none */
	struct bytes destinations;
	struct bytes provider; /* of a security key: the middleware library; empty: ours */
	/* Of a key that is in a token (key_is_public): where, as place_build has it (modules.h);
	   else empty. */
	struct bytes place;
	/* Of a key that its file offers (files.h): the file's absolute path; else empty.  Such a
	   key is locked (key_is_locked) or unlocked, and where others would go at the end of their
	   lifetime or idle time it is locked again.  expires is of the unlocked key. */
	struct bytes file;
	/* Of one that was added by hand: the file in the key directories that is known to have it,
	   for what is said of files by their paths; else NULL. */
	const char *known_file;
	uint32_t relock;   /* with file: seconds from unlocking until it is locked again; 0: none */
	uint32_t lifetime; /* with file: the lifetime that unlocking gives it, seconds; 0: none */
};

struct identity {
	struct key *key;
	struct bytes blob;    /* what is listed: the plain key blob, or the certificate */
	struct bytes comment; /* both lie in ordinary memory: they are no secrets */
	struct rules rules;
	char print[52];       /* SHA-256 fingerprint, made once: the decision log names it */
	bool blob_is_keys;    /* blob is a view of key's own, */
	bool comment_is_file; /* and comment of rules.file */
	uint64_t number;      /* counts up with each addition of a new key */
	uint64_t uses;        /* signatures allowed */
	int64_t last_use;     /* seconds since 1970; 0: never */
	int64_t added;        /* seconds since 1970 */
	uint64_t active; /* clock_now() of the addition or the last use; with rules.key.idle only */
	struct timer expiry; /* not after the key's end, and before it where it was used since */
	struct store *store;
	struct identity *next, *prev; /* in the order of addition */
	struct identity *same_hash;
};

/* Zero-initialised is not usable: store_new. */
struct store;

/* l serves the identities' lifetimes.  NULL when there is no memory. */
struct store *store_new(struct loop *l);

/* An empty one. */
void store_free(struct store *s);

size_t store_count(const struct store *s);

/* One watcher, which must not change the store; any of its functions may be NULL. */
struct store_watcher {
	/* What was said of an identity holds no longer: it is about to be removed (by whomever, its
	   lifetime included) or was added again; id NULL: all are about to be. */
	void (*changed)(void *ctx, const struct identity *id);
	/* A key is about to be taken in, or let go (key_ref for whoever keeps it), with the rules
	   that it will have or had: of a replaced identity the new one first.  Unless added gives
	   ERR_OK the key is not taken in, and removed is not called for it; where something else is
	   in the way after that, removed is. */
	enum err (*added)(void *ctx, struct key *key, const struct rules *rules);
	void (*removed)(void *ctx, struct key *key, const struct rules *rules);
	void *ctx;
};
void store_watch(struct store *s, const struct store_watcher *w);

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

/* The key is in another token now; all else of it stays as it is.  ERR_MEMORY. */
enum err store_move(struct identity *id, struct bytes place);

/*
 * A key that its file offers is unlocked: key (whose plain blob is that of the locked one) takes
 * the place of the locked one, and its times begin.  relock: seconds, if its rules have no less; 0:
 * none.  Takes over the caller's reference when it succeeds.  ERR_MEMORY; ERR_KEY_MISMATCH: it is
 * another key.
 */
enum err store_unlock(struct identity *id, struct key *key, uint32_t relock);

/* Back to locked, with all that it was told; nothing for one that is locked or has no file.  Its
 * secret is wiped as soon as nobody signs with it.  ERR_MEMORY: it was removed instead. */
enum err store_relock(struct identity *id);

/* The same for all that files offer. */
void store_relock_all(struct store *s);

/* List it right behind after; NULL: before all others. */
void store_place(struct identity *id, struct identity *after);

/* Keys are to go: those that files offer are locked again, all others are removed. */
void store_empty(struct store *s);

/* A signature with it was allowed: counts it, and starts its idle time anew. */
void store_used(struct identity *id);

/* When it goes unless it is used before, in clock_now() milliseconds; 0: its rules say nothing of
 * that. */
uint64_t store_idle_end(const struct identity *id);

/* Wipe and free one; its pointer is dead afterwards. */
void store_remove(struct store *s, struct identity *id);

void store_remove_all(struct store *s);

#endif
