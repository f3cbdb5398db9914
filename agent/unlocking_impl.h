/* Between the files of unlocking.h: unlocking.c (who waits for what), unlocking_open.c (the steps
 * of one file), unlocking_remember.c (the question after it), unlocking_text.c. */
#ifndef SIGNET_UNLOCKING_IMPL_H
#define SIGNET_UNLOCKING_IMPL_H

#include <stddef.h>

#include "agent/unlocking.h"
#include "keystore/fingerprint.h"

enum opening_stage {
	OPENING_BEGUN,   /* timer is armed: a step is to be taken */
	OPENING_IN_LINE, /* as OPENING_TRYING, once there is room for one more signet-unlock */
	OPENING_TRYING,  /* call is set: signet-unlock decrypts */
	OPENING_KEYRING, /* lookup is set */
	OPENING_ASKING,  /* prompt is set; or it is to be put anew, and timer is armed */
	OPENING_CHECKING /* job is a worker's */
};

/* Why the passphrase is asked for once more. */
enum unlock_remark { UNLOCK_NO_REMARK, UNLOCK_WRONG, UNLOCK_KEYRING_WRONG, UNLOCK_LENGTH };

enum {
	UNLOCK_ASKED_MOST = 3,
	UNLOCK_TRYING_MOST = 4, /* a key derivation can take a core and much memory each */
};

struct unlocking {
	struct unlockings *all;
	struct opening *of; /* NULL: it has not arrived, and arrival is armed */
	struct unlocking *next, *prev;
	struct timer arrival;
	struct blob identity, purpose;
	uint32_t pid;
	uint64_t started;
	bool forwarded;
	bool revoked; /* all keys were to be locked */
	enum err (*allowed)(void *ctx);
	void (*done)(void *ctx, enum err result, enum unlock_how how);
	void *ctx;
};

/* Lives while somebody waits for it, or a worker has its job. */
struct opening {
	struct unlockings *all;
	struct opening *next;
	enum opening_stage stage;
	bool telling; /* those who wait are being told something: it stays for that long */
	struct unlocking *first, *last; /* whose words questions have, first */
	struct timer timer;
	struct call *call;
	struct keyring_call *lookup;
	struct prompt *prompt;
	struct job job;
	struct task checked;
	/* of the file */
	struct blob path, public, comment;
	char print[FINGERPRINT_ROOM];
	/* of the passphrase */
	enum unlock_how how; /* what is being tried, or was found good */
	enum err looked_up;  /* what the keyring said; ERR_CANCELLED: it was not asked */
	unsigned asked;      /* how often a person was */
	enum unlock_remark remark;
	struct blob passphrase; /* being tried, or found good */
	/* of the key */
	struct blob told; /* comment, of the file that was decrypted */
	struct blob wire; /* for the job; */
	struct key *key;  /* what it found, */
	enum err why;     /* or what it did not like */
};

/* A no to the question whether to remember, for this file. */
struct refusal {
	struct refusal *next;
	struct blob path;
};

#define OPENING_OF(ptr, member)                                                                    \
	((struct opening *)(void *)((char *)(ptr)-offsetof(struct opening, member)))

/* --- unlocking.c */

/* Whoever may not go on is refused.  False: nobody waits any more, and o is dead, or a worker's. */
bool opening_weed(struct opening *o);

/* All who wait are told; o is dead. */
void opening_finish(struct opening *o, enum err result);

/* Only the first, whom nobody can ask: the next may have a terminal. */
void opening_refuse_first(struct opening *o, enum err why);

/* The file is not what it was told to be. */
void opening_doubt(struct opening *o, enum err why);

/* What the configuration says of it. */
void opening_policy(const struct opening *o, struct config_policy *out);

/* --- unlocking_open.c */

/* Take the first step, from the loop. */
void opening_start(struct timer *timer);

/* The one whose words are on the screen has left: somebody else's are to be, from the loop. */
void opening_ask_anew(struct opening *o);

/* Nothing runs for it any more.  False: but for the job, after which o is looked at again. */
bool opening_stop(struct opening *o);

/* --- unlocking_remember.c */

/* A passphrase fitted: keep it in the keyring, ask whether to, or neither.  Takes it from o. */
void opening_remember(struct opening *o);

/* No question, and no passphrase that waits for its answer, is left: of this file; path empty: of
 * all. */
void reminders_end(struct unlockings *us, struct bytes path);

/* --- unlocking_text.c: what came from outside is escaped */

void opening_ask_text(struct builder *b, const struct opening *o);
void opening_remember_text(struct builder *b, struct bytes path, const char *print);

#endif
