/*
 * Keys that files offer: what signet-files tells of the key directories, kept in step with the
 * store.  A file's key is in the store locked, with its certificates beside it, until a signature
 * unlocks it.
 *
 * A key that was added by hand is as it was added; when it goes by the end of its time, its file
 * offers it again, with the confirmation, local-only and destinations of the addition where these
 * are stricter, until files_reload.  What was removed by hand (-d, -D) stays away, under
 * whatever name its key lies, until files_reload.
 */
#ifndef SIGNET_FILES_H
#define SIGNET_FILES_H

#include "agent/config.h"
#include "agent/helpercall.h"
#include "agent/store.h"

struct files;

/* Nothing is offered before files_reload says so.  NULL without memory. */
struct files *files_new(struct loop *l, struct calls *cs, struct store *s);

/* What is offered leaves the store; nobody who waits is told.  NULL is allowed. */
void files_free(struct files *fs);

/*
 * The configuration is this from now on (kept, not copied): offer, with what it says of each key,
 * or no longer.  Without key directories nothing is offered, and no helper runs; where nothing is
 * to be offered it runs if what is said of keys or views can be about a file of theirs.  What is
 * offered and unlocked stays so where its file and rules are the same. Withdrawn ones come back.
 * The supervisor knows the new directories already.
 */
void files_reload(struct files *fs, const struct config *c, bool offer);

/* Somebody waits until the first look at the directories is over, embedded. */
struct files_waiter {
	void (*ready)(struct files_waiter *w);
	struct files_waiter *next, *prev;
	bool waits;
};

/* Would files_wait have somebody wait? */
bool files_pending(const struct files *fs);

/*
 * True: it is over, or nothing is offered.  Else w->ready is called once, when it is, when the
 * helper ended, or after LIMIT_FILES_MS, whichever comes first.
 */
bool files_wait(struct files *fs, struct files_waiter *w);
void files_wait_end(struct files *fs, struct files_waiter *w);

/* Removed by hand: id (before it leaves the store), or all. */
void files_withdraw(struct files *fs, const struct identity *id);
void files_withdraw_all(struct files *fs);

/* Something left the store or came to it, and the lock was turned: look at it again, soon. */
void files_review(struct files *fs);

/* The person at this machine added a key, whose plain public key blob and comment these are: is
 * that the path of a file that hides its public half, or the end of the path of one alone?  Then it
 * is learnt, and replaces what was learnt before.  Not for what other hosts add, whose comments say
 * what they like. */
void files_added(struct files *fs, struct bytes comment, struct bytes blob);

/* The path of a file in the key directories that has this plain public key, offered or not; empty:
 * none is known.  A view, until the next call of the loop. */
struct bytes files_path_of(const struct files *fs, struct bytes public);

/* The file was decrypted, and this is the plain public key blob that it holds. */
void files_learn(struct files *fs, struct bytes path, struct bytes public);

/*
 * The file at path, which has this plain public key, said this comment when it was decrypted. Where
 * no other is known of it, it has this one from now on, and what the configuration says of such a
 * key holds of it: call it before its identities are unlocked.  They may be gone after it.
 * ERR_MEMORY: they are not to be unlocked.
 */
enum err files_comment(
    struct files *fs, struct bytes path, struct bytes public, struct bytes comment);

/* The file was found to hold something else, or to be gone, when it was to be unlocked: look at it
 * anew. */
void files_doubt(struct files *fs, struct bytes path);

struct files_counts {
	size_t offered, locked, withdrawn, troubles;
	enum err why; /* ERR_OK, or why the helper does not run */
};
struct files_counts files_count(const struct files *fs);

/* What is wrong with a file, and what to do. */
const char *file_trouble_words(enum err why);

/* For --status: each file that cannot be offered, and why. */
void files_each_trouble(
    const struct files *fs, void (*one)(void *ctx, struct bytes path, enum err why), void *ctx);

#endif
