/*
 * Public key blobs that ssh-keygen wrote, against the numbers that openssl reads in the same
 * keys. /
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/builder.h"
#include "proto/keyblob.h"
#include "tests/support/proto_vectors.h"

static struct pubkey parsed(const char *type)
{
	struct pubkey key;

	assert_int_equal(pubkey_parse(vector_of(type, "public"), &key), ERR_OK);
	return key;
}

static void test_rsa_numbers(void **state)
{
	struct pubkey key = parsed("rsa");

	(void)state;
	assert_bytes(key.rsa.n, vector("rsa.n"));
	assert_bytes(key.rsa.e, vector("rsa.e"));
}

static void test_dsa_numbers(void **state)
{
	struct pubkey key = parsed("dsa");

	(void)state;
	assert_bytes(key.dsa.p, vector("dsa.p"));
	assert_bytes(key.dsa.q, vector("dsa.q"));
	assert_bytes(key.dsa.g, vector("dsa.g"));
	assert_bytes(key.dsa.y, vector("dsa.y"));
}

static void test_ecdsa_points(void **state)
{
	static const char *const kinds[] = {"ecdsa256", "ecdsa384", "ecdsa521"};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct pubkey key = parsed(kinds[i]);

		assert_bytes(key.ec.point, vector_of(kinds[i], "q"));
	}
}

static void test_eddsa_points(void **state)
{
	struct pubkey ed25519 = parsed("ed25519"), ed448 = parsed("ed448");

	(void)state;
	assert_bytes(ed25519.raw, vector("ed25519.a"));
	assert_bytes(ed448.raw, vector("ed448.a"));
}

static void test_sk_application(void **state)
{
	struct pubkey ecdsa = parsed("sk-ecdsa"), ed25519 = parsed("sk-ed25519");

	(void)state;
	assert_true(bytes_is(ecdsa.application, "ssh:signet"));
	assert_true(bytes_is(ed25519.application, "ssh:signet"));
}

/* "256 SHA256:... comment (ED25519)" or "... (ED25519-CERT)", of ssh-add -l or ssh-keygen -l. */
static void check_list_line(struct bytes line, const struct pubkey *key, bool is_cert)
{
	char text[256], *end, label[64];

	assert_true(line.len < sizeof(text));
	memcpy(text, line.data, line.len);
	text[line.len] = '\0';
	assert_int_equal(strtoul(text, &end, 10), pubkey_bits(key));
	assert_int_equal(*end, ' ');
	snprintf(label, sizeof(label), "(%s%s)", key->type->label, is_cert ? "-CERT" : "");
	assert_non_null(strrchr(text, '('));
	assert_string_equal(strrchr(text, '('), label);
}

static void test_bits_and_labels_as_openssh(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++) {
		struct pubkey key;
		bool is_cert;

		if (vector_exists(vector_types[i], "list")) {
			key = parsed(vector_types[i]);
			check_list_line(vector_of(vector_types[i], "list"), &key, false);
		}
		if (vector_exists(vector_types[i], "list-cert")) {
			assert_int_equal(
			    keyblob_parse(vector_of(vector_types[i], "cert"), &key, &is_cert),
			    ERR_OK);
			check_list_line(vector_of(vector_types[i], "list-cert"), &key, is_cert);
		}
	}
}

static void test_keyblob_tells_certificates(void **state)
{
	struct pubkey key;
	bool is_cert = true;

	(void)state;
	assert_int_equal(keyblob_parse(vector("ed25519.public"), &key, &is_cert), ERR_OK);
	assert_false(is_cert);
	assert_bytes(key.raw, vector("ed25519.a"));
	memset(&key, 0, sizeof(key));
	assert_int_equal(keyblob_parse(vector("ed25519.cert"), &key, &is_cert), ERR_OK);
	assert_true(is_cert);
	assert_bytes(key.raw, vector("ed25519.a"));
	assert_int_equal(pubkey_parse(vector("ed25519.cert"), &key), ERR_KEY_TYPE);
}

static void test_build_gives_the_blob_back(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++) {
		struct pubkey key = parsed(vector_types[i]);
		struct builder b = {0};

		pubkey_build(&b, &key);
		assert_int_equal(builder_error(&b), ERR_OK);
		assert_bytes(builder_view(&b), vector_of(vector_types[i], "public"));
		builder_clear(&b);
	}
}

static enum err parse(struct bytes blob)
{
	struct pubkey key;

	return pubkey_parse(blob, &key);
}

static void test_every_cut_and_a_surplus_byte_refused(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++) {
		assert_exact(vector_of(vector_types[i], "public"), parse);
		assert_int_equal(
		    parse_longer(vector_of(vector_types[i], "public"), parse), ERR_SURPLUS);
		assert_true(refused_flips(vector_of(vector_types[i], "public"), parse) > 64);
	}
}

/* What a blob of these strings is taken for; field may be NULL for one string less. */
static enum err parse_strings(const char *name, const char *curve, struct bytes last)
{
	struct builder b = {0};
	struct pubkey key;
	enum err e;

	builder_cstring(&b, name);
	if (curve != NULL)
		builder_cstring(&b, curve);
	builder_string(&b, last);
	e = pubkey_parse(builder_view(&b), &key);
	builder_clear(&b);
	return e;
}

static void test_curve_and_point_must_fit_the_type(void **state)
{
	struct bytes q = vector("ecdsa256.q");
	uint8_t point[65];

	(void)state;
	memcpy(point, q.data, sizeof(point));
	assert_int_equal(parse_strings("ecdsa-sha2-nistp256", "nistp256", q), ERR_OK);
	assert_int_equal(parse_strings("ecdsa-sha2-nistp256", "nistp384", q), ERR_KEY_CURVE);
	assert_int_equal(parse_strings("ecdsa-sha2-nistp384", "nistp384", q), ERR_KEY_CURVE);
	assert_int_equal(
	    parse_strings("ecdsa-sha2-nistp256", "nistp256", BYTES(point, 33)), ERR_KEY_CURVE);
	assert_int_equal(
	    parse_strings("ecdsa-sha2-nistp256", "nistp256", BYTES_NONE), ERR_KEY_CURVE);
	point[0] = 0x02;
	assert_int_equal(
	    parse_strings("ecdsa-sha2-nistp256", "nistp256", BYTES(point, 65)), ERR_KEY_CURVE);
}

static void test_eddsa_length_must_fit_the_type(void **state)
{
	struct bytes a = vector("ed25519.a");

	(void)state;
	assert_int_equal(parse_strings("ssh-ed25519", NULL, a), ERR_OK);
	assert_int_equal(parse_strings("ssh-ed25519", NULL, BYTES(a.data, 31)), ERR_KEY_INVALID);
	assert_int_equal(parse_strings("ssh-ed25519", NULL, vector("ed448.a")), ERR_KEY_INVALID);
	assert_int_equal(parse_strings("ssh-ed448", NULL, a), ERR_KEY_INVALID);
	assert_int_equal(parse_strings("ssh-unknown", NULL, a), ERR_KEY_TYPE);
}

/* draft-ietf-sshm-composite-sigs: 1312 bytes of ML-DSA-44 and 32 of Ed25519 under both names. */
static void test_composite(void **state)
{
	static const char *const names[] = {
	    "ssh-mldsa44-ed25519", "ssh-mldsa44-ed25519@openssh.com"};
	uint8_t raw[1312 + 32];

	(void)state;
	memset(raw, 7, sizeof(raw));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(parse_strings(names[i], NULL, BYTES(raw, sizeof(raw))), ERR_OK);
		assert_int_equal(parse_strings(names[i], NULL, BYTES(raw, 1312)), ERR_KEY_INVALID);
	}
}

/* An RSA blob with these numbers as mpints. */
static enum err parse_rsa(struct bytes e, struct bytes n, struct pubkey *key)
{
	struct builder b = {0};
	enum err result;

	builder_cstring(&b, "ssh-rsa");
	builder_mpint(&b, e);
	builder_mpint(&b, n);
	result = pubkey_parse(builder_view(&b), key);
	if (result == ERR_OK)
		assert_int_equal(pubkey_bits(key), n.len * 8 - (n.data[0] < 0x80 ? 7 : 0));
	builder_clear(&b);
	return result;
}

static void test_rsa_bits_and_zero(void **state)
{
	struct pubkey key;

	(void)state;
	assert_int_equal(parse_rsa(BYTES("\x03", 1), BYTES("\x01\x00\x01", 3), &key), ERR_OK);
	assert_int_equal(parse_rsa(BYTES("\x03", 1), BYTES("\x80\x00\x01", 3), &key), ERR_OK);
	assert_int_equal(parse_rsa(BYTES_NONE, BYTES("\x80", 1), &key), ERR_KEY_INVALID);
	assert_int_equal(parse_rsa(BYTES("\x03", 1), BYTES_NONE, &key), ERR_KEY_INVALID);
}

static void test_failure_leaves_results_alone(void **state)
{
	struct pubkey key = {.type = keytype_at(3)};
	struct bytes blob = vector("rsa.public");
	struct reader r = reader_of(BYTES("\0\0\0\x02\x01", 5));
	bool is_cert = true;

	(void)state;
	blob.len--;
	assert_int_equal(pubkey_parse(blob, &key), ERR_TRUNCATED);
	assert_int_equal(keyblob_parse(blob, &key, &is_cert), ERR_TRUNCATED);
	assert_int_equal(pubkey_read_fields(&r, keytype_at(0), &key), ERR_TRUNCATED);
	assert_ptr_equal(key.type, keytype_at(3));
	assert_true(is_cert);
	assert_int_equal(r.left, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rsa_numbers),
	    cmocka_unit_test(test_dsa_numbers),
	    cmocka_unit_test(test_ecdsa_points),
	    cmocka_unit_test(test_eddsa_points),
	    cmocka_unit_test(test_sk_application),
	    cmocka_unit_test(test_bits_and_labels_as_openssh),
	    cmocka_unit_test(test_keyblob_tells_certificates),
	    cmocka_unit_test(test_build_gives_the_blob_back),
	    cmocka_unit_test(test_every_cut_and_a_surplus_byte_refused),
	    cmocka_unit_test(test_curve_and_point_must_fit_the_type),
	    cmocka_unit_test(test_eddsa_length_must_fit_the_type),
	    cmocka_unit_test(test_composite),
	    cmocka_unit_test(test_rsa_bits_and_zero),
	    cmocka_unit_test(test_failure_leaves_results_alone),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
