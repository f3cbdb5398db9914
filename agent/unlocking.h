/*
 * Unlocking a key that its file offers: the passphrase comes from the keyring or from a person, the
 * helper signet-unlock decrypts the file, and the key takes its place in the store, for all of the
 * file's identities.  However many requests wait for one file, it is unlocked once.
 *
 *   no passphrase wanted?  signet-unlock without one
 *   keyring                tried once; one that does not fit is asked for anew, and replaced
 *   person                 asked up to three times, with what the last one lacked
 *   remember?              after the signature was let go on, where the rule is ASK and a keyring
 * answers
 *
 * Refused at once: ERR_LOCKED, ERR_SCREEN, ERR_UNLOCK_FORWARDED unless the configuration allows it.
 */
#ifndef SIGNET_UNLOCKING_H
#define SIGNET_UNLOCKING_H

#include "agent/config.h"
#include "agent/files.h"
#include "agent/keyring.h"
#include "agent/prompt.h"
#include "agent/session.h"
#include "agent/store.h"
#include "agent/workers.h"

struct unlocking; /* one request that waits */
struct opening;   /* one file that is being unlocked */

/* The core's; zero-initialised but for what comes before opening. */
struct unlockings {
	struct loop *loop;
	struct calls *calls;
	struct workers *workers; /* the key's numbers are checked there */
	struct prompts *prompts;
	struct keyring *keyring;
	struct files *files;
	struct session *session;
	struct store *store;
	const struct blob *environment; /* display variables */
	const struct options *options;  /* time-outs */
	struct config *const *config;   /* the core's; it may be replaced */
	struct opening *first, *last;
};

/* Views, needed only during the call. */
struct unlock_request {
	struct bytes identity; /* its blob in the store */
	struct bytes purpose;  /* consent_about: who asks, what for */
	uint32_t pid;
	uint64_t started;
	bool forwarded; /* came over a forwarded connection */
	/* With done's ctx: may the key still be used so?  Asked before each step. */
	enum err (*allowed)(void *ctx);
};

/*
 * Begin.  done is called exactly once, on the loop, never from within this call, unless cancelled
 * first: ERR_OK, and the identity is unlocked in the store; or why not.  The handle is dead then.
 * NULL without memory.
 */
struct unlocking *unlocking_begin(struct unlockings *us, const struct unlock_request *request,
    void (*done)(void *ctx, enum err result), void *ctx);

/* The client left: who asks closes when nobody waits for the file any more.  NULL is allowed. */
void unlocking_cancel(struct unlocking *u);

/* The agent or the screen was locked, or keys went: whoever may not go on is refused. */
void unlockings_review(struct unlockings *us);

size_t unlockings_count(const struct unlockings *us);

#endif
