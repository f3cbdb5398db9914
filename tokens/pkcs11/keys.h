/* The keys of a token: its public keys and certificates, and which private halves they have. */
#ifndef SIGNET_TOKENS_PKCS11_KEYS_H
#define SIGNET_TOKENS_PKCS11_KEYS_H

#include "tokens/pkcs11/world.h"

/*
 * Read them anew.  What is known of private halves that a logout hid is kept.  With token.login
 * held, the module entered.
 */
enum err keys_read(struct world *w, struct token *t, struct fault *f);

/* The i-th candidate was found to be the key's half, or not: as a signature says. */
void key_settled(
    struct world *w, struct token *t, struct bytes id, CK_OBJECT_HANDLE handle, bool good);

#endif
