/*
 * One signature by a token (modules.h): find it or have it plugged in, wait for the turn, have the
 * PIN asked for where one is needed, say that a touch or a PIN on the reader is awaited, and take
 * the signature.
 *
 *   INSERT    it is not there: a person is asked to plug it in; goes on when it comes
 *   LINE      waits for its turn on the token
 *   PIN       a person is asked for the PIN; of those that want one of the same token, one after
 *             the other: the next asks only if the token still wants it when that is over
 *   SIGNING   the helper signs; for a key that wants a touch, after LIMIT_NOTICE_MS the person is
 *             told; for a reader with a keypad at once
 *
 * A token or helper that is lost on the way (ERR_TOKEN_GONE, ERR_HELPER) is waited for, and the
 * signature tried again once; the person is asked for the PIN again only where the token wants it.
 * A PIN is asked for twice at most, none is sent to another token than it was typed for, and the
 * last try is never spent without the person having been told that it is.
 */
#ifndef SIGNET_TOKENSIGN_H
#define SIGNET_TOKENSIGN_H

#include "agent/insertion.h"
#include "agent/keyring.h"
#include "agent/modules.h"
#include "agent/prompt.h"
#include "agent/touch.h"

struct config;
struct tokensign;

/* The core's; zero-initialised but for what comes before first. */
struct tokensigns {
	struct loop *loop;
	struct modules *modules;
	struct prompts *prompts;
	struct insertions *insertions;
	const struct blob *environment; /* of every question; may be NULL */
	const struct options *options;
	struct keyring *keyring;      /* NULL: PINs are not kept there; so with config: */
	struct config *const *config; /* the core's; it may be replaced */
	struct tokensign *first;      /* newest first */
	size_t pending;               /* how many wait for a token, a PIN or a touch */
	struct task review;
	bool review_posted;
	struct task pass; /* the PIN question of a token, to the next */
	bool pass_posted;
	uint64_t asked; /* how often one was wanted */
};

/*
 * request as touch_begin's, with key_is_public and place (store.h) in place of provider.  done is
 * called exactly once, on the loop, never from within this call, unless cancelled first: ERR_OK
 * with a signature blob ("string algorithm, string signature"), verified by the public key; or why
 * not. NULL without memory.
 */
struct tokensign *tokensign_begin(struct tokensigns *ts, const struct touch_request *request,
    struct bytes place, void (*done)(void *ctx, enum err result, struct bytes signature),
    void *ctx);

/* What request->describe was called for; views, needed only during the call, in which done may be
 * called. */
void tokensign_describe(struct tokensign *t, struct bytes purpose, uint64_t started);

/* The client left: closes what is on the screen, gives its place in line to the next. */
void tokensign_cancel(struct tokensign *t); /* NULL is allowed */

/* As touches_review. */
void tokensigns_review(struct tokensigns *ts);

#endif
