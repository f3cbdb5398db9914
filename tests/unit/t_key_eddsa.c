/* EdDSA vectors of RFC 8032, section 7, and security keys' signatures, judged by ssh-keygen too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "keystore/crypto.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand it on */

static const struct vector {
	const char *type, *seed, *public, *message, *signature;
} vectors[] = {
    /* 7.1, TEST 1 to 3 */
    {"ssh-ed25519", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"ssh-ed25519", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"ssh-ed25519", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    /* 7.4, Blank and 1 octet */
    {"ssh-ed448",
	"6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b"
	"94492f8f032e7549a20098f95b",
	"5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783d"
	"f1e50f6cd1fa1abeafe8256180",
	"",
	"533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22"
	"ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cd"
	"da8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600"},
    {"ssh-ed448",
	"c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397"
	"a659949ef8021e954e0a12274e",
	"43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4"
	"cb82169c235160627b4c3a9480",
	"03",
	"26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de"
	"8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a64729"
	"05e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00"},
};

static struct bytes from_hex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t)v;
	}
	return BYTES(out, n);
}

static struct privkey vector_key(const struct vector *v, uint8_t *seed, uint8_t *public)
{
	struct privkey pk = {0};
	bool is_cert;

	pk.type = keytype_find(bytes_str(v->type), &is_cert);
	assert_non_null(pk.type);
	pk.public.type = pk.type;
	pk.seed = from_hex(v->seed, seed);
	pk.public.raw = from_hex(v->public, public);
	return pk;
}

static void signatures_are_those_of_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		uint8_t seed[64], public[64], message[8], signature[128];
		struct privkey pk = vector_key(v, seed, public);
		struct builder expected = {0}, ours = {0};
		struct bytes m = from_hex(v->message, message);
		const struct sigalg *alg;
		struct key *key = NULL;

		assert_int_equal(key_import(&pk, &key), ERR_OK);
		assert_int_equal(sigalg_choose(pk.type, 0, &alg), ERR_OK);
		builder_cstring(&expected, v->type);
		builder_string(&expected, from_hex(v->signature, signature));
		for (unsigned again = 0; again < 3; again++) {
			builder_reset(&ours);
			assert_int_equal(key_sign(key, alg, m, &ours), ERR_OK);
			assert_true(bytes_equal(builder_view(&ours), builder_view(&expected)));
		}
		assert_int_equal(key_verify(key_blob(key), m, builder_view(&expected)), ERR_OK);
		expected.data[expected.len - 10] ^= 1;
		assert_int_equal(
		    key_verify(key_blob(key), m, builder_view(&expected)), ERR_KEY_MISMATCH);
		assert_true(key_is_slow(key) == (pk.type->family == FAMILY_ED448));
		builder_clear(&expected);
		builder_clear(&ours);
		key_unref(key);
	}
}

static void another_public_half_is_refused(void **state)
{
	struct key *key = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t seed[64], public[64];
		struct privkey pk = vector_key(&vectors[i], seed, public);

		public[3] ^= 1;
		assert_int_equal(key_import(&pk, &key), ERR_KEY_MISMATCH);
		assert_null(key);
	}
}

static void sk_sign(struct key *software, const char *type, struct bytes data, struct builder *out)
{
	size_t mark;

	builder_cstring(out, type);
	mark = builder_open(out);
	keys_sk_sign(software, "ssh:", data, 0x01, 77, out);
	builder_close(out, mark);
	builder_u8(out, 0x01);
	builder_u32(out, 77);
}

static void security_keys_signatures_verify(void **state)
{
	static const char *const kinds[][2] = {{"-t ed25519", "sk-ssh-ed25519@openssh.com"},
	    {"-t ecdsa -b 256", "sk-ecdsa-sha2-nistp256@openssh.com"}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct builder wire = {0}, blob = {0}, message = {0}, s = {0};
		struct key *key;
		char name[8];

		snprintf(name, sizeof(name), "sk%zu", i);
		keys_generate(&dir, name, kinds[i][0], &wire);
		key = keys_import(&wire);
		keys_sk_blob(key, kinds[i][1], &blob);
		keys_sshsig_message(&message);
		sk_sign(key, kinds[i][1], builder_view(&message), &s);
		assert_true(keys_sshsig_accepted(&dir, builder_view(&blob), builder_view(&s)));
		assert_int_equal(
		    key_verify(builder_view(&blob), builder_view(&message), builder_view(&s)),
		    ERR_OK);
		for (size_t k = 0; k < s.len; k++) {
			s.data[k] ^= 0x10;
			assert_int_not_equal(key_verify(builder_view(&blob), builder_view(&message),
						 builder_view(&s)),
			    ERR_OK);
			s.data[k] ^= 0x10;
		}
		assert_int_not_equal(
		    key_verify(key_blob(key), builder_view(&message), builder_view(&s)), ERR_OK);
		builder_clear(&wire);
		builder_clear(&blob);
		builder_clear(&message);
		builder_clear(&s);
		key_unref(key);
	}
}

static int setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	keys_dir_make(&dir);
	return crypto_start() == ERR_OK && crypto_warm_up() == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	keys_dir_remove(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signatures_are_those_of_the_rfc),
	    cmocka_unit_test(another_public_half_is_refused),
	    cmocka_unit_test(security_keys_signatures_verify),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
