/*
 * Certificates that ssh-keygen -s made (the expected values are what it was told), and bent ones.
 * /
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/builder.h"
#include "proto/keyblob.h"
#include "proto/limits.h"
#include "tests/support/proto_vectors.h"

static bool certified(const char *type)
{
	return vector_exists(type, "cert");
}

static void read_texts(struct bytes list, const char *const *texts, size_t n)
{
	struct reader r = reader_of(list);
	struct bytes s;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(reader_string(&r, &s), ERR_OK);
		assert_bytes(s, bytes_str(texts[i]));
	}
	assert_int_equal(reader_end(&r), ERR_OK);
}

static void check_cert(const char *type)
{
	static const char *const names[] = {"alice", "bob"};
	static const char *const extensions[] = {"permit-pty", ""};
	/* The value of an option is a string in the string. */
	static const char *const critical[] = {
	    "force-command", "/bin/true", "source-address", "192.0.2.0/24"};
	struct bytes blob = vector_of(type, "cert");
	struct cert c;
	struct reader r, value;
	struct bytes s;
	char id[64] = "id of ";

	assert_int_equal(cert_parse(blob, &c), ERR_OK);
	assert_true(c.serial == 0x0123456789abcdef);
	assert_int_equal(c.kind, CERT_USER);
	assert_bytes(c.key_id, bytes_str(strcat(id, type)));
	read_texts(c.principals, names, 2);
	assert_true(c.valid_after == 1577934245);  /* 2020-01-02 03:04:05 UTC */
	assert_true(c.valid_before == 1893553445); /* 2030-01-02 03:04:05 UTC */
	read_texts(c.extensions, extensions, 2);
	r = reader_of(c.critical);
	for (size_t i = 0; i < 4; i += 2) {
		assert_int_equal(reader_string(&r, &s), ERR_OK);
		assert_bytes(s, bytes_str(critical[i]));
		assert_int_equal(reader_nested(&r, &value), ERR_OK);
		read_texts(reader_rest(&value), &critical[i + 1], 1);
	}
	assert_int_equal(reader_end(&r), ERR_OK);
	assert_bytes(c.signature_key, vector("ca.public"));
	/* "string ssh-ed25519, string 64 bytes" is the last string. */
	assert_int_equal(c.signature.len, 4 + 11 + 4 + 64);
	assert_bytes(c.signed_part, BYTES(blob.data, blob.len - c.signature.len - 4));
}

static void test_fields_as_ssh_keygen_was_told(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++)
		if (certified(vector_types[i]))
			check_cert(vector_types[i]);
}

static void test_key_is_the_plain_one(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++) {
		struct builder b = {0};
		struct cert c;

		if (!certified(vector_types[i]))
			continue;
		assert_int_equal(cert_parse(vector_of(vector_types[i], "cert"), &c), ERR_OK);
		pubkey_build(&b, &c.key);
		assert_bytes(builder_view(&b), vector_of(vector_types[i], "public"));
		builder_clear(&b);
	}
}

static enum err parse(struct bytes blob)
{
	struct cert c;

	return cert_parse(blob, &c);
}

static void test_every_cut_and_a_surplus_byte_refused(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++) {
		if (!certified(vector_types[i]))
			continue;
		assert_exact(vector_of(vector_types[i], "cert"), parse);
		assert_true(refused_flips(vector_of(vector_types[i], "cert"), parse) > 64);
	}
}

static void test_plain_blob_is_no_certificate(void **state)
{
	struct pubkey key;
	bool is_cert = true;

	(void)state;
	assert_int_equal(parse(vector("ed25519.public")), ERR_CERT);
	/* The other way round: a certificate's name decides, whatever follows. */
	assert_int_equal(
	    keyblob_parse(BYTES(vector("rsa.cert").data, 60), &key, &is_cert), ERR_CERT);
	assert_true(is_cert);
}

/* A certificate in parts; a zero part takes what a good one has. */
struct recipe {
	const char *name;
	uint32_t kind;
	size_t principals;
	struct bytes principal, critical, extensions, reserved, authority, signature;
};

static struct bytes or_else(struct bytes given, struct bytes otherwise)
{
	return given.len != 0 ? given : otherwise;
}

static enum err parse_recipe(const struct recipe *c)
{
	static const uint8_t signature[] = "\0\0\0\x0bssh-ed25519\0\0\0\x01x";
	struct builder b = {0};
	size_t mark;
	enum err e;

	builder_cstring(&b, c->name != NULL ? c->name : "ssh-ed25519-cert-v01@openssh.com");
	builder_cstring(&b, "nonce");
	builder_string(&b, vector("ed25519.a"));
	builder_u64(&b, 1);
	builder_u32(&b, c->kind != 0 ? c->kind : CERT_USER);
	builder_cstring(&b, "id");
	mark = builder_open(&b);
	for (size_t i = 0; i < c->principals; i++)
		builder_string(&b, c->principal);
	builder_close(&b, mark);
	builder_u64(&b, 0);
	builder_u64(&b, UINT64_MAX);
	builder_string(&b, c->critical);
	builder_string(&b, c->extensions);
	builder_string(&b, c->reserved);
	builder_string(&b, or_else(c->authority, vector("ca.public")));
	builder_string(&b, or_else(c->signature, BYTES(signature, sizeof(signature) - 1)));
	e = parse(builder_view(&b));
	builder_clear(&b);
	return e;
}

static void test_recipe_is_good(void **state)
{
	(void)state;
	assert_int_equal(parse_recipe(&(struct recipe){0}), ERR_OK);
	assert_int_equal(parse_recipe(&(struct recipe){.kind = CERT_HOST}), ERR_OK);
	assert_int_equal(parse_recipe(&(struct recipe){.reserved = bytes_str("later")}), ERR_OK);
}

static void test_kind_must_be_known(void **state)
{
	(void)state;
	assert_int_equal(parse_recipe(&(struct recipe){.kind = 3}), ERR_CERT);
	assert_int_equal(parse_recipe(&(struct recipe){.kind = 0x101}), ERR_CERT);
}

static void test_principals_are_limited(void **state)
{
	struct recipe c = {.principals = LIMIT_CERT_PRINCIPALS};

	(void)state;
	assert_int_equal(LIMIT_CERT_PRINCIPALS, 256); /* OpenSSH's */
	assert_int_equal(parse_recipe(&c), ERR_OK);
	c.principals++;
	assert_int_equal(parse_recipe(&c), ERR_CERT);
}

static void test_names_hold_no_nul(void **state)
{
	struct recipe c = {.principals = 1, .principal = BYTES("a\0b", 3)};

	(void)state;
	assert_int_equal(parse_recipe(&c), ERR_CERT);
	c.principal.len = 1;
	assert_int_equal(parse_recipe(&c), ERR_OK);
}

static void test_lists_must_parse_to_their_end(void **state)
{
	static const uint8_t pair[] = "\0\0\0\1a\0\0\0\1b";
	struct bytes whole = BYTES(pair, sizeof(pair) - 1);

	(void)state;
	assert_int_equal(parse_recipe(&(struct recipe){.critical = whole}), ERR_OK);
	assert_int_equal(parse_recipe(&(struct recipe){.extensions = whole}), ERR_OK);
	for (size_t n = 1; n < whole.len; n++) {
		struct bytes cut = BYTES(pair, n);

		assert_int_equal(parse_recipe(&(struct recipe){.critical = cut}), ERR_CERT);
		assert_int_equal(parse_recipe(&(struct recipe){.extensions = cut}), ERR_CERT);
	}
}

static void test_authority_is_a_plain_known_key(void **state)
{
	struct recipe c = {.authority = vector("rsa.public")};

	(void)state;
	assert_int_equal(parse_recipe(&c), ERR_OK);
	c.authority = vector("ed25519.cert");
	assert_int_equal(parse_recipe(&c), ERR_CERT);
	c.authority = BYTES("\0\0\0\x07"
			    "unknown",
	    11);
	assert_int_equal(parse_recipe(&c), ERR_CERT);
	c.authority = BYTES(vector("rsa.public").data, vector("rsa.public").len - 1);
	assert_int_equal(parse_recipe(&c), ERR_CERT);
}

static void test_signature_names_an_algorithm(void **state)
{
	(void)state;
	assert_int_equal(
	    parse_recipe(&(struct recipe){.signature = BYTES("\0\0\0\0xxxx", 8)}), ERR_CERT);
	assert_int_equal(
	    parse_recipe(&(struct recipe){.signature = BYTES("\0\0\0\5xxxx", 8)}), ERR_CERT);
}

static void test_type_name_must_be_a_certificate_name(void **state)
{
	(void)state;
	assert_int_equal(parse_recipe(&(struct recipe){.name = "ssh-ed25519"}), ERR_CERT);
	assert_int_equal(
	    parse_recipe(&(struct recipe){.name = "ssh-ed448-cert-v01@openssh.com"}), ERR_CERT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields_as_ssh_keygen_was_told),
	    cmocka_unit_test(test_key_is_the_plain_one),
	    cmocka_unit_test(test_every_cut_and_a_surplus_byte_refused),
	    cmocka_unit_test(test_plain_blob_is_no_certificate),
	    cmocka_unit_test(test_recipe_is_good),
	    cmocka_unit_test(test_kind_must_be_known),
	    cmocka_unit_test(test_principals_are_limited),
	    cmocka_unit_test(test_names_hold_no_nul),
	    cmocka_unit_test(test_lists_must_parse_to_their_end),
	    cmocka_unit_test(test_authority_is_a_plain_known_key),
	    cmocka_unit_test(test_signature_names_an_algorithm),
	    cmocka_unit_test(test_type_name_must_be_a_certificate_name),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
