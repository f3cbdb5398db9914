/*
 * Destination constraints, against what OpenSSH's ssh-add -h sends for known_hosts files with keys
 * that ssh-keygen made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/destination.h"
#include "proto/limits.h"
#include "tests/support/proto_vectors.h"

/* The list in a captured message: number, Ed25519 key (3 strings), comment, 255, name, list. */
static struct bytes list_of(const char *name)
{
	struct bytes body = body_of(vector(name)), s;
	struct reader r = reader_of(body);
	uint8_t number;

	for (int i = 0; i < 4; i++)
		assert_int_equal(reader_string(&r, &s), ERR_OK);
	assert_int_equal(reader_u8(&r, &number), ERR_OK);
	assert_int_equal(number, 255);
	assert_int_equal(reader_string(&r, &s), ERR_OK);
	assert_true(bytes_is(s, "restrict-destination-v00@openssh.com"));
	assert_int_equal(reader_string(&r, &s), ERR_OK);
	assert_int_equal(r.left, 0);
	return s;
}

static const char *const captured[] = {"restrict-plain.add", "restrict-user.add",
    "restrict-wildcard.add", "restrict-hop.add", "restrict-authority.add", "restrict-route.add"};

#define CAPTURED (sizeof(captured) / sizeof(captured[0]))

/* A hop with exactly one key; host NULL: this machine, which has none. */
struct want {
	const char *user, *host, *key;
	bool is_ca;
};

static void check_hop(const struct hop *hop, const struct want *want)
{
	struct reader keys = reader_of(hop->keys);
	struct bytes blob;
	bool is_ca;

	assert_true(bytes_is(hop->user, want->user));
	if (want->host == NULL) {
		assert_int_equal(hop->host.len + hop->keys.len, 0);
		return;
	}
	assert_true(bytes_is(hop->host, want->host));
	assert_true(hop_key_next(&keys, &blob, &is_ca));
	assert_bytes(blob, vector(want->key));
	assert_true(is_ca == want->is_ca);
	assert_false(hop_key_next(&keys, &blob, &is_ca));
	assert_int_equal(keys.left, 0);
}

static void check_next(
    struct destination_walk *walk, const struct want *from, const struct want *to)
{
	struct destination d;

	assert_true(destination_next(walk, &d));
	check_hop(&d.from, from);
	check_hop(&d.to, to);
}

static void check_end(struct destination_walk *walk)
{
	struct destination d;

	assert_false(destination_next(walk, &d));
	assert_int_equal(walk->r.left, 0);
}

static const struct want here = {"", NULL, NULL, false};

static void check_single(const char *name, const struct want *from, const struct want *to)
{
	struct bytes list = list_of(name);
	struct destination_walk walk = destinations_walk(list);

	assert_int_equal(destinations_check(list), ERR_OK);
	check_next(&walk, from, to);
	check_end(&walk);
}

static void test_single(void **state)
{
	(void)state;
	check_single(
	    "restrict-plain.add", &here, &(struct want){"", "alpha.test", "alpha.blob", false});
	check_single(
	    "restrict-user.add", &here, &(struct want){"carol", "beta.test", "beta.blob", false});
	check_single(
	    "restrict-wildcard.add", &here, &(struct want){"*", "gamma.test", "gamma.blob", false});
	check_single("restrict-hop.add", &(struct want){"", "alpha.test", "alpha.blob", false},
	    &(struct want){"", "beta.test", "beta.blob", false});
	check_single(
	    "restrict-authority.add", &here, &(struct want){"", "web.ca.test", "ca.blob", true});
}

static void test_route(void **state)
{
	struct bytes list = list_of("restrict-route.add");
	struct destination_walk walk = destinations_walk(list);
	struct want alpha = {"", "alpha.test", "alpha.blob", false};
	struct want beta = {"", "beta.test", "beta.blob", false};

	(void)state;
	assert_int_equal(destinations_check(list), ERR_OK);
	check_next(&walk, &here, &alpha);
	check_next(&walk, &alpha, &(struct want){"carol", "beta.test", "beta.blob", false});
	check_next(&walk, &beta, &(struct want){"d*", "web.ca.test", "ca.blob", true});
	check_end(&walk);
}

/* A cut between two constraints leaves a well-formed list: only those may be taken. */
static void test_cuts_and_surplus(void **state)
{
	(void)state;
	for (size_t i = 0; i < CAPTURED; i++) {
		struct bytes list = list_of(captured[i]);
		bool route = i == CAPTURED - 1;

		assert_int_equal(accepted_cuts(list, destinations_check), route ? 2 : 0);
		assert_int_equal(parse_longer(list, destinations_check), ERR_TRUNCATED);
	}
}

static void test_written_as_read(void **state)
{
	struct builder b = {0};

	(void)state;
	for (size_t i = 0; i < CAPTURED; i++) {
		struct bytes list = list_of(captured[i]);
		struct destination_walk walk = destinations_walk(list);
		struct destination d;

		while (destination_next(&walk, &d))
			destination_build(&b, &d);
		assert_bytes(builder_view(&b), list);
		builder_reset(&b);
	}
	builder_clear(&b);
}

static void test_keys_written(void **state)
{
	struct destination_walk walk = destinations_walk(list_of("restrict-authority.add"));
	struct destination d;
	struct builder b = {0};

	(void)state;
	assert_true(destination_next(&walk, &d));
	hop_key_build(&b, vector("ca.blob"), true);
	assert_bytes(builder_view(&b), d.to.keys);
	builder_clear(&b);
}

/* What a list of one constraint may get wrong, by its fields. */
struct forged {
	const char *from_user, *from_host, *from_reserved, *from_key;
	const char *to_user, *to_host, *to_reserved, *to_key;
	const char *reserved, *surplus;
	enum err want;
};

static void put_hop(
    struct builder *b, const char *user, const char *host, const char *reserved, const char *key)
{
	size_t mark = builder_open(b);

	builder_cstring(b, user);
	builder_cstring(b, host);
	builder_cstring(b, reserved);
	if (*key != '\0')
		hop_key_build(b, vector(key), false);
	builder_close(b, mark);
}

static enum err check_forged(const struct forged *f)
{
	struct builder b = {0};
	size_t mark = builder_open(&b);
	enum err e;

	put_hop(&b, f->from_user, f->from_host, f->from_reserved, f->from_key);
	put_hop(&b, f->to_user, f->to_host, f->to_reserved, f->to_key);
	builder_cstring(&b, f->reserved);
	builder_put(&b, bytes_str(f->surplus));
	builder_close(&b, mark);
	e = destinations_check(builder_view(&b));
	builder_clear(&b);
	return e;
}

static void test_forged(void **state)
{
	static const struct forged rows[] = {
	    {"", "", "", "", "u", "h", "", "alpha.blob", "", "", ERR_OK},
	    {"", "g", "", "beta.blob", "u", "h", "", "alpha.blob", "", "", ERR_OK},
	    {"u", "", "", "", "", "h", "", "alpha.blob", "", "", ERR_CONSTRAINT},
	    {"u", "g", "", "beta.blob", "", "h", "", "alpha.blob", "", "", ERR_CONSTRAINT},
	    {"", "g", "", "", "", "h", "", "alpha.blob", "", "", ERR_CONSTRAINT},
	    {"", "", "", "beta.blob", "", "h", "", "alpha.blob", "", "", ERR_CONSTRAINT},
	    {"", "", "", "", "", "", "", "alpha.blob", "", "", ERR_CONSTRAINT},
	    {"", "", "", "", "", "h", "", "", "", "", ERR_CONSTRAINT},
	    {"", "", "x", "", "", "h", "", "alpha.blob", "", "", ERR_CONSTRAINT},
	    {"", "", "", "", "", "h", "x", "alpha.blob", "", "", ERR_CONSTRAINT},
	    {"", "", "", "", "", "h", "", "alpha.blob", "x", "", ERR_CONSTRAINT},
	    {"", "", "", "", "", "h", "", "alpha.blob", "", "x", ERR_SURPLUS},
	    {"", "", "", "", "", "h", "", "alpha.cert", "", "", ERR_KEY_TYPE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(check_forged(&rows[i]), rows[i].want);
}

static enum err check_with_keys(const struct builder *keys)
{
	struct builder b = {0};
	enum err e;

	destination_build(
	    &b, &(struct destination){.to.host = bytes_str("h"), .to.keys = builder_view(keys)});
	e = destinations_check(builder_view(&b));
	builder_clear(&b);
	return e;
}

/* The last of several keys counts as much as the first. */
static void test_keys(void **state)
{
	struct builder keys = {0};
	const uint8_t unknown[] = "\0\0\0\7ssh-foo";

	(void)state;
	hop_key_build(&keys, vector("alpha.blob"), false);
	hop_key_build(&keys, vector("ca.blob"), true);
	assert_int_equal(check_with_keys(&keys), ERR_OK);
	hop_key_build(&keys, BYTES(unknown, sizeof(unknown) - 1), false);
	assert_int_equal(check_with_keys(&keys), ERR_KEY_TYPE);

	builder_reset(&keys);
	hop_key_build(&keys, vector("alpha.blob"), false);
	builder_string(&keys, vector("beta.blob")); /* no is_ca behind it */
	assert_int_equal(check_with_keys(&keys), ERR_TRUNCATED);
	builder_clear(&keys);
}

static void test_text_without_nul(void **state)
{
	struct builder keys = {0}, b = {0};
	struct destination d = {0};

	(void)state;
	hop_key_build(&keys, vector("alpha.blob"), false);
	d.to = (struct hop){BYTES("ro\0t", 4), bytes_str("h"), builder_view(&keys)};
	destination_build(&b, &d);
	assert_int_equal(destinations_check(builder_view(&b)), ERR_TEXT);
	builder_reset(&b);
	d.to = (struct hop){bytes_str("root"), BYTES("h\0", 2), builder_view(&keys)};
	destination_build(&b, &d);
	assert_int_equal(destinations_check(builder_view(&b)), ERR_TEXT);
	builder_clear(&b);
	builder_clear(&keys);
}

static void test_limits(void **state)
{
	struct bytes one = list_of("restrict-plain.add");
	struct builder b = {0};
	char user[LIMIT_USER_PATTERN + 2] = "";
	struct forged f = {"", "", "", "", user, "h", "", "alpha.blob", "", "", ERR_OK};

	(void)state;
	assert_int_equal(destinations_check(BYTES_NONE), ERR_CONSTRAINT);
	for (size_t i = 0; i < LIMIT_DESTINATIONS; i++)
		builder_put(&b, one);
	assert_int_equal(destinations_check(builder_view(&b)), ERR_OK);
	builder_put(&b, one);
	assert_int_equal(destinations_check(builder_view(&b)), ERR_LIMIT);
	builder_clear(&b);

	memset(user, '*', LIMIT_USER_PATTERN);
	assert_int_equal(check_forged(&f), ERR_OK);
	user[LIMIT_USER_PATTERN] = '*';
	assert_int_equal(check_forged(&f), ERR_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_single),
	    cmocka_unit_test(test_route),
	    cmocka_unit_test(test_cuts_and_surplus),
	    cmocka_unit_test(test_written_as_read),
	    cmocka_unit_test(test_keys_written),
	    cmocka_unit_test(test_forged),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_text_without_nul),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
