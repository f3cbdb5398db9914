/* Argon2 (RFC 9106), from libargon2 where it was there at build time, else from libcrypto 3.2 or
 * later. */
#ifndef SIGNET_ARGON2_H
#define SIGNET_ARGON2_H

#include "proto/base/bytes.h"

enum argon2_flavor { ARGON2_FLAVOR_D, ARGON2_FLAVOR_I, ARGON2_FLAVOR_ID };

struct argon2_cost {
	enum argon2_flavor flavor;
	uint32_t memory; /* KiB */
	uint32_t passes;
	uint32_t lanes;
};

/*
 * Fill out with n bytes.  ERR_FORMAT for costs that Argon2 does not allow;
 * ERR_FILE_KDF when neither library has it.  The caller bounds the cost.
 */
enum err argon2_derive(const struct argon2_cost *cost, struct bytes passphrase, struct bytes salt,
    uint8_t *out, size_t n);

#endif
