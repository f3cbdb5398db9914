/* Keys of tokens in an inventory (proto/tokenmsg.h), for tests. */
#ifndef SIGNET_TESTS_TOKENKEY_H
#define SIGNET_TESTS_TOKENKEY_H

#include "proto/tokenmsg.h"

/* Where a key is; copies. */
struct tokenkey {
	struct blob token, key;
};
void tokenkey_clear(struct tokenkey *k);

/*
 * Called with each token i (k is NULL) and after it with each of its keys j; true: that is enough.
 */
typedef bool tokenkey_seen(
    void *ctx, const struct token_info *t, const struct token_key *k, unsigned i, unsigned j);

/* All of an inventory's message; false: it makes no sense. */
bool tokenkey_each(struct bytes inventory, tokenkey_seen *seen, void *ctx);

/* TOKEN/LABEL, or #I.J: its copy is the caller's to clear; false: there is none. */
bool tokenkey_find(struct bytes inventory, const char *which, struct tokenkey *out);

/* Write a signature as openssl verifies it: ECDSA in DER, others as they are. */
bool tokenkey_save(const struct token_signed *s, const char *path);

#endif
