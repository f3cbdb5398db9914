/* TOKEN_SELECT: which keys a URI means (RFC 7512). */
#ifndef SIGNET_TOKENS_PKCS11_SELECT_H
#define SIGNET_TOKENS_PKCS11_SELECT_H

#include "tokens/pkcs11/login.h"

/* The answer into b, after an inventory that has what it names; or why not in *f. */
enum err select_run(
    struct world *w, const struct token_select *m, struct builder *b, struct fault *f);

#endif
