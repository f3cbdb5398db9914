#include "keystore/blowfish.h"

#include <string.h>

static const uint32_t pi[BLOWFISH_SUBKEYS + 4 * 256] = {
#include "keystore/blowfish_pi.h"
};

void blowfish_start(struct blowfish b[BLOWFISH_LANES])
{
	for (size_t i = 0; i < BLOWFISH_LANES; i++) {
		memcpy(b[i].p, pi, sizeof(b[i].p));
		memcpy(b[i].s, pi + BLOWFISH_SUBKEYS, sizeof(b[i].s));
	}
}

/* The running blocks of both lanes; small enough to stay in registers. */
struct halves {
	uint32_t l0, r0, l1, r1;
};

static inline uint32_t scramble(const struct blowfish *b, uint32_t x)
{
	return ((b->s[0][x >> 24] + b->s[1][x >> 16 & 0xff]) ^ b->s[2][x >> 8 & 0xff]) +
	       b->s[3][x & 0xff];
}

/* Two rounds of both lanes. */
#define ROUNDS(b, i)                                                                               \
	do {                                                                                       \
		r0 ^= (b)[0].p[i];                                                                 \
		r1 ^= (b)[1].p[i];                                                                 \
		r0 ^= scramble(&(b)[0], l0);                                                       \
		r1 ^= scramble(&(b)[1], l1);                                                       \
		l0 ^= (b)[0].p[(i) + 1];                                                           \
		l1 ^= (b)[1].p[(i) + 1];                                                           \
		l0 ^= scramble(&(b)[0], r0);                                                       \
		l1 ^= scramble(&(b)[1], r1);                                                       \
	} while (0)

/*
 * Inlined by force and written out: as a loop, or with the blocks in memory
 * between calls, it takes a fifth longer, and this is the time that people wait
 * after typing a passphrase.
 */
static inline __attribute__((always_inline)) struct halves encipher(
    const struct blowfish *b, struct halves x)
{
	uint32_t l0 = x.l0 ^ b[0].p[0];
	uint32_t l1 = x.l1 ^ b[1].p[0];
	uint32_t r0 = x.r0;
	uint32_t r1 = x.r1;

	ROUNDS(b, 1);
	ROUNDS(b, 3);
	ROUNDS(b, 5);
	ROUNDS(b, 7);
	ROUNDS(b, 9);
	ROUNDS(b, 11);
	ROUNDS(b, 13);
	ROUNDS(b, 15);
	return (struct halves){
	    r0 ^ b[0].p[BLOWFISH_SUBKEYS - 1], l0, r1 ^ b[1].p[BLOWFISH_SUBKEYS - 1], l1};
}

static void mix_key(struct blowfish *b, const struct blowfish_words *key)
{
	for (size_t i = 0; i < BLOWFISH_SUBKEYS; i++) {
		b[0].p[i] ^= key->lane[0][i % BLOWFISH_KEY_WORDS];
		b[1].p[i] ^= key->lane[1][i % BLOWFISH_KEY_WORDS];
	}
}

static inline void store(uint32_t *first, uint32_t *second, struct halves x)
{
	first[0] = x.l0;
	first[1] = x.r0;
	second[0] = x.l1;
	second[1] = x.r1;
}

static inline struct halves mix_salt(struct halves x, const struct blowfish_words *salt, size_t *at)
{
	x.l0 ^= salt->lane[0][*at];
	x.r0 ^= salt->lane[0][*at + 1];
	x.l1 ^= salt->lane[1][*at];
	x.r1 ^= salt->lane[1][*at + 1];
	*at = (*at + 2) % BLOWFISH_KEY_WORDS;
	return x;
}

void blowfish_expand_salted(struct blowfish b[BLOWFISH_LANES], const struct blowfish_words *salt,
    const struct blowfish_words *key)
{
	struct halves x = {0};
	size_t at = 0;

	mix_key(b, key);
	for (size_t i = 0; i < BLOWFISH_SUBKEYS; i += 2) {
		x = encipher(b, mix_salt(x, salt, &at));
		store(&b[0].p[i], &b[1].p[i], x);
	}
	for (size_t box = 0; box < 4; box++) {
		for (size_t i = 0; i < 256; i += 2) {
			x = encipher(b, mix_salt(x, salt, &at));
			store(&b[0].s[box][i], &b[1].s[box][i], x);
		}
	}
}

void blowfish_expand(struct blowfish b[BLOWFISH_LANES], const struct blowfish_words *key)
{
	struct halves x = {0};

	mix_key(b, key);
	for (size_t i = 0; i < BLOWFISH_SUBKEYS; i += 2) {
		x = encipher(b, x);
		store(&b[0].p[i], &b[1].p[i], x);
	}
	for (size_t box = 0; box < 4; box++) {
		for (size_t i = 0; i < 256; i += 2) {
			x = encipher(b, x);
			store(&b[0].s[box][i], &b[1].s[box][i], x);
		}
	}
}

void blowfish_encrypt(
    const struct blowfish b[BLOWFISH_LANES], struct blowfish_words *words, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		struct halves x = {words->lane[0][i], words->lane[0][i + 1], words->lane[1][i],
		    words->lane[1][i + 1]};

		store(&words->lane[0][i], &words->lane[1][i], encipher(b, x));
	}
}
