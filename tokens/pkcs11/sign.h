/* Signatures. */
#ifndef SIGNET_TOKENS_PKCS11_SIGN_H
#define SIGNET_TOKENS_PKCS11_SIGN_H

#include "tokens/pkcs11/login.h"

/* A key as it was when a signature with it began. */
struct half {
	struct blob public;
	const struct keytype *type;
	uint32_t flags;
	unsigned era, logins;
	size_t n;
	struct candidate candidates[CANDIDATES_MOST];
};

/* What a signature is made of. */
struct signing {
	struct world *w;
	struct token *t;
	const struct token_sign *m;
	struct half half;
	struct entry entry;
	struct blob signature; /* as the module gave it */
	struct fault *f;
};

/*
 * TOKEN_SIGN: the answer into b, or why not in *f; what was lost is got back and tried again once.
 */
enum err sign_run(struct world *w, const struct token_sign *m, struct builder *b, struct fault *f);

/*
 * Sign with one candidate; signing->signature is its signature, not verified.  ERR_TOKEN_SIGN,
 * ERR_PIN_NEEDED and the others of login_context; LOSS_ in *f.  The module entered.
 */
enum err sign_with(struct signing *s, const struct candidate *c);

/* Is that a signature of m->data by the key? */
bool sign_verify(const struct signing *s);

/* Its parts as TOKEN_SIGNED has them: views.  ERR_TOKEN: it has not the size that it must. */
enum err sign_split(struct signing *s, struct token_signed *out);

#endif
