/*
 * Adds that must be refused: cut off anywhere, contradicting themselves, too weak.  After each, the
 * key that was there before is there and signs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/agent_client_keys.h"

enum { VALUES = 8 };

static const char *const types[] = {
    "ed25519", "ed448", "ecdsa256", "ecdsa384", "ecdsa521", "rsa1024"};

enum { TYPES = sizeof(types) / sizeof(types[0]) };

static struct probe agent;
static int client;
static int other; /* a second client, connected all the time */

static const struct test_key *kept(void)
{
	return test_key("ed25519", "kept");
}

/* Nothing was added, nothing was lost, for either client. */
static void expect_as_before(void)
{
	assert_int_equal(probe_count(client), 1);
	probe_expect_works(other, &kept()->blob);
}

static void expect_refused(struct wire *w)
{
	probe_expect(client, w, MSG_FAILURE);
}

/* An add made of a type name and values, of which each may be anything. */
static struct wire add_of(const char *type, const struct wire *values, size_t n)
{
	struct wire w = ask_text(MSG_ADD, type);

	for (size_t i = 0; i < n; i++)
		wire_string(&w, values[i].data, values[i].len);
	wire_text(&w, "bad");
	return w;
}

/* Each field's name for the messages of a failing test is its place; see RFC 9987, section 5.2. */
static void refuse_with(const struct test_key *key, size_t which, struct wire value)
{
	struct wire v[VALUES];
	size_t n = test_key_split(key, v, VALUES);

	assert_true(which < n);
	v[which] = value;
	struct wire w = add_of(key->type, v, n), reply = probe_ask(client, &w);
	if (reply.data[0] != MSG_FAILURE)
		fail_msg("%s with another value %zu was taken", key->type, which);
	wire_free(&reply);
}

/* The value with one bit changed in its byte at. */
static struct wire changed(const struct wire *v, size_t at)
{
	struct wire copy = {0};

	wire_raw(&copy, v->data, v->len);
	copy.data[at] ^= 1;
	return copy;
}

static void test_truncated_anywhere(void **state)
{
	(void)state;
	for (size_t t = 0; t < TYPES; t++) {
		struct wire whole = ask_add(test_key(types[t], "bad"), "comment");
		for (size_t n = 1; n < whole.len; n++) {
			struct wire cut = {0};
			wire_raw(&cut, whole.data, n);
			expect_refused(&cut);
		}
		expect_as_before();
		/* The whole is fine, so that the cutting is what was refused. */
		probe_expect(client, &whole, MSG_SUCCESS);
		struct wire w = ask_string(MSG_REMOVE, test_key(types[t], "bad")->blob.data,
		    test_key(types[t], "bad")->blob.len);
		probe_expect(client, &w, MSG_SUCCESS);
	}
}

static void test_truncated_certificate(void **state)
{
	const struct test_key *c =
	    test_key_certified(test_key("ecdsa256", "certified"), test_key("ed25519", "ca"));
	struct wire whole = ask_add(c, "comment");

	(void)state;
	for (size_t n = 1; n < whole.len; n++) {
		struct wire cut = {0};
		wire_raw(&cut, whole.data, n);
		expect_refused(&cut);
	}
	wire_free(&whole);
	expect_as_before();
}

/* A length inside the key that points outside of the message. */
static void test_inner_lengths_beyond_the_end(void **state)
{
	const uint32_t lengths[] = {0x7fffffff, 0xffffffff, 0xfffffffc, 0x80000000, 0x00040000};

	(void)state;
	for (size_t t = 0; t < TYPES; t++) {
		const struct test_key *key = test_key(types[t], "bad");
		for (size_t at = 1; at <= 5 + strlen(key->type); at += 4 + strlen(key->type)) {
			for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
				struct wire w = ask_add(key, "comment"), length = {0};
				wire_u32(&length, lengths[i]);
				memcpy(w.data + at, length.data, 4);
				wire_free(&length);
				expect_refused(&w);
			}
		}
	}
	expect_as_before();
}

static void test_empty_values(void **state)
{
	struct wire v[VALUES];

	(void)state;
	for (size_t t = 0; t < TYPES; t++) {
		size_t n = test_key_split(test_key(types[t], "bad"), v, VALUES);
		for (size_t i = 0; i < n; i++)
			refuse_with(test_key(types[t], "bad"), i, (struct wire){0});
	}
	expect_as_before();
}

/* The public half of another key. */
static void test_public_half_of_another_key(void **state)
{
	struct wire v[VALUES];

	(void)state;
	for (size_t t = 0; t < TYPES; t++) {
		size_t public = strncmp(types[t], "ecdsa", 5) == 0 ? 1 : 0;
		test_key_split(test_key(types[t], "another"), v, VALUES);
		refuse_with(test_key(types[t], "bad"), public, v[public]);
	}
	expect_as_before();
}

/* The private half of another key. */
static void test_private_half_of_another_key(void **state)
{
	struct wire v[VALUES];

	(void)state;
	for (size_t t = 0; t < TYPES; t++) {
		size_t private = strncmp(types[t], "ed", 2) == 0 ? 1 : 2;
		test_key_split(test_key(types[t], "another"), v, VALUES);
		refuse_with(test_key(types[t], "bad"), private, v[private]);
	}
	expect_as_before();
}

/* A bit changed in any value. */
static void test_a_bit_changed_in_any_value(void **state)
{
	struct wire v[VALUES];

	(void)state;
	for (size_t t = 0; t < TYPES; t++) {
		size_t n = test_key_split(test_key(types[t], "bad"), v, VALUES);
		for (size_t i = 0; i < n; i++) {
			struct wire last = changed(&v[i], v[i].len - 1),
				    middle = changed(&v[i], v[i].len / 2);
			refuse_with(test_key(types[t], "bad"), i, last);
			refuse_with(test_key(types[t], "bad"), i, middle);
			wire_free(&last);
			wire_free(&middle);
		}
	}
	expect_as_before();
}

/* EdDSA says its public half twice (RFC 9987, section 5.2.3): either may lie. */
static void test_eddsa_halves_that_differ(void **state)
{
	struct wire v[VALUES], w[VALUES];

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		test_key_split(test_key(types[t], "bad"), v, VALUES);
		test_key_split(test_key(types[t], "another"), w, VALUES);
		struct wire mixed = {0};
		wire_raw(&mixed, v[1].data, v[0].len);
		wire_raw(&mixed, w[0].data, w[0].len);
		refuse_with(test_key(types[t], "bad"), 1, mixed);
		/* One byte short, one byte more. */
		refuse_with(test_key(types[t], "bad"), 1, (struct wire){v[1].data, v[1].len - 1});
		refuse_with(test_key(types[t], "bad"), 0, (struct wire){v[0].data, v[0].len - 1});
		wire_raw(&mixed, "x", 1);
		refuse_with(test_key(types[t], "bad"), 1, mixed);
		wire_free(&mixed);
	}
	expect_as_before();
}

/* ECDSA: the curve of the name and that of the type, the point, and the number's range. */
static void test_ecdsa_that_makes_no_sense(void **state)
{
	const struct test_key *key = test_key("ecdsa256", "bad"),
			      *longer = test_key("ecdsa384", "bad");
	struct wire v[VALUES], w[VALUES], name = {0}, number = {0};
	/* The order of P-256 (SP 800-186, section 3.2.1.3): one above the largest private number.
	 */
	const uint8_t order[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca,
	    0xc2, 0xfc, 0x63, 0x25, 0x51};

	(void)state;
	test_key_split(key, v, VALUES);
	test_key_split(longer, w, VALUES);
	wire_raw(&name, "nistp384", 8);
	refuse_with(key, 0, name);
	refuse_with(key, 1, w[1]);
	refuse_with(key, 2, w[2]);
	struct wire point = {0};
	wire_raw(&point, "\0", 1);
	refuse_with(key, 1, point); /* infinity */
	wire_free(&point);
	wire_raw(&point, v[1].data, v[1].len);
	point.data[0] = 0x05;
	refuse_with(key, 1, point); /* no such form */
	wire_raw(&number, "\0", 1);
	wire_raw(&number, order, sizeof(order));
	refuse_with(key, 2, number);
	refuse_with(key, 2, (struct wire){number.data, 1}); /* zero */
	/* The whole key under another curve's type. */
	struct wire add = add_of("ecdsa-sha2-nistp384", v, 3);
	expect_refused(&add);
	wire_free(&name);
	wire_free(&point);
	wire_free(&number);
	expect_as_before();
}

/* Negative numbers are no part of any key. */
static void test_negative_numbers(void **state)
{
	struct wire v[VALUES];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const struct test_key *key = test_key("rsa1024", "bad");
		test_key_split(key, v, VALUES);
		struct wire negative = {0};
		wire_raw(&negative, "\x80", 1);
		wire_raw(&negative, v[i].data, v[i].len);
		refuse_with(key, i, negative);
		wire_free(&negative);
	}
	expect_as_before();
}

static void test_rsa_below_1024_bits(void **state)
{
	const char *const weak[] = {"rsa512", "rsa768", "rsa1023"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct wire w = ask_add(test_key(weak[i], "weak"), "weak");
		expect_refused(&w);
	}
	expect_as_before();
}

/* Values of the one RSA key among those of another: primes that do not make the modulus, and so on.
 */
static void test_rsa_that_contradicts_itself(void **state)
{
	const struct test_key *key = test_key("rsa1024", "bad");
	struct wire v[VALUES], w[VALUES], one = {0}, even = {0};
	enum { N, E, D, IQMP, P, Q };

	(void)state;
	test_key_split(key, v, VALUES);
	test_key_split(test_key("rsa1024", "another"), w, VALUES);
	for (size_t i = N; i <= Q; i++) {
		if (i != E)
			refuse_with(key, i, w[i]);
	}
	/* Both primes of the other key, which fit each other. */
	w[N] = v[N];
	w[D] = v[D];
	struct wire add = add_of("ssh-rsa", w, 6);
	expect_refused(&add);
	wire_raw(&one, "\1", 1);
	refuse_with(key, E, one);
	refuse_with(key, P, one);
	wire_raw(&even, "\2", 1);
	refuse_with(key, E, even);
	wire_free(&one);
	wire_free(&even);
	expect_as_before();
}

static void test_rsa_with_a_huge_exponent_or_modulus(void **state)
{
	const struct test_key *key = test_key("rsa1024", "bad");
	struct wire huge = {0};

	(void)state;
	for (size_t i = 0; i < 20000; i++)
		wire_u8(&huge, 0x7f);
	for (size_t i = 0; i < 6; i++)
		refuse_with(key, i, huge);
	wire_free(&huge);
	expect_as_before();
}

static void test_certificate_of_another_key(void **state)
{
	const char *const whats[] = {"ed25519", "ecdsa256", "rsa1024"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct test_key *key = test_key(whats[i], "bad"),
				      *ca = test_key("ed25519", "ca");
		const struct test_key *c = test_key_certified(test_key(whats[i], "certified"), ca);
		struct wire v[VALUES], w[VALUES];
		size_t n = test_key_split(test_key_certified(key, ca), v, VALUES);
		test_key_split(c, w, VALUES);
		/* The certificate of one, the private fields of the other. */
		v[0] = w[0];
		struct wire add = add_of(c->type, v, n);
		expect_refused(&add);
	}
	expect_as_before();
}

/* A key type's name over a certificate of another type, and a plain key's name over a certificate.
 */
static void test_certificate_under_a_wrong_name(void **state)
{
	const struct test_key *c =
	    test_key_certified(test_key("ed25519", "certified"), test_key("ed25519", "ca"));
	struct wire v[VALUES], w;
	size_t n = test_key_split(c, v, VALUES);

	(void)state;
	w = add_of("ecdsa-sha2-nistp256-cert-v01@openssh.com", v, n);
	expect_refused(&w);
	w = add_of("ssh-rsa-cert-v01@openssh.com", v, n);
	expect_refused(&w);
	w = add_of("ssh-ed25519", v, n);
	expect_refused(&w);
	/* A plain key under a certificate's name. */
	n = test_key_split(test_key("ed25519", "bad"), v, VALUES);
	w = add_of(c->type, v, n);
	expect_refused(&w);
	expect_as_before();
}

static void test_sign_and_remove_with_malformed_key_blobs(void **state)
{
	const struct wire *blob = &kept()->blob;
	struct wire data = {0};

	(void)state;
	for (size_t n = 0; n < blob->len; n++) {
		struct wire cut = {blob->data, n}, w = ask_sign(&cut, &data, 0);
		expect_refused(&w);
		w = ask_string(MSG_REMOVE, cut.data, cut.len);
		expect_refused(&w);
	}
	struct wire whole = ask_sign(blob, &data, 0);
	for (size_t n = 1; n < whole.len; n++) {
		struct wire cut = {0};
		wire_raw(&cut, whole.data, n);
		expect_refused(&cut);
	}
	wire_free(&whole);
	expect_as_before();
}

static int start(void **state)
{
	(void)state;
	probe_start(&agent, NULL);
	other = probe_dial(&agent);
	return 0;
}

static int fresh(void **state)
{
	struct wire w = ask_plain(MSG_REMOVE_ALL);

	(void)state;
	client = probe_dial(&agent);
	probe_expect(client, &w, MSG_SUCCESS);
	w = ask_add(kept(), "kept");
	probe_expect(client, &w, MSG_SUCCESS);
	return 0;
}

static int hang_up(void **state)
{
	(void)state;
	return close(client);
}

static int stop(void **state)
{
	(void)state;
	close(other);
	probe_end(&agent);
	keys_remove();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, hang_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_truncated_anywhere),
	    TEST(test_truncated_certificate),
	    TEST(test_inner_lengths_beyond_the_end),
	    TEST(test_empty_values),
	    TEST(test_public_half_of_another_key),
	    TEST(test_private_half_of_another_key),
	    TEST(test_a_bit_changed_in_any_value),
	    TEST(test_eddsa_halves_that_differ),
	    TEST(test_ecdsa_that_makes_no_sense),
	    TEST(test_negative_numbers),
	    TEST(test_rsa_below_1024_bits),
	    TEST(test_rsa_that_contradicts_itself),
	    TEST(test_rsa_with_a_huge_exponent_or_modulus),
	    TEST(test_certificate_of_another_key),
	    TEST(test_certificate_under_a_wrong_name),
	    TEST(test_sign_and_remove_with_malformed_key_blobs),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
