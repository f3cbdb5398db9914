#include "keystore/kdf.h"

#include <string.h>

#include "keystore/blowfish.h"
#include "keystore/crypto.h"
#include "proto/base/mem.h"
#include "proto/builder.h"

enum {
	DIGEST = 64, /* SHA-512 */
	BLOCK = 32,  /* bytes of one output block */
	BLOCK_WORDS = BLOCK / 4,
	REPEATS = 64,    /* of the key schedule, and of the encryption after it */
	MOST_OUT = 1024, /* as OpenBSD has it */
};

/* Two blocks on their way.  All that is secret is in here, in memory that wipes itself. */
struct work {
	struct blowfish state[BLOWFISH_LANES];
	struct blowfish_words pass, salt, text;
	uint8_t digest[DIGEST];
	uint8_t last[BLOWFISH_LANES][BLOCK]; /* the round's result */
	uint8_t sum[BLOWFISH_LANES][BLOCK];  /* all rounds' results, added up without carry */
};

static const char start_text[BLOCK + 1] = "OxychromaticBlowfishSwatDynamite";

static uint32_t big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void load_words(uint32_t *out, const uint8_t *p, size_t words)
{
	for (size_t i = 0; i < words; i++)
		out[i] = big_endian(p + 4 * i);
}

static enum err hash_to_words(struct work *w, struct bytes data, uint32_t *out)
{
	size_t n;
	enum err e = crypto_hash(HASH_SHA512, data, w->digest, &n);

	if (e == ERR_OK)
		load_words(out, w->digest, BLOWFISH_KEY_WORDS);
	return e;
}

/* bcrypt's heart, without the password-file clothes: pass and salt to last. */
static void bcrypt_hash(struct work *w)
{
	blowfish_start(w->state);
	blowfish_expand_salted(w->state, &w->salt, &w->pass);
	for (unsigned i = 0; i < REPEATS; i++) {
		blowfish_expand(w->state, &w->salt);
		blowfish_expand(w->state, &w->pass);
	}
	for (size_t lane = 0; lane < BLOWFISH_LANES; lane++)
		load_words(w->text.lane[lane], (const uint8_t *)start_text, BLOCK_WORDS);
	for (unsigned i = 0; i < REPEATS; i++)
		blowfish_encrypt(w->state, &w->text, BLOCK_WORDS);
	for (size_t lane = 0; lane < BLOWFISH_LANES; lane++) {
		for (size_t i = 0; i < BLOCK; i++)
			w->last[lane][i] = (uint8_t)(w->text.lane[lane][i / 4] >> 8 * (i % 4));
	}
}

/* The first round's salt: the caller's, and the number of the block (from 1). */
static enum err salt_blocks(struct work *w, struct bytes salt, uint32_t first)
{
	struct builder b = {0};
	enum err e = ERR_OK;

	for (uint32_t lane = 0; lane < BLOWFISH_LANES && e == ERR_OK; lane++) {
		builder_reset(&b);
		builder_put(&b, salt);
		builder_u32(&b, first + lane);
		e = builder_error(&b);
		if (e == ERR_OK)
			e = hash_to_words(w, builder_view(&b), w->salt.lane[lane]);
	}
	builder_clear(&b);
	return e;
}

static enum err salt_with_last(struct work *w)
{
	enum err e = ERR_OK;

	for (size_t lane = 0; lane < BLOWFISH_LANES && e == ERR_OK; lane++)
		e = hash_to_words(w, BYTES(w->last[lane], BLOCK), w->salt.lane[lane]);
	return e;
}

static void add_up(struct work *w)
{
	for (size_t lane = 0; lane < BLOWFISH_LANES; lane++) {
		for (size_t i = 0; i < BLOCK; i++)
			w->sum[lane][i] ^= w->last[lane][i];
	}
}

static enum err make_blocks(struct work *w, struct bytes salt, uint32_t first, unsigned rounds)
{
	enum err e = salt_blocks(w, salt, first);

	mem_wipe(w->sum, sizeof(w->sum));
	for (unsigned round = 0; round < rounds && e == ERR_OK; round++) {
		if (round != 0)
			e = salt_with_last(w);
		bcrypt_hash(w);
		add_up(w);
	}
	return e;
}

/* Blocks are dealt out like cards: byte i of block k (from 0) goes to i * blocks + k. */
static void deal(const uint8_t *block, size_t k, size_t blocks, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < BLOCK && i * blocks + k < n; i++)
		out[i * blocks + k] = block[i];
}

enum err kdf_bcrypt(
    struct bytes passphrase, struct bytes salt, unsigned rounds, uint8_t *out, size_t n)
{
	size_t blocks = (n + BLOCK - 1) / BLOCK;
	struct work *w;
	enum err e;

	if (passphrase.len == 0 || salt.len == 0 || rounds == 0 || n == 0 || n > MOST_OUT)
		return ERR_FORMAT;
	w = mem_alloc(sizeof(*w));
	if (w == NULL)
		return ERR_MEMORY;
	e = hash_to_words(w, passphrase, w->pass.lane[0]);
	memcpy(w->pass.lane[1], w->pass.lane[0], sizeof(w->pass.lane[0]));
	for (size_t k = 0; k < blocks && e == ERR_OK; k += BLOWFISH_LANES) {
		e = make_blocks(w, salt, (uint32_t)k + 1, rounds);
		for (size_t lane = 0; lane < BLOWFISH_LANES && k + lane < blocks; lane++)
			deal(w->sum[lane], k + lane, blocks, out, n);
	}
	mem_free(w);
	return e;
}
