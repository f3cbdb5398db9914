/*
 * Bytes encrypted while idle: AES-256-GCM under a key that is derived anew for each
 * use from a page of random bytes in locked memory, so that a partial leak of that page gives
 * nothing.
 */
#ifndef SIGNET_SHIELD_H
#define SIGNET_SHIELD_H

#include "proto/base/bytes.h"

/* Make the process's shielding key; once, after crypto_warm_up, so that no random state is ordinary
 * memory. */
enum err shield_start(void);

/* True once there is one: in the core, but not in signet-add, which holds keys for a moment only.
 */
bool shield_ready(void);

/* Encrypt: *out (empty before) holds ciphertext in ordinary memory, to be freed by shield_free. */
struct shielded {
	uint8_t *data;
	size_t len;
};

enum err shield_seal(struct bytes plain, struct shielded *out);

/* Decrypt into out (mem.h memory).  ERR_CRYPTO when the bytes were changed. */
enum err shield_open(const struct shielded *s, struct blob *out);

void shield_free(struct shielded *s);

#endif
