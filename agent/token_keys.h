/*
 * Keys of tokens (modules.h) taken into the store, as the addition of a token wants them.
 */
#ifndef SIGNET_TOKEN_KEYS_H
#define SIGNET_TOKEN_KEYS_H

#include "agent/config.h"
#include "agent/modules.h"
#include "agent/store.h"

/* What an addition of a token says of the keys.  Zero-initialised is empty. */
struct token_terms {
	struct blob id;     /* as the client named the token */
	struct rules rules; /* destinations is a view of the next; provider and place empty */
	struct blob destinations;
	struct blob certs; /* strings back to back, each a certificate that token_terms_set took */
	bool certs_only;   /* the keys themselves are not wanted */
	uint32_t lifetime; /* seconds that each key has from when it comes on; 0: as rules say */
};

/* Copies; t must be empty.  ERR_CERT for a certificate that is none. */
enum err token_terms_set(struct token_terms *t, struct bytes id, const struct rules *rules,
    struct bytes certs, bool certs_only);
void token_terms_clear(struct token_terms *t);

/* Keys that an offer has given: each is given once, so that one that was removed stays away while
 * its token is plugged in and out.  Zero-initialised is empty. */
struct token_given {
	struct builder list;
	size_t count;
};
bool token_given_has(const struct token_given *g, struct bytes place, struct bytes blob);

struct token_taking {
	struct store *store;
	struct modules *modules;
	const struct token_terms *terms;
	struct token_given *given; /* NULL: nobody keeps account */
	/* By an offer: what was given before, or is listed, stays as it is, rules and all; but of
	   a card that is not there it goes to the one that is. */
	bool unasked;
	struct config *const *config; /* as of struct offers */
};

/*
 * Take in what a selection (module_select) in m gave, with the certificates that belong to it.  A
 * key that is held already as a private key, or in another token that is there, stays as it is.
 * What is left out is said in the log.  ERR_OK when at least one is there now; ERR_TOKEN_KEYS,
 * ERR_CERT_MISMATCH (only certificates were wanted, and none is of these keys), or why the first of
 * them was not taken.
 */
enum err token_keys_take(
    const struct token_taking *how, const struct module *m, uint32_t count, struct reader refs);

/* Remove those whose token is of this module; and, where given is not NULL, that it has.  Returns
 * how many. */
size_t token_keys_remove(struct store *store, struct bytes module, const struct token_given *given);

#endif
