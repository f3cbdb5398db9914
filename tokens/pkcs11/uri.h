/* pkcs11: URIs (RFC 7512), read by libp11-kit. */
#ifndef SIGNET_TOKENS_PKCS11_URI_H
#define SIGNET_TOKENS_PKCS11_URI_H

#include "tokens/pkcs11/world.h"

struct uri; /* NULL stands for an empty one, which means everything */

/* ERR_URI, ERR_MEMORY.  *out is the caller's; NULL for an empty text. */
enum err uri_parse(struct bytes text, struct uri **out, struct fault *f);
void uri_free(struct uri *u); /* NULL is allowed */

/* Under world.lock. */
bool uri_means_token(struct uri *u, const struct world *w, const struct token *t);
bool uri_means_key(struct uri *u, const struct key *k);

/* What it says of the module: NULL where it says nothing.  They live as long as u. */
const char *uri_module_path(struct uri *u);
const char *uri_module_name(struct uri *u);

#endif
