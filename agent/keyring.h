/* The desktop's keyring, asked through signet-keyring: one helper an operation; none holds up
 * anybody. */
#ifndef SIGNET_KEYRING_H
#define SIGNET_KEYRING_H

#include "agent/helpercall.h"
#include "proto/keyringmsg.h"

struct keyring_call;

/* The core's; zero-initialised but for calls and loop. */
struct keyring {
	struct loop *loop;
	struct calls *calls;
	bool told_absent; /* that no service answers is said once */
	size_t open;      /* calls */
	struct keyring_call *first;
};

/*
 * Look one up.  done is called exactly once, on the loop, never from within this call, unless
 * cancelled first: secret is a view of secret memory, valid during the call; ERR_NOT_FOUND,
 * ERR_NO_KEYRING, ERR_KEYRING_LOCKED, ERR_KEYRING, ERR_TIMEOUT, ERR_HELPER and ERR_HELPER_MISSING
 * (as ERR_NO_KEYRING, but said by --status) leave it empty.  The time for the person to unlock the
 * keyring is LIMIT_PROMPT_MS. NULL without memory.
 */
struct keyring_call *keyring_lookup(struct keyring *k, const struct keyring_item *item,
    void (*done)(void *ctx, enum err result, struct bytes secret), void *ctx);

/* done is called as of keyring_lookup, without a secret; NULL: nobody wants to know.  False without
 * memory. */
struct keyring_call *keyring_lookup_end(
    struct keyring_call *c); /* cancel; NULL allowed, gives NULL */
bool keyring_store(
    struct keyring *k, const struct keyring_item *item, struct bytes label, struct bytes secret);
bool keyring_forget(struct keyring *k, const struct keyring_item *item);

/* Did a keyring answer the last time, or was none asked so far? */
bool keyring_is_there(const struct keyring *k);

#endif
