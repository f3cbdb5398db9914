/* Logging in to a token with the PIN of a request.  All between module_enter and module_leave. */
#ifndef SIGNET_TOKENS_PKCS11_LOGIN_H
#define SIGNET_TOKENS_PKCS11_LOGIN_H

#include "tokens/pkcs11/world.h"

/* What a request brought along. */
struct entry {
	struct bytes pin;
	uint32_t flags;   /* enum token_request_flag */
	unsigned logouts; /* world.logouts when it came */
	bool used;        /* it was tried on the token that is meant now */
	bool failed;      /* and was not taken, as far as we know */
	bool good;        /* or taken: it may be tried again after a loss, which costs no try */
};

struct entry login_entry(struct world *w, struct bytes pin, uint32_t flags);

/*
 * Log a user in, unless one is by now, and read the keys that this shows.  ERR_PIN_NEEDED (there is
 * none, or it was used, or it would be the last try), ERR_PIN, ERR_PIN_LOCKED, ERR_PIN_NOT_SET,
 * ERR_PAD: tries and flags in *f; and what the module says.
 */
enum err login_user(struct world *w, struct token *t, struct entry *entry, struct fault *f);

/*
 * For the signature that was begun in this session (CKA_ALWAYS_AUTHENTICATE).  The same failures;
 * the session is then to be dropped.
 * From login_possible on with token.login held: another's wrong PIN changes what is possible.
 */
enum err login_context(struct world *w, struct token *t, CK_SESSION_HANDLE session,
    struct entry *entry, struct fault *f);

/* Could login_context be tried?  Says why not as that would. */
enum err login_possible(
    struct world *w, struct token *t, const struct entry *entry, struct fault *f);

/* The module says that nobody is logged in, who thought that the login of this number stands. */
void login_lost(struct world *w, struct token *t, unsigned logins);

/* Log out if a TOKEN_LOGOUT came since the login. */
void login_expire(struct world *w, struct token *t);

#endif
