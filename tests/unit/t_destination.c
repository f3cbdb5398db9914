/* Destination constraints as OpenSSH's ssh-add sends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/constraint.h"
#include "proto/destination.h"
#include "proto/limits.h"
#include "proto/numbers.h"
#include "tests/support/route_seed.h"

static void expect_hop(const struct hop *hop, const char *user, const char *host, int keys, bool ca)
{
	struct reader r = reader_of(hop->keys);
	struct bytes blob;
	bool is_ca;

	assert_true(bytes_is(hop->user, user));
	assert_true(bytes_is(hop->host, host));
	for (; keys != 0; keys--) {
		assert_true(hop_key_next(&r, &blob, &is_ca));
		assert_true(blob.len > 20);
	}
	if (r.left != 0 || hop->keys.len != 0)
		assert_int_equal(is_ca, ca);
}

static void test_what_ssh_add_sends(void **state)
{
	struct blob two = route_seed("destination/two"), ca = route_seed("destination/authority");
	struct destination_walk w = destinations_walk(blob_view(&two));
	struct destination d;

	(void)state;
	assert_int_equal(destinations_check(blob_view(&two)), ERR_OK);
	assert_true(destination_next(&w, &d));
	expect_hop(&d.from, "", "", 0, false);
	expect_hop(&d.to, "", "a.example", 1, false);
	assert_true(destination_next(&w, &d));
	expect_hop(&d.from, "", "a.example", 1, false);
	expect_hop(&d.to, "root", "b.example", 1, false);
	assert_false(destination_next(&w, &d));
	w = destinations_walk(blob_view(&ca));
	assert_true(destination_next(&w, &d));
	assert_true(bytes_is(d.to.user, "*"));
	expect_hop(&d.to, "*", "c.example", 1, true);
	blob_clear(&two);
	blob_clear(&ca);
}

static void test_cuts_and_surplus(void **state)
{
	struct blob one = route_seed("destination/authority");
	struct builder b = {0};

	(void)state;
	for (size_t n = 0; n < one.len; n++) {
		uint8_t *cut = route_cut(blob_view(&one), n);

		assert_int_not_equal(destinations_check(BYTES(cut, n)), ERR_OK);
		free(cut);
	}
	builder_put(&b, blob_view(&one));
	builder_u8(&b, 0);
	assert_int_not_equal(destinations_check(builder_view(&b)), ERR_OK);
	builder_clear(&b);
	blob_clear(&one);
}

static void test_built_as_read(void **state)
{
	struct blob two = route_seed("destination/two");
	struct destination_walk w = destinations_walk(blob_view(&two));
	struct destination d;
	struct builder b = {0}, keys = {0};
	struct bytes blob;
	bool is_ca;

	(void)state;
	while (destination_next(&w, &d)) {
		struct reader r = reader_of(d.to.keys);

		builder_reset(&keys);
		while (hop_key_next(&r, &blob, &is_ca))
			hop_key_build(&keys, blob, is_ca);
		d.to.keys = builder_view(&keys);
		destination_build(&b, &d);
	}
	assert_true(bytes_equal(builder_view(&b), blob_view(&two)));
	builder_clear(&b);
	builder_clear(&keys);
	blob_clear(&two);
}

static void test_number_of_destinations(void **state)
{
	struct blob one = route_seed("destination/authority");
	struct builder b = {0};

	(void)state;
	for (size_t i = 0; i < LIMIT_DESTINATIONS; i++)
		builder_put(&b, blob_view(&one));
	assert_int_equal(destinations_check(builder_view(&b)), ERR_OK);
	builder_put(&b, blob_view(&one));
	assert_int_equal(destinations_check(builder_view(&b)), ERR_LIMIT);
	builder_clear(&b);
	blob_clear(&one);
}

/* The whole constraint, beside another, and twice. */
static void test_as_a_constraint(void **state)
{
	struct blob one = route_seed("destination/one");
	struct constraints in = {.confirm = true, .destinations = blob_view(&one)}, out;
	struct builder b = {0};
	struct reader r;

	(void)state;
	constraints_build(&b, &in);
	r = reader_of(builder_view(&b));
	assert_int_equal(constraints_read(&r, &out), ERR_OK);
	assert_true(out.confirm && bytes_equal(out.destinations, in.destinations));
	assert_false(constraints_none(&out));
	in.confirm = false;
	assert_false(constraints_none(&in));
	constraints_build(&b, &in);
	r = reader_of(builder_view(&b));
	assert_int_equal(constraints_read(&r, &out), ERR_CONSTRAINT);
	builder_clear(&b);
	blob_clear(&one);
}

static bool match(const char *text, const char *pattern)
{
	return pattern_match(bytes_str(text), bytes_str(pattern));
}

static void test_patterns(void **state)
{
	char stars[257], text[4097];

	(void)state;
	assert_true(match("", "") && match("", "*") && match("a", "?") && match("a", "a"));
	assert_false(match("", "?") || match("a", "") || match("a", "b") || match("ab", "?"));
	assert_true(match("root", "r*t") && match("root", "*") && match("root", "**o?"));
	assert_true(match("aab", "*ab") && match("abcabd", "*ab?") && match("axbxc", "a*b*c"));
	assert_false(match("root", "r*x") || match("Root", "root") || match("ab", "*a"));
	/* Without end where stars are tried one within the other. */
	for (size_t i = 0; i < sizeof(stars) - 1; i++)
		stars[i] = i % 2 == 0 ? '*' : 'a';
	stars[255] = 'b';
	stars[256] = '\0';
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(match(text, stars));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_ssh_add_sends),
	    cmocka_unit_test(test_cuts_and_surplus),
	    cmocka_unit_test(test_built_as_read),
	    cmocka_unit_test(test_number_of_destinations),
	    cmocka_unit_test(test_as_a_constraint),
	    cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
