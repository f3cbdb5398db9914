/*
 * The module's tokens and their keys, as this process knows them.
 *
 * Locks, in the order in which they are taken: world.scanning; token.login; world.lock.  The last
 * is never held while the module is called.  The module is entered (module.h) before token.login.
 */
#ifndef SIGNET_TOKENS_PKCS11_WORLD_H
#define SIGNET_TOKENS_PKCS11_WORLD_H

#include "proto/keytype.h"
#include "tokens/base/lane.h"
#include "tokens/pkcs11/module.h"

enum {
	CANDIDATES_MOST = 8, /* private halves that a public key may have */
	SESSIONS_MOST = 16,  /* kept open for signatures, a token */
	MECHANISMS_MOST = 1024,
	/* Signatures at once, of a token and of all; one where the module wants no threads. */
	PARALLEL = 4,
	THREADS = 12,
};

/* A private object that may be the half of a public key. */
struct candidate {
	CK_OBJECT_HANDLE handle;
	bool certain; /* it is: its numbers, or a signature, say so */
	bool each;    /* CKA_ALWAYS_AUTHENTICATE */
	int score;    /* what else speaks for it */
};

/* What a URI can name a key by: one of its objects. */
struct face {
	bool there;
	struct blob id, label;
};
enum { FACE_PRIVATE, FACE_PUBLIC, FACE_CERTIFICATE, FACES };

struct key {
	struct key *next;
	struct blob id;     /* SHA-256 of public */
	struct blob public; /* blob of SSH */
	const struct keytype *type;
	struct blob label; /* fit for the protocol */
	struct face faces[FACES];
	uint32_t flags; /* enum token_key_flag */
	bool half_seen; /* its private half was there, maybe before a logout */
	bool listed;    /* the last inventory has it */
	size_t n;
	struct candidate candidates[CANDIDATES_MOST]; /* best first */
};
void keys_free(struct key *k); /* and all behind it; NULL is allowed */

/* What a signature is begun with. */
struct begun {
	CK_OBJECT_HANDLE key;
	CK_MECHANISM_TYPE mechanism;
};

/* How quickly signatures of one kind follow each other (ahead.h). */
struct pace {
	struct begun last;
	uint64_t at; /* milliseconds of the clock */
	unsigned row;
	bool crowded; /* the token had no session to spare */
};

/* The signature that is begun before it is asked for. */
struct ahead {
	enum { AHEAD_NONE, AHEAD_BEGINS, AHEAD_BEGUN } state;
	struct begun what;
	CK_SESSION_HANDLE session; /* of AHEAD_BEGUN; of the token's era */
	unsigned ends; /* how often it was not wanted any more: what began before is closed */
};

struct token {
	struct token *next;
	unsigned refs; /* of world.lock; the list's own is one */
	struct blob id;
	pthread_mutex_t login; /* logging in and out, reading objects, recovery */

	/* Of world.lock; what is of sessions and the login is written with token.login held, too.
	 */
	CK_SLOT_ID slot;
	CK_TOKEN_INFO info;
	CK_SLOT_INFO slot_info;
	struct key *keys;
	bool gone;        /* out of the list */
	bool logged;      /* a user is logged in, as far as we know */
	unsigned era;     /* of sessions and handles; those of another mean nothing any more */
	unsigned logins;  /* how often one was logged in */
	unsigned logouts; /* world.logouts when the PIN of the last was entered, at the latest */
	bool anchored;
	CK_SESSION_HANDLE anchor; /* keeps the login while others come and go */
	size_t idle;
	CK_SESSION_HANDLE sessions[SESSIONS_MOST];
	struct pace pace;
	struct ahead ahead;
	/* Of those mechanisms that matter (sign.h). */
	uint32_t mechanisms;
	bool keys_read;
};

struct world {
	struct module module;
	int sock; /* the asker's */
	struct outlet *outlet;
	struct lane *others;      /* for what is no signature */
	pthread_mutex_t scanning; /* one after the other */
	pthread_mutex_t lock;     /* of all below, and of tokens as they say */
	pthread_cond_t woken;     /* of the watch */
	struct token *tokens;
	enum err trouble;
	bool removable; /* some slot is of a device that comes and goes */
	bool watched;   /* TOKEN_WATCH */
	unsigned logouts;
	bool changed;             /* something that an inventory tells, maybe */
	unsigned keys_left_out;   /* of the last inventory: said once, not with each */
	unsigned tokens_left_out; /* of scanning: of the last look */
	pthread_mutex_t telling;
	struct blob told; /* of telling: the last inventory's frame */
};

/* References; a view of a token in the list is good under world.lock only. */
struct token *token_find(struct world *w, struct bytes id); /* NULL: not there */
struct token *token_ref(struct world *w, struct token *t);
void token_unref(struct world *w, struct token *t); /* NULL is allowed */

/* The key with this id, under world.lock; NULL. */
struct key *token_key_of(struct token *t, struct bytes id);

/* Flags and tries for the asker; under world.lock. */
uint32_t token_flags(const struct token *t);
uint8_t token_tries(const struct token *t);
bool token_wants_login(const struct token *t);

/* What tells one token from all others, as far as PKCS#11 knows. */
enum err token_id(const CK_TOKEN_INFO *info, struct blob *out);
/* Is that token the one in this slot now?  The module entered; else *f is LOSS_TOKEN. */
enum err token_check(
    struct world *w, struct token *t, CK_SLOT_ID slot, CK_TOKEN_INFO *info, struct fault *f);

/* Fixed, blank-padded text of the module, without the padding. */
struct bytes text_of(const unsigned char *text, size_t room);
#define TEXT_OF(array) text_of((array), sizeof(array))

/* Send an inventory if it says something else than the last one did.  ERR_CLOSED. */
enum err inventory_tell(struct world *w);

#endif
