/* Keys of which only the public half is here: made by ssh-keygen, judged with its signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "keystore/crypto.h"
#include "keystore/key_impl.h"
#include "proto/limits.h"
#include "proto/numbers.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand it on */

static const struct kind {
	const char *options;
	uint32_t flags;
} kinds[] = {
    {"-t ed25519", 0},
    {"-t ecdsa -b 256", 0},
    {"-t ecdsa -b 384", 0},
    {"-t ecdsa -b 521", 0},
    {"-t rsa -b 1024", SIGN_RSA_SHA2_256},
    {"-t rsa -b 3072", SIGN_RSA_SHA2_512},
};

static void the_public_half_verifies_and_does_not_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct builder wire = {0}, blob = {0}, signature = {0}, none = {0};
		struct bytes data = bytes_str("data");
		struct key *private, *public = NULL;
		const struct sigalg *alg;
		char name[32];

		(void)snprintf(name, sizeof(name), "half%zu", i);
		keys_generate(&dir, name, kinds[i].options, &wire);
		private = keys_import(&wire);
		strcat(name, ".pub");
		keys_load_public(&dir, name, &blob);
		assert_int_equal(key_public(builder_view(&blob), &public), ERR_OK);
		assert_true(key_is_public(public));
		assert_false(key_is_public(private));
		assert_false(key_is_sk(public));
		assert_false(key_is_shielded(public));
		assert_ptr_equal(key_type(public), key_type(private));
		assert_true(bytes_equal(key_blob(public), builder_view(&blob)));
		assert_int_equal(sigalg_choose(key_type(public), kinds[i].flags, &alg), ERR_OK);
		assert_int_equal(key_sign(public, alg, data, &none), ERR_UNSUPPORTED);
		assert_int_equal(none.len, 0);
		assert_int_equal(key_sign(private, alg, data, &signature), ERR_OK);
		assert_int_equal(
		    key_verify(key_blob(public), data, builder_view(&signature)), ERR_OK);
		key_unref(public);
		key_unref(private);
		builder_clear(&wire);
		builder_clear(&blob);
		builder_clear(&signature);
		builder_clear(&none);
	}
}

static void refused(const struct builder *blob, enum err why)
{
	struct key *key = NULL;

	assert_string_equal(err_text(key_public(builder_view(blob), &key)), err_text(why));
	assert_null(key);
}

/* An RSA key of so many bits, with this last byte, and this exponent. */
static void put_rsa(struct builder *b, size_t bits, uint8_t last, const char *e, size_t e_len)
{
	size_t n = bits / 8;
	uint8_t *modulus = malloc(n);

	assert_non_null(modulus);
	memset(modulus, 0xa5, n);
	modulus[n - 1] = last;
	builder_reset(b);
	builder_cstring(b, "ssh-rsa");
	builder_mpint(b, BYTES(e, e_len));
	builder_mpint(b, BYTES(modulus, n));
	free(modulus);
}

static void rsa_numbers_are_looked_at(void **state)
{
	struct builder b = {0};
	struct key *key = NULL;

	(void)state;
	put_rsa(&b, 2048, 0xa5, "\1\0\1", 3);
	assert_int_equal(key_public(builder_view(&b), &key), ERR_OK);
	key_unref(key);
	put_rsa(&b, 1016, 0xa5, "\1\0\1", 3);
	refused(&b, ERR_KEY_SHORT);
	put_rsa(&b, LIMIT_RSA_MAX_BITS + 8, 0xa5, "\1\0\1", 3);
	refused(&b, ERR_KEY_LONG);
	put_rsa(&b, 2048, 0xa4, "\1\0\1", 3);
	refused(&b, ERR_KEY_INVALID);
	put_rsa(&b, 2048, 0xa5, "\1\0\2", 3);
	refused(&b, ERR_KEY_INVALID);
	put_rsa(&b, 2048, 0xa5, "\1", 1);
	refused(&b, ERR_KEY_INVALID);
	builder_clear(&b);
}

/* A point off its curve, with the right length; and the sizes of all curves. */
static void points_must_be_on_their_curve(void **state)
{
	(void)state;
	for (size_t i = 1; i < 4; i++) {
		struct builder wire = {0}, blob = {0};
		char name[32];

		(void)snprintf(name, sizeof(name), "curve%zu", i);
		keys_generate(&dir, name, kinds[i].options, &wire);
		strcat(name, ".pub");
		keys_load_public(&dir, name, &blob);
		blob.data[blob.len - 1] ^= 1;
		refused(&blob, ERR_KEY_CURVE);
		builder_clear(&wire);
		builder_clear(&blob);
	}
}

static void other_types_and_forms_are_refused(void **state)
{
	struct builder b = {0}, wire = {0};
	uint8_t point[65] = {4};
	struct key *key = NULL;

	(void)state;
	keys_generate(&dir, "form", "-t ed25519", &wire);
	keys_load_public(&dir, "form.pub", &b);
	for (size_t n = 0; n < b.len; n++)
		assert_int_not_equal(key_public(BYTES(b.data, n), &key), ERR_OK);
	builder_u8(&b, 0);
	refused(&b, ERR_SURPLUS);
	/* Certified it is another blob. */
	assert_true(keys_run("cd %s && ssh-keygen -q -t ed25519 -N '' -f ca && "
			     "ssh-keygen -q -s ca -I me form.pub",
	    dir.path));
	builder_reset(&b);
	keys_load_public(&dir, "form-cert.pub", &b);
	refused(&b, ERR_KEY_TYPE);
	/* What a security key holds is not found by its place. */
	builder_reset(&b);
	builder_cstring(&b, "sk-ssh-ed25519@openssh.com");
	builder_string(&b, BYTES(point, 32));
	builder_cstring(&b, "ssh:");
	refused(&b, ERR_KEY_TYPE);
	builder_reset(&b);
	builder_cstring(&b, "sk-ecdsa-sha2-nistp256@openssh.com");
	builder_cstring(&b, "nistp256");
	builder_string(&b, BYTES(point, 65));
	builder_cstring(&b, "ssh:");
	refused(&b, ERR_KEY_TYPE);
	/* No token's. */
	builder_reset(&b);
	builder_cstring(&b, "ssh-dss");
	for (unsigned i = 0; i < 4; i++)
		builder_mpint(&b, BYTES("\7", 1));
	refused(&b, ERR_KEY_TYPE);
	builder_reset(&b);
	builder_cstring(&b, "ssh-unknown");
	refused(&b, ERR_KEY_TYPE);
	builder_clear(&b);
	builder_clear(&wire);
}

/* A signature by this key, whose bytes are nothing that libcrypto need see. */
static enum err verify(const struct builder *blob, const char *algorithm, size_t n)
{
	struct builder signature = {0};
	static uint8_t bytes[1024];
	enum err e;

	builder_cstring(&signature, algorithm);
	builder_string(&signature, BYTES(bytes, n));
	e = key_verify(builder_view(blob), bytes_str("data"), builder_view(&signature));
	builder_clear(&signature);
	return e;
}

static void sizes_are_looked_at_before_verifying(void **state)
{
	static uint8_t p[128], q[20];
	struct builder b = {0};

	(void)state;
	put_rsa(&b, 2048, 0xa5, "\1\0\1", 3);
	assert_int_equal(verify(&b, "rsa-sha2-256", 256), ERR_KEY_MISMATCH);
	assert_int_equal(verify(&b, "rsa-sha2-256", 257), ERR_KEY_MISMATCH);
	memset(p, 0xa5, sizeof(p));
	memset(q, 0xa5, sizeof(q));
	builder_reset(&b);
	builder_cstring(&b, "ssh-rsa");
	builder_mpint(&b, BYTES("\1\0\0\0\1", 5));
	builder_mpint(&b, BYTES(p, 4));
	assert_int_equal(verify(&b, "rsa-sha2-256", 256), ERR_KEY_SHORT);
	builder_reset(&b);
	builder_cstring(&b, "ssh-dss");
	builder_mpint(&b, BYTES(p, sizeof(p)));
	builder_mpint(&b, BYTES(q, sizeof(q)));
	builder_mpint(&b, BYTES("\2", 1));
	builder_mpint(&b, BYTES("\4", 1));
	assert_int_equal(verify(&b, "ssh-dss", 41), ERR_FORMAT);
	assert_int_equal(verify(&b, "ssh-dss", 40), ERR_KEY_MISMATCH);
	builder_reset(&b);
	builder_cstring(&b, "ssh-dss");
	for (unsigned i = 0; i < 4; i++)
		builder_mpint(&b, BYTES("\7", 1));
	assert_int_equal(verify(&b, "ssh-dss", 40), ERR_KEY_INVALID);
	builder_clear(&b);
}

/* An exponent longer than its modulus. */
static void a_long_exponent(void **state)
{
	static uint8_t e[260];
	struct builder b = {0};

	(void)state;
	memset(e, 0xa5, sizeof(e));
	put_rsa(&b, 2048, 0xa5, (const char *)e, sizeof(e));
	refused(&b, ERR_KEY_INVALID);
	builder_clear(&b);
}

/* What libcrypto gives is looked at as well. */
static void der_of_signatures(void **state)
{
	static const struct {
		const char *der;
		size_t n;
		enum err want;
	} rows[] = {
	    {"\x30\x06\x02\x01\x01\x02\x01\x02", 8, ERR_OK},
	    {"\x30\x81\x06\x02\x01\x01\x02\x01\x02", 9, ERR_OK},
	    {"\x31\x06\x02\x01\x01\x02\x01\x02", 8, ERR_FORMAT},
	    {"\x30\x82\x00\x06\x02\x01\x01\x02\x01\x02", 10, ERR_FORMAT},
	    {"\x30\x06\x02\x01\x01\x04\x01\x02", 8, ERR_FORMAT},
	    {"\x30\x06\x02\x01\x01\x02\x01\x02\x00", 9, ERR_SURPLUS},
	    {"\x30\x07\x02\x01\x01\x02\x01\x02\x00", 9, ERR_SURPLUS},
	    {"\x30\x06\x02\x01\x01\x02\x01", 7, ERR_TRUNCATED},
	    {"\x30", 1, ERR_TRUNCATED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes r, s;

		assert_int_equal(
		    key_der_split(BYTES(rows[i].der, rows[i].n), &r, &s), rows[i].want);
	}
}

static int setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	keys_dir_make(&dir);
	return 0;
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
	    cmocka_unit_test(the_public_half_verifies_and_does_not_sign),
	    cmocka_unit_test(rsa_numbers_are_looked_at),
	    cmocka_unit_test(points_must_be_on_their_curve),
	    cmocka_unit_test(other_types_and_forms_are_refused),
	    cmocka_unit_test(sizes_are_looked_at_before_verifying),
	    cmocka_unit_test(a_long_exponent),
	    cmocka_unit_test(der_of_signatures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
