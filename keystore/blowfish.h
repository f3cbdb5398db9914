/*
 * Blowfish's costly key schedule (B. Schneier, 1993; as bcrypt uses it), two
 * independent keys in one pass.
 *
 * A Blowfish round waits for its table look-ups most of the time; a second
 * computation beside it fits into the gaps and costs almost nothing.
 */
#ifndef SIGNET_BLOWFISH_H
#define SIGNET_BLOWFISH_H

#include <stddef.h>
#include <stdint.h>

enum {
	BLOWFISH_LANES = 2,
	BLOWFISH_SUBKEYS = 18,
	BLOWFISH_KEY_WORDS = 16, /* what bcrypt_pbkdf gives: a SHA-512 digest */
};

struct blowfish {
	uint32_t p[BLOWFISH_SUBKEYS];
	uint32_t s[4][256];
};

/* A key or salt for each lane: big-endian words of a digest, used from the first again after the
 * last. */
struct blowfish_words {
	uint32_t lane[BLOWFISH_LANES][BLOWFISH_KEY_WORDS];
};

/* The start state: the digits of pi. */
void blowfish_start(struct blowfish b[BLOWFISH_LANES]);

/* Mix in the key, and salt into the running block.  For no salt: blowfish_expand. */
void blowfish_expand_salted(struct blowfish b[BLOWFISH_LANES], const struct blowfish_words *salt,
    const struct blowfish_words *key);

void blowfish_expand(struct blowfish b[BLOWFISH_LANES], const struct blowfish_words *key);

/* Encrypt n words (even) of each lane in place, block by block. */
void blowfish_encrypt(
    const struct blowfish b[BLOWFISH_LANES], struct blowfish_words *words, size_t n);

#endif
