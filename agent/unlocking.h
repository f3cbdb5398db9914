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
 * However many files are wanted at once, a few are decrypted at a time; the others wait in line.
 *
 * Refused at once: ERR_LOCKED, ERR_SCREEN, ERR_UNLOCK_FORWARDED unless the configuration allows it.
 */
#ifndef SIGNET_UNLOCKING_H
#define SIGNET_UNLOCKING_H

#include "agent/config.h"
#include "agent/files.h"
#include "agent/keyring.h"
#include "agent/lock.h"
#include "agent/options.h"
#include "agent/prompt.h"
#include "agent/session.h"
#include "agent/store.h"
#include "agent/workers.h"

struct unlocking; /* one request that waits */
struct opening;   /* one file that is being unlocked */
struct reminder;  /* a passphrase that a person may want to have remembered */
struct refusal;   /* a file whose passphrase a person does not */

/* How a file was opened. */
enum unlock_how { UNLOCK_PLAIN, UNLOCK_KEYRING, UNLOCK_TYPED };

/* The core's; zero-initialised but for what comes before first. */
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
	const struct lock *lock;
	struct opening *first;
	size_t pending; /* requests that wait */
	struct reminder *reminders;
	struct refusal *refusals; /* until the agent ends */
	struct task review;
	bool review_posted;
	size_t trying;    /* signet-unlock processes, at most UNLOCK_TRYING_MOST; */
	struct task line; /* those that wait for one go on */
	bool line_posted;
};

/* Views, needed only during the call. */
struct unlock_request {
	struct bytes identity; /* its blob in the store */
	struct bytes purpose;  /* consent_about: who asks, what for */
	uint32_t pid;          /* the client's, and its start time: for questions at its terminal */
	uint64_t started;
	bool forwarded; /* another host can be at the client's end (route_is_remote) */
	/* With done's ctx: may the key still be used so?  Asked before each step. */
	enum err (*allowed)(void *ctx);
};

/*
 * Begin.  done is called exactly once, on the loop, never from within this call, unless cancelled
 * first: ERR_OK, and the identity is unlocked in the store, by what how says; or why not.  Its
 * rules may be others then, or it may be gone: its comment may have been known to its file alone.
 * The handle is dead then.  NULL without memory.
 */
struct unlocking *unlocking_begin(struct unlockings *us, const struct unlock_request *request,
    void (*done)(void *ctx, enum err result, enum unlock_how how), void *ctx);

/* The client left: who asks closes when nobody waits for the file any more.  NULL is allowed. */
void unlocking_cancel(struct unlocking *u);

/*
 * The agent or the screen was locked, or keys went: soon, on the loop, whoever may not go on is
 * refused; and while either is locked no passphrase is kept for an answer.
 */
void unlockings_review(struct unlockings *us);

/* All keys were to be locked (SIGUSR1): soon, on the loop, whoever waits is refused, ERR_RELOCKED.
 */
void unlockings_revoke(struct unlockings *us);

/* Requests that wait. */
size_t unlockings_count(const struct unlockings *us);

/* "without a passphrase", "passphrase from the keyring", "passphrase typed". */
const char *unlock_words(enum unlock_how how);

#endif
