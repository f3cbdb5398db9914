/*
 * bcrypt_pbkdf: vectors, a key file made by ssh-keygen, and the digits of pi by
 * another way than the generator's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/evp.h>

#include "keystore/base64.h"
#include "keystore/blowfish.h"
#include "keystore/crypto.h"
#include "keystore/kdf.h"
#include "proto/reader.h"

enum { PI_WORDS = BLOWFISH_SUBKEYS + 4 * 256, PI_BITS = 32 * PI_WORDS, GUARD = 64 };

/* out += sign * factor * arctan(1/n), scaled by 2^(PI_BITS + GUARD). */
static void add_arctan(BIGNUM *out, BN_ULONG factor, BN_ULONG n, bool minus)
{
	BIGNUM *power = BN_new();
	BIGNUM *term = BN_new();

	BN_one(power);
	BN_lshift(power, power, PI_BITS + GUARD);
	BN_mul_word(power, factor);
	BN_div_word(power, n);
	for (BN_ULONG k = 1; !BN_is_zero(power); k += 2, minus = !minus) {
		BN_copy(term, power);
		BN_div_word(term, k);
		if (minus)
			BN_sub(out, out, term);
		else
			BN_add(out, out, term);
		BN_div_word(power, n * n);
	}
	BN_free(power);
	BN_free(term);
}

/* Störmer's formula (the generator uses Machin's): pi/4 = 44 a(57) + 7 a(239) - 12 a(682) + 24
 * a(12943). */
static void start_state_is_pi(void **state)
{
	static uint8_t bytes[PI_BITS / 8];
	struct blowfish b[BLOWFISH_LANES];
	BIGNUM *pi = BN_new();
	uint32_t words[PI_WORDS];

	(void)state;
	BN_zero(pi);
	add_arctan(pi, 4 * 44, 57, false);
	add_arctan(pi, 4 * 7, 239, false);
	add_arctan(pi, 4 * 12, 682, true);
	add_arctan(pi, 4 * 24, 12943, false);
	BN_rshift(pi, pi, GUARD);
	assert_int_equal(BN_num_bits(pi), PI_BITS + 2);
	BN_mask_bits(pi, PI_BITS);
	assert_int_equal(BN_bn2binpad(pi, bytes, sizeof(bytes)), sizeof(bytes));
	for (size_t i = 0; i < PI_WORDS; i++)
		words[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
			   (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
	blowfish_start(b);
	for (size_t lane = 0; lane < BLOWFISH_LANES; lane++) {
		assert_memory_equal(b[lane].p, words, sizeof(b[lane].p));
		assert_memory_equal(b[lane].s, words + BLOWFISH_SUBKEYS, sizeof(b[lane].s));
	}
	BN_free(pi);
}

/* From OpenBSD's regress/lib/libutil/bcrypt_pbkdf, jBCrypt and bcrypt_pbkdf-ruby. */
static const struct vector {
	unsigned rounds;
	const char *pass;
	size_t pass_len;
	const char *salt;
	size_t salt_len;
	size_t n;
	uint8_t out[64];
} vectors[] = {
    {4, "password", 8, "salt", 4, 32,
	{0x5b, 0xbf, 0x0c, 0xc2, 0x93, 0x58, 0x7f, 0x1c, 0x36, 0x35, 0x55, 0x5c, 0x27, 0x79, 0x65,
	    0x98, 0xd4, 0x7e, 0x57, 0x90, 0x71, 0xbf, 0x42, 0x7e, 0x9d, 0x8f, 0xbe, 0x84, 0x2a,
	    0xba, 0x34, 0xd9}},
    {4, "password", 8, "\0", 1, 16,
	{0xc1, 0x2b, 0x56, 0x62, 0x35, 0xee, 0xe0, 0x4c, 0x21, 0x25, 0x98, 0x97, 0x0a, 0x57, 0x9a,
	    0x67}},
    {4, "\0", 1, "salt", 4, 16,
	{0x60, 0x51, 0xbe, 0x18, 0xc2, 0xf4, 0xf8, 0x2c, 0xbf, 0x0e, 0xfe, 0xe5, 0x47, 0x1b, 0x4b,
	    0xb9}},
    {8, "password", 8, "salt", 4, 64,
	{0xe1, 0x36, 0x7e, 0xc5, 0x15, 0x1a, 0x33, 0xfa, 0xac, 0x4c, 0xc1, 0xc1, 0x44, 0xcd, 0x23,
	    0xfa, 0x15, 0xd5, 0x54, 0x84, 0x93, 0xec, 0xc9, 0x9b, 0x9b, 0x5d, 0x9c, 0x0d, 0x3b,
	    0x27, 0xbe, 0xc7, 0x62, 0x27, 0xea, 0x66, 0x08, 0x8b, 0x84, 0x9b, 0x20, 0xab, 0x7a,
	    0xa4, 0x78, 0x01, 0x02, 0x46, 0xe7, 0x4b, 0xba, 0x51, 0x72, 0x3f, 0xef, 0xa9, 0xf9,
	    0x47, 0x4d, 0x65, 0x08, 0x84, 0x5e, 0x8d}},
    {42, "password", 8, "salt", 4, 16,
	{0x83, 0x3c, 0xf0, 0xdc, 0xf5, 0x6d, 0xb6, 0x56, 0x08, 0xe8, 0xf0, 0xdc, 0x0c, 0xe8, 0x82,
	    0xbd}},
    {2, "pass2", 5, "salt2", 5, 12,
	{0xd6, 0x0e, 0x30, 0xa2, 0x83, 0xce, 0x79, 0xb0, 0x32, 0x68, 0xe7, 0xfc}},
};

static void known_vectors(void **state)
{
	uint8_t out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];

		assert_int_equal(kdf_bcrypt(BYTES(v->pass, v->pass_len),
				     BYTES(v->salt, v->salt_len), v->rounds, out, v->n),
		    ERR_OK);
		assert_memory_equal(out, v->out, v->n);
	}
}

/* Blocks do not depend on how many there are, only on their number: also an odd one, whose
 * neighbour lane idles. */
static void blocks_are_independent(void **state)
{
	uint8_t one[32], three[96], four[128];

	(void)state;
	assert_int_equal(kdf_bcrypt(bytes_str("p"), bytes_str("s"), 2, one, 32), ERR_OK);
	assert_int_equal(kdf_bcrypt(bytes_str("p"), bytes_str("s"), 2, three, 96), ERR_OK);
	assert_int_equal(kdf_bcrypt(bytes_str("p"), bytes_str("s"), 2, four, 128), ERR_OK);
	for (size_t i = 0; i < 32; i++) {
		assert_int_equal(three[3 * i], one[i]);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(three[3 * i + k], four[4 * i + k]);
	}
}

static void a_short_end_is_not_overrun(void **state)
{
	uint8_t whole[48], part[48];

	(void)state;
	memset(part, 0xa5, sizeof(part));
	assert_int_equal(kdf_bcrypt(bytes_str("p"), bytes_str("s"), 1, whole, 34), ERR_OK);
	assert_int_equal(kdf_bcrypt(bytes_str("p"), bytes_str("s"), 1, part, 33), ERR_OK);
	assert_memory_equal(whole, part, 33);
	for (size_t i = 33; i < sizeof(part); i++)
		assert_int_equal(part[i], 0xa5);
}

static void senseless_input_is_refused(void **state)
{
	uint8_t out[32];
	struct bytes p = bytes_str("p"), s = bytes_str("s");

	(void)state;
	assert_int_equal(kdf_bcrypt(BYTES_NONE, s, 1, out, 32), ERR_FORMAT);
	assert_int_equal(kdf_bcrypt(p, BYTES_NONE, 1, out, 32), ERR_FORMAT);
	assert_int_equal(kdf_bcrypt(p, s, 0, out, 32), ERR_FORMAT);
	assert_int_equal(kdf_bcrypt(p, s, 1, out, 0), ERR_FORMAT);
	assert_int_equal(kdf_bcrypt(p, s, 1, out, 1025), ERR_FORMAT);
}

/* Strip the PEM lines of an openssh-key-v1 file and read up to its encrypted part (OpenSSH's
 * PROTOCOL.key). */
static void read_key_file(const char *path, struct builder *body, struct bytes *salt,
    uint32_t *rounds, struct bytes *encrypted)
{
	char line[128];
	struct builder text = {0};
	struct bytes s;
	struct reader r, options;
	uint32_t keys;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] != '-')
			builder_put(&text, bytes_str(line));
	}
	fclose(f);
	assert_int_equal(base64_decode(builder_view(&text), body), ERR_OK);
	builder_clear(&text);
	r = reader_of(builder_view(body));
	assert_int_equal(reader_take(&r, sizeof("openssh-key-v1"), &s), ERR_OK);
	assert_int_equal(reader_string(&r, &s), ERR_OK);
	assert_true(bytes_is(s, "aes256-ctr"));
	assert_int_equal(reader_string(&r, &s), ERR_OK);
	assert_true(bytes_is(s, "bcrypt"));
	assert_int_equal(reader_nested(&r, &options), ERR_OK);
	assert_int_equal(reader_string(&options, salt), ERR_OK);
	assert_int_equal(reader_u32(&options, rounds), ERR_OK);
	assert_int_equal(reader_u32(&r, &keys), ERR_OK);
	assert_int_equal(reader_string(&r, &s), ERR_OK);
	assert_int_equal(reader_string(&r, encrypted), ERR_OK);
}

static void unlocks_what_ssh_keygen_locked(void **state)
{
	char dir[] = "/tmp/t_kdf.XXXXXX";
	char path[64], command[256];
	struct builder body = {0};
	struct bytes salt, encrypted;
	uint8_t key[48], plain[4096];
	uint32_t rounds;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/k", dir);
	snprintf(command, sizeof(command),
	    "ssh-keygen -q -t ed25519 -N 'correct horse' -a 3 -Z aes256-ctr -f %s", path);
	assert_int_equal(system(command), 0);
	read_key_file(path, &body, &salt, &rounds, &encrypted);
	assert_int_equal(rounds, 3);
	assert_int_equal(
	    kdf_bcrypt(bytes_str("correct horse"), salt, rounds, key, sizeof(key)), ERR_OK);
	assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, key, key + 32), 1);
	assert_true(encrypted.len <= sizeof(plain));
	assert_int_equal(EVP_DecryptUpdate(ctx, plain, &n, encrypted.data, (int)encrypted.len), 1);
	/* Two equal random words, then the key type. */
	assert_memory_equal(plain, plain + 4, 4);
	assert_memory_equal(plain + 8, "\0\0\0\x0bssh-ed25519", 15);
	EVP_CIPHER_CTX_free(ctx);
	builder_clear(&body);
	unlink(path);
	snprintf(path, sizeof(path), "%s/k.pub", dir);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(start_state_is_pi),
	    cmocka_unit_test(known_vectors),
	    cmocka_unit_test(blocks_are_independent),
	    cmocka_unit_test(a_short_end_is_not_overrun),
	    cmocka_unit_test(senseless_input_is_refused),
	    cmocka_unit_test(unlocks_what_ssh_keygen_locked),
	};

	crypto_clean_environment();
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
