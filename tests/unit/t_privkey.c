/*
 * Private keys out of what ssh-add sent, against the numbers that openssl reads in the same keys.
 * /
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/builder.h"
#include "proto/privkey.h"
#include "tests/support/proto_vectors.h"

static struct privkey parsed(struct bytes message, struct reader *rest)
{
	struct privkey key;
	struct reader r = reader_of(body_of(message));

	assert_int_equal(privkey_read(&r, &key), ERR_OK);
	if (rest != NULL)
		*rest = r;
	return key;
}

static struct privkey added(const char *type, const char *what)
{
	return parsed(vector_of(type, what), NULL);
}

static const char *const forms[] = {"add", "add-cert"};

static void test_rsa_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct privkey key = added("rsa", forms[i]);

		assert_bytes(key.public.rsa.n, vector("rsa.n"));
		assert_bytes(key.public.rsa.e, vector("rsa.e"));
		assert_bytes(key.rsa.d, vector("rsa.d"));
		assert_bytes(key.rsa.iqmp, vector("rsa.iqmp"));
		assert_bytes(key.rsa.p, vector("rsa.p"));
		assert_bytes(key.rsa.q, vector("rsa.q"));
	}
}

static void test_dsa_and_ecdsa_scalars(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_bytes(added("dsa", forms[i]).scalar, vector("dsa.x"));
		assert_bytes(added("ecdsa256", forms[i]).scalar, vector("ecdsa256.d"));
		assert_bytes(added("ecdsa384", forms[i]).scalar, vector("ecdsa384.d"));
		assert_bytes(added("ecdsa521", forms[i]).scalar, vector("ecdsa521.d"));
	}
}

static void test_eddsa_seeds(void **state)
{
	(void)state;
	assert_bytes(added("ed25519", "add").seed, vector("ed25519.seed"));
	assert_bytes(added("ed25519", "add-cert").seed, vector("ed25519.seed"));
	assert_bytes(added("ed448", "add").seed, vector("ed448.seed"));
}

static void test_sk_fields(void **state)
{
	static const char *const types[] = {"sk-ecdsa", "sk-ed25519"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct privkey key = added(types[i / 2], forms[i % 2]);

		assert_true(bytes_is(key.public.application, "ssh:signet"));
		assert_int_equal(key.sk.flags, 0x01); /* user presence: ssh-keygen's default */
		assert_true(key.sk.handle.len > 0);
		assert_int_equal(key.sk.reserved.len, 0);
	}
}

static void check_public_half(const char *type, const char *form)
{
	struct reader rest;
	struct privkey key = parsed(vector_of(type, form), &rest);
	struct bytes comment;
	struct builder b = {0};

	pubkey_build(&b, &key.public);
	assert_bytes(builder_view(&b), vector_of(type, "public"));
	assert_ptr_equal(key.type, key.public.type);
	if (strcmp(form, "add-cert") == 0)
		assert_bytes(key.cert, vector_of(type, "cert"));
	else
		assert_int_equal(key.cert.len, 0);
	/* The comment follows. */
	assert_int_equal(reader_text(&rest, &comment), ERR_OK);
	assert_memory_equal(comment.data, type, strlen(type));
	builder_clear(&b);
}

static void test_public_half_certificate_and_what_follows(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++)
		for (size_t j = 0; j < 2; j++)
			if (vector_exists(vector_types[i], forms[j]))
				check_public_half(vector_types[i], forms[j]);
}

/* The key data in the message: up to the comment. */
static struct bytes key_data(const char *type, const char *form)
{
	struct reader rest;
	struct bytes body = body_of(vector_of(type, form));

	parsed(vector_of(type, form), &rest);
	return BYTES(body.data, body.len - rest.left);
}

static void check_build(const char *type, const char *from, const char *to)
{
	struct privkey key = added(type, from);
	struct bytes cert = strcmp(to, "add") == 0 ? BYTES_NONE : vector_of(type, "cert");
	struct builder b = {0};

	privkey_build(&b, &key, cert);
	assert_int_equal(builder_error(&b), ERR_OK);
	assert_bytes(builder_view(&b), key_data(type, to));
	builder_clear(&b);
}

/* Each form written from each, as ssh-add wrote it. */
static void test_build_writes_what_ssh_add_sends(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++)
		for (size_t j = 0; j < 4; j++)
			if (vector_exists(vector_types[i], forms[j / 2]) &&
			    vector_exists(vector_types[i], forms[j % 2]))
				check_build(vector_types[i], forms[j / 2], forms[j % 2]);
}

static enum err parse(struct bytes data)
{
	struct reader r = reader_of(data);
	struct privkey key;
	enum err e = privkey_read(&r, &key);

	return e == ERR_OK ? reader_end(&r) : e;
}

static void test_every_cut_and_a_surplus_byte_refused(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++)
		for (size_t j = 0; j < 2; j++)
			if (vector_exists(vector_types[i], forms[j])) {
				struct bytes data = key_data(vector_types[i], forms[j]);

				assert_exact(data, parse);
				assert_true(refused_flips(data, parse) > 64);
			}
}

/* A copy of key data with one bit of one byte changed, parsed. */
static enum err parse_changed(struct bytes data, size_t at)
{
	struct blob copy = {0};
	enum err e;

	assert_int_equal(parse(data), ERR_OK);
	assert_int_equal(blob_copy(&copy, data), ERR_OK);
	copy.data[at] ^= 1;
	e = parse(blob_view(&copy));
	blob_clear(&copy);
	return e;
}

static void test_eddsa_halves_must_agree(void **state)
{
	struct bytes ed25519 = key_data("ed25519", "add"), ed448 = key_data("ed448", "add");

	(void)state;
	/* The copy behind the seed; the one before it; the seed itself is not compared here. */
	assert_int_equal(parse_changed(ed25519, ed25519.len - 1), ERR_KEY_MISMATCH);
	assert_int_equal(parse_changed(ed25519, 4 + 11 + 4), ERR_KEY_MISMATCH);
	assert_int_equal(parse_changed(ed25519, ed25519.len - 64), ERR_OK);
	assert_int_equal(parse_changed(ed448, ed448.len - 1), ERR_KEY_MISMATCH);
}

static void test_certified_key_must_be_the_certificates(void **state)
{
	struct bytes plain = key_data("ed25519", "add-cert");
	size_t public_at = plain.len - 64 - 4 - 32;

	(void)state;
	assert_int_equal(parse_changed(plain, public_at), ERR_CERT_MISMATCH);
	assert_int_equal(parse_changed(plain, plain.len - 1), ERR_KEY_MISMATCH);
}

/*
 * The public half of sk-ed25519 stands behind the certificate, and the application of both sk
 * types.
 */
static void test_sk_certificate_repeats_must_agree(void **state)
{
	static const char *const types[] = {"sk-ecdsa", "sk-ed25519"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bytes data = key_data(types[i], "add-cert");
		struct privkey key = added(types[i], "add-cert");
		/* byte flags, string handle, string reserved are behind the application */
		size_t application_end = data.len - 4 - key.sk.handle.len - 4 - 1;

		assert_int_equal(parse_changed(data, application_end - 1), ERR_CERT_MISMATCH);
		if (i == 1)
			assert_int_equal(
			    parse_changed(data, application_end - 10 - 4 - 1), ERR_CERT_MISMATCH);
	}
}

static enum err parse_two_strings(const char *name, struct bytes a, struct bytes b)
{
	struct builder out = {0};
	enum err e;

	builder_cstring(&out, name);
	builder_string(&out, a);
	builder_string(&out, b);
	e = parse(builder_view(&out));
	builder_clear(&out);
	return e;
}

/* draft-ietf-sshm-composite-sigs: string public key (1344 bytes), string both seeds (64 bytes). */
static void test_composite_layout(void **state)
{
	uint8_t public[1344], seeds[65];
	struct bytes pk = BYTES(public, sizeof(public));

	(void)state;
	memset(public, 1, sizeof(public));
	memset(seeds, 2, sizeof(seeds));
	assert_int_equal(parse_two_strings("ssh-mldsa44-ed25519", pk, BYTES(seeds, 64)), ERR_OK);
	assert_int_equal(
	    parse_two_strings("ssh-mldsa44-ed25519@openssh.com", pk, BYTES(seeds, 64)), ERR_OK);
	assert_int_equal(
	    parse_two_strings("ssh-mldsa44-ed25519", pk, BYTES(seeds, 65)), ERR_KEY_INVALID);
	assert_int_equal(
	    parse_two_strings("ssh-mldsa44-ed25519", pk, BYTES(seeds, 63)), ERR_KEY_INVALID);
}

/* A certificate for a composite key, as the draft's layout of it and of certificates gives it. */
static void build_composite_cert(struct builder *b, const char *name, struct bytes pk)
{
	builder_cstring(b, name);
	builder_cstring(b, "nonce");
	builder_string(b, pk);
	builder_u64(b, 1);
	builder_u32(b, CERT_USER);
	for (int i = 0; i < 2; i++) /* key id, principals */
		builder_cstring(b, "");
	builder_u64(b, 0);
	builder_u64(b, UINT64_MAX);
	for (int i = 0; i < 3; i++) /* critical options, extensions, reserved */
		builder_cstring(b, "");
	builder_string(b, vector("ca.public"));
	builder_string(b, BYTES("\0\0\0\x0bssh-ed25519\0\0\0\x01x", 20));
}

static void check_composite_cert(const char *plain_name, const char *cert_name)
{
	uint8_t public[1344], seeds[64];
	struct builder cert = {0}, written = {0};
	struct reader r;
	struct privkey key;

	memset(public, 1, sizeof(public));
	memset(seeds, 2, sizeof(seeds));
	build_composite_cert(&cert, cert_name, BYTES(public, sizeof(public)));
	/* The public key is not repeated behind the certificate. */
	assert_int_equal(
	    parse_two_strings(cert_name, builder_view(&cert), BYTES(seeds, 64)), ERR_OK);
	assert_int_equal(
	    parse_two_strings(cert_name, builder_view(&cert), BYTES(seeds, 63)), ERR_KEY_INVALID);
	builder_cstring(&written, cert_name);
	builder_string(&written, builder_view(&cert));
	builder_string(&written, BYTES(seeds, 64));
	r = reader_of(builder_view(&written));
	assert_int_equal(privkey_read(&r, &key), ERR_OK);
	assert_string_equal(key.type->name, plain_name);
	assert_bytes(key.public.raw, BYTES(public, sizeof(public)));
	assert_bytes(key.seed, BYTES(seeds, 64));
	builder_clear(&cert);
	builder_clear(&written);
}

static void test_composite_certificates_of_both_names(void **state)
{
	(void)state;
	check_composite_cert("ssh-mldsa44-ed25519", "ssh-mldsa44-ed25519-cert");
	check_composite_cert(
	    "ssh-mldsa44-ed25519@openssh.com", "ssh-mldsa44-ed25519-cert-v01@openssh.com");
}

static void test_type_and_certificate_must_agree(void **state)
{
	struct bytes seed = vector("ed25519.seed");

	(void)state;
	assert_int_equal(parse_two_strings("ssh-unknown", seed, seed), ERR_KEY_TYPE);
	assert_int_equal(
	    parse_two_strings("ssh-rsa-cert-v01@openssh.com", vector("ed25519.cert"), seed),
	    ERR_CERT_MISMATCH);
	assert_int_equal(
	    parse_two_strings("ssh-rsa-cert-v01@openssh.com", vector("rsa.public"), seed),
	    ERR_CERT);
	assert_int_equal(
	    parse_two_strings("ssh-rsa-cert-v01@openssh.com", BYTES_NONE, seed), ERR_CERT);
}

static void test_eddsa_private_string_is_seed_and_public_half(void **state)
{
	struct bytes a = vector("ed25519.a");
	uint8_t pair[65] = {0};

	(void)state;
	memcpy(pair + 32, a.data, 32);
	assert_int_equal(parse_two_strings("ssh-ed25519", a, BYTES(pair, 64)), ERR_OK);
	assert_int_equal(parse_two_strings("ssh-ed25519", a, BYTES(pair, 65)), ERR_KEY_INVALID);
	assert_int_equal(parse_two_strings("ssh-ed25519", a, BYTES(pair, 63)), ERR_KEY_INVALID);
	assert_int_equal(parse_two_strings("ssh-ed25519", a, BYTES(pair, 32)), ERR_KEY_INVALID);
}

static void test_zero_is_no_private_number(void **state)
{
	struct builder b = {0};
	struct privkey key = added("ecdsa256", "add");

	(void)state;
	key.scalar = BYTES_NONE;
	privkey_build(&b, &key, BYTES_NONE);
	assert_int_equal(parse(builder_view(&b)), ERR_KEY_INVALID);
	builder_clear(&b);
}

static void test_failure_leaves_cursor_and_result_alone(void **state)
{
	struct bytes data = key_data("rsa", "add");
	struct privkey key = {.type = keytype_at(2)};
	struct reader r;

	(void)state;
	data.len--;
	r = reader_of(data);
	assert_int_equal(privkey_read(&r, &key), ERR_TRUNCATED);
	assert_int_equal(r.left, data.len);
	assert_ptr_equal(key.type, keytype_at(2));
}

/* A certificate that does not even have a name: what is sent has none either, and is refused there.
 */
static void test_build_with_a_certificate_that_is_none(void **state)
{
	struct privkey key = added("ed25519", "add");
	struct builder b = {0};
	struct reader r;
	struct privkey none;

	(void)state;
	privkey_build(&b, &key, bytes_str("x"));
	assert_memory_equal(b.data, "\0\0\0\0\0\0\0\1x", 9);
	r = reader_of(builder_view(&b));
	assert_int_not_equal(privkey_read(&r, &none), ERR_OK);
	builder_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rsa_numbers),
	    cmocka_unit_test(test_dsa_and_ecdsa_scalars),
	    cmocka_unit_test(test_eddsa_seeds),
	    cmocka_unit_test(test_sk_fields),
	    cmocka_unit_test(test_public_half_certificate_and_what_follows),
	    cmocka_unit_test(test_build_writes_what_ssh_add_sends),
	    cmocka_unit_test(test_every_cut_and_a_surplus_byte_refused),
	    cmocka_unit_test(test_eddsa_halves_must_agree),
	    cmocka_unit_test(test_certified_key_must_be_the_certificates),
	    cmocka_unit_test(test_sk_certificate_repeats_must_agree),
	    cmocka_unit_test(test_composite_layout),
	    cmocka_unit_test(test_composite_certificates_of_both_names),
	    cmocka_unit_test(test_type_and_certificate_must_agree),
	    cmocka_unit_test(test_eddsa_private_string_is_seed_and_public_half),
	    cmocka_unit_test(test_zero_is_no_private_number),
	    cmocka_unit_test(test_failure_leaves_cursor_and_result_alone),
	    cmocka_unit_test(test_build_with_a_certificate_that_is_none),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
