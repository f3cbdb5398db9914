/* Keys made by ssh-keygen: imported, signed with; the signatures judged by ssh-keygen and by us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "keystore/crypto.h"
#include "proto/numbers.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand it on */

/* What ssh-keygen makes, with the flags that it can verify. */
static const struct kind {
	const char *options;
	uint32_t flags;
	bool slow;
} kinds[] = {
    {"-t ed25519", 0, false},
    {"-t ecdsa -b 256", 0, false},
    {"-t ecdsa -b 384", 0, true},
    {"-t ecdsa -b 521", 0, true},
    {"-t rsa -b 1024", SIGN_RSA_SHA2_256, true},
    {"-t rsa -b 2048", SIGN_RSA_SHA2_512, true},
    {"-t rsa -b 3072", SIGN_RSA_SHA2_256 | SIGN_RSA_SHA2_512, true},
    /* A modulus that is no whole number of bytes. */
    {"-t rsa -b 1029", SIGN_RSA_SHA2_512, true},
    {"-t dsa", 0, true},
};

enum { ALL_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* Without the last where ssh-keygen makes no DSA keys any more. */
static size_t kinds_here = ALL_KINDS;

static struct key *make(size_t kind, const char *name)
{
	struct builder wire = {0};
	struct key *key;

	keys_generate(&dir, name, kinds[kind].options, &wire);
	key = keys_import(&wire);
	builder_clear(&wire);
	return key;
}

static void sign(struct key *key, uint32_t flags, struct bytes data, struct builder *out)
{
	const struct sigalg *alg;

	builder_reset(out);
	assert_int_equal(sigalg_choose(key_type(key), flags, &alg), ERR_OK);
	assert_int_equal(key_sign(key, alg, data, out), ERR_OK);
}

static void ssh_keygen_accepts_our_signatures(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_here; i++) {
		char name[32];
		struct key *key;

		snprintf(name, sizeof(name), "accept%zu", i);
		key = make(i, name);
		/* More than once: the prepared context is used again. */
		for (unsigned again = 0; again < 3; again++)
			assert_true(keys_ssh_keygen_accepts(&dir, key, kinds[i].flags));
		key_unref(key);
	}
}

static void key_tells_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_here; i++) {
		struct builder blob = {0};
		char name[32];
		struct key *key;

		snprintf(name, sizeof(name), "tell%zu", i);
		key = make(i, name);
		strcat(name, ".pub");
		keys_load_public(&dir, name, &blob);
		assert_true(bytes_equal(builder_view(&blob), key_blob(key)));
		assert_true(key_is_slow(key) == kinds[i].slow);
		assert_false(key_is_shielded(key));
		assert_true(key_type_available(key_type(key)));
		builder_clear(&blob);
		key_unref(key);
	}
}

/* Every changed byte and every cut is refused; so are other data and another key. */
static void only_the_right_signature_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_here; i++) {
		struct builder s = {0};
		struct bytes data = bytes_str("some data");
		char name[32];
		struct key *key, *other;

		snprintf(name, sizeof(name), "only%zu", i);
		key = make(i, name);
		snprintf(name, sizeof(name), "other%zu", i);
		other = make(i, name);
		sign(key, kinds[i].flags, data, &s);
		assert_int_equal(key_verify(key_blob(key), data, builder_view(&s)), ERR_OK);
		assert_int_equal(
		    key_verify(key_blob(key), bytes_str("some date"), builder_view(&s)),
		    ERR_KEY_MISMATCH);
		assert_int_not_equal(key_verify(key_blob(other), data, builder_view(&s)), ERR_OK);
		for (size_t k = 0; k < s.len; k++) {
			s.data[k] ^= 0x10;
			assert_int_not_equal(
			    key_verify(key_blob(key), data, builder_view(&s)), ERR_OK);
			s.data[k] ^= 0x10;
			assert_int_not_equal(
			    key_verify(key_blob(key), data, BYTES(s.data, k)), ERR_OK);
		}
		builder_u8(&s, 0);
		assert_int_not_equal(key_verify(key_blob(key), data, builder_view(&s)), ERR_OK);
		builder_clear(&s);
		key_unref(key);
		key_unref(other);
	}
}

static void rsa_signs_with_each_hash(void **state)
{
	static const struct {
		uint32_t flags;
		const char *name;
	} rows[] = {{0, "ssh-rsa"}, {SIGN_RSA_SHA2_256, "rsa-sha2-256"},
	    {SIGN_RSA_SHA2_512, "rsa-sha2-512"}};
	struct key *key = make(5, "hashes");
	struct builder s = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reader r;
		struct bytes name, signature;

		sign(key, rows[i].flags, bytes_str("x"), &s);
		assert_int_equal(
		    key_verify(key_blob(key), bytes_str("x"), builder_view(&s)), ERR_OK);
		r = reader_of(builder_view(&s));
		assert_int_equal(reader_string(&r, &name), ERR_OK);
		assert_true(bytes_is(name, rows[i].name));
		assert_int_equal(reader_string(&r, &signature), ERR_OK);
		assert_int_equal(signature.len, 2048 / 8);
		assert_int_equal(reader_end(&r), ERR_OK);
	}
	builder_clear(&s);
	key_unref(key);
}

/* SHA-1 too, which ssh-keygen -Y refuses: judged by openssl. */
static void openssl_accepts_rsa_with_sha1(void **state)
{
	struct key *key = make(5, "sha1");
	struct builder s = {0};
	struct reader r;
	struct bytes name, signature;
	char path[128];
	FILE *f;

	(void)state;
	sign(key, 0, bytes_str("hello"), &s);
	r = reader_of(builder_view(&s));
	assert_int_equal(reader_string(&r, &name), ERR_OK);
	assert_int_equal(reader_string(&r, &signature), ERR_OK);
	snprintf(path, sizeof(path), "%s/sha1.sig", dir.path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(signature.data, 1, signature.len, f), signature.len);
	fclose(f);
	assert_true(
	    keys_run("ssh-keygen -e -m PKCS8 -f %s/sha1.pub >%s/sha1.pem", dir.path, dir.path));
	assert_true(keys_run("printf hello | openssl dgst -sha1 -verify %s/sha1.pem -signature "
			     "%s >/dev/null",
	    dir.path, path));
	builder_clear(&s);
	key_unref(key);
}

/* OpenSSH takes signatures of signers that leave out leading zero bytes. */
static void rsa_signature_without_leading_zeros_verifies(void **state)
{
	struct key *key = make(4, "zeros");
	struct builder s = {0};
	bool seen = false;

	(void)state;
	for (uint32_t i = 0; i < 20000 && !seen; i++) {
		struct builder data = {0}, cut = {0};
		struct reader r;
		struct bytes name, signature;

		builder_u32(&data, i);
		sign(key, SIGN_RSA_SHA2_256, builder_view(&data), &s);
		r = reader_of(builder_view(&s));
		assert_int_equal(reader_string(&r, &name), ERR_OK);
		assert_int_equal(reader_string(&r, &signature), ERR_OK);
		assert_int_equal(signature.len, 128);
		seen = signature.data[0] == 0;
		if (seen) {
			builder_string(&cut, name);
			builder_string(&cut, BYTES(signature.data + 1, signature.len - 1));
			assert_int_equal(
			    key_verify(key_blob(key), builder_view(&data), builder_view(&cut)),
			    ERR_OK);
		}
		builder_clear(&data);
		builder_clear(&cut);
	}
	assert_true(seen);
	builder_clear(&s);
	key_unref(key);
}

/* The numbers of a DSA signature have a fixed width, which few of them need not fill. */
static void dsa_numbers_with_leading_zeros(void **state)
{
	struct builder s = {0};
	struct key *key;
	bool r_seen = false, s_seen = false;

	(void)state;
	if (kinds_here != ALL_KINDS)
		skip();
	key = make(ALL_KINDS - 1, "narrow");
	for (uint32_t i = 0; i < 100000 && !(r_seen && s_seen); i++) {
		const uint8_t *numbers;

		sign(key, 0, bytes_str("x"), &s);
		numbers = s.data + s.len - 40;
		if (numbers[0] != 0 && numbers[20] != 0)
			continue;
		r_seen |= numbers[0] == 0;
		s_seen |= numbers[20] == 0;
		assert_int_equal(
		    key_verify(key_blob(key), bytes_str("x"), builder_view(&s)), ERR_OK);
	}
	assert_true(r_seen && s_seen);
	builder_clear(&s);
	key_unref(key);
}

static void signatures_of_long_and_empty_data(void **state)
{
	static uint8_t big[200 * 1024];
	struct builder s = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char name[16];
		struct key *key;

		snprintf(name, sizeof(name), "long%zu", i);
		key = make(i, name);
		sign(key, 0, BYTES_NONE, &s);
		assert_int_equal(key_verify(key_blob(key), BYTES_NONE, builder_view(&s)), ERR_OK);
		sign(key, 0, BYTES(big, sizeof(big)), &s);
		assert_int_equal(
		    key_verify(key_blob(key), BYTES(big, sizeof(big)), builder_view(&s)), ERR_OK);
		key_unref(key);
	}
	builder_clear(&s);
}

static int setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	keys_dir_make(&dir);
	if (!keys_can_generate(&dir, kinds[ALL_KINDS - 1].options))
		kinds_here--;
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
	    cmocka_unit_test(ssh_keygen_accepts_our_signatures),
	    cmocka_unit_test(key_tells_what_it_is),
	    cmocka_unit_test(only_the_right_signature_verifies),
	    cmocka_unit_test(rsa_signs_with_each_hash),
	    cmocka_unit_test(openssl_accepts_rsa_with_sha1),
	    cmocka_unit_test(rsa_signature_without_leading_zeros_verifies),
	    cmocka_unit_test(dsa_numbers_with_leading_zeros),
	    cmocka_unit_test(signatures_of_long_and_empty_data),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
