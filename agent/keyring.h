/*
 * The desktop's keyring, asked through signet-keyring: one helper an operation; none holds up
 * anybody.  Operations on one item take effect in the order in which they were begun.  While the
 * screen is locked none begins.
 */
#ifndef SIGNET_KEYRING_H
#define SIGNET_KEYRING_H

#include "agent/helpercall.h"
#include "proto/keyringmsg.h"

enum { KEYRING_CALLS_MOST = 64 };

struct keyring_call;

/* The core's; zero-initialised but for calls and loop.  It lives as long as the calls do. */
struct keyring {
	struct loop *loop;
	struct calls *calls;
	bool told_absent; /* that no service answers is said once, until one does */
	bool absent;      /* what the last operation found */
	bool screen_locked;
	size_t open; /* operations under way or in line; a cancelled one is none */
	struct keyring_call *first;
};

/*
 * Look one up.  done is called exactly once, on the loop, never from within this call, unless
 * cancelled first: secret is a view of secret memory, not empty and without NUL, valid during the
 * call; ERR_NOT_FOUND, ERR_NO_KEYRING, ERR_KEYRING_LOCKED (the person did not unlock it),
 * ERR_KEYRING (also of a helper that died or made no sense), ERR_TIMEOUT, ERR_MEMORY, ERR_VERSION,
 * ERR_HELPER_MISSING (there is no signet-keyring) and ERR_SCREEN (the screen was locked meanwhile)
 * leave it empty.  The time for the person to unlock the keyring is LIMIT_PROMPT_MS.  NULL without
 * memory, while the screen is locked, and while KEYRING_CALLS_MOST operations are open.
 */
struct keyring_call *keyring_lookup(struct keyring *k, const struct keyring_item *item,
    void (*done)(void *ctx, enum err result, struct bytes secret), void *ctx);

/* Cancel: done will not be called.  A question of the service's own stays until it is answered. Not
 * once done was called.  NULL is allowed. */
void keyring_lookup_end(struct keyring_call *c);

/*
 * Store or forget, which nobody waits for: what went wrong is said in the log.  A keyring that is
 * locked may ask the person to unlock it.  All that is given is copied; label is what the person
 * reads in a program that shows keyrings: "Passphrase of SSH key ~/.ssh/id_ed25519 (Signet)".
 * False, and nothing is stored or forgotten: no memory, a secret that is empty, over
 * KEYRING_SECRET_MOST bytes or holds a NUL, the screen is locked (but what is to be forgotten is
 * kept in mind until it is unlocked), or KEYRING_CALLS_MOST operations are open.
 */
bool keyring_store(
    struct keyring *k, const struct keyring_item *item, struct bytes label, struct bytes secret);
bool keyring_forget(struct keyring *k, const struct keyring_item *item);

/* The screen is locked, or no longer.  Lookups that are open end with ERR_SCREEN, from within this
 * call, and so does what waits to be stored. */
void keyring_screen(struct keyring *k, bool locked);

/* Did a keyring answer the last time, or was none asked so far? */
bool keyring_is_there(const struct keyring *k);

#endif
