/* Constraints: RFC 9987, section 5.2.7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/builder.h"
#include "proto/constraint.h"
#include "tests/support/proto_vectors.h"

#define READ(text, out) read_all(BYTES("" text, sizeof(text) - 1), out)

/* lifetime, confirm and an unknown extension as the RFC writes them */
#define LIFETIME "\x01\0\0\x0e\x10"
#define CONFIRM  "\x02"

static enum err read_all(struct bytes data, struct constraints *out)
{
	struct reader r = reader_of(data);
	enum err e = constraints_read(&r, out);

	assert_int_equal(r.left, e == ERR_OK ? 0 : data.len);
	return e;
}

static void test_each_and_both_in_any_order(void **state)
{
	struct constraints c;

	(void)state;
	assert_int_equal(READ(LIFETIME, &c), ERR_OK);
	assert_true(c.has_lifetime && c.lifetime == 3600 && !c.confirm);
	assert_int_equal(READ(CONFIRM, &c), ERR_OK);
	assert_true(!c.has_lifetime && c.confirm);
	assert_int_equal(READ(LIFETIME CONFIRM, &c), ERR_OK);
	assert_true(c.has_lifetime && c.lifetime == 3600 && c.confirm);
	assert_int_equal(READ(CONFIRM LIFETIME, &c), ERR_OK);
	assert_true(c.has_lifetime && c.lifetime == 3600 && c.confirm);
}

static void test_none(void **state)
{
	struct constraints c = {.confirm = true};

	(void)state;
	assert_int_equal(READ("", &c), ERR_OK);
	assert_true(constraints_none(&c));
	assert_int_equal(READ(CONFIRM, &c), ERR_OK);
	assert_false(constraints_none(&c));
	/* A lifetime of no seconds asks for something too. */
	assert_int_equal(READ("\x01\0\0\0\0", &c), ERR_OK);
	assert_false(constraints_none(&c));
}

static void test_twice_is_refused(void **state)
{
	struct constraints c;

	(void)state;
	assert_int_equal(READ(LIFETIME LIFETIME, &c), ERR_CONSTRAINT);
	assert_int_equal(READ(CONFIRM CONFIRM, &c), ERR_CONSTRAINT);
	assert_int_equal(READ(CONFIRM LIFETIME CONFIRM, &c), ERR_CONSTRAINT);
}

/* M9: also when good ones stand around it. */
static void test_unknown_is_refused(void **state)
{
	struct constraints c;

	(void)state;
	for (unsigned number = 0; number < 256; number++) {
		uint8_t one[] = {0x02, (uint8_t)number};

		if (number == 1 || number == 2 || number == 255)
			continue;
		assert_int_equal(read_all(BYTES(one + 1, 1), &c), ERR_CONSTRAINT);
		assert_int_equal(read_all(BYTES(one, 2), &c), ERR_CONSTRAINT);
	}
	assert_int_equal(READ("\x03\0\0\0\x01" LIFETIME, &c), ERR_CONSTRAINT);
}

static void test_unknown_extension_is_refused(void **state)
{
	struct constraints c;

	(void)state;
	assert_int_equal(READ("\xff\0\0\0\x05x@y.z", &c), ERR_CONSTRAINT);
	assert_int_equal(READ("\xff\0\0\0\x05x@y.z" CONFIRM, &c), ERR_CONSTRAINT);
	assert_int_equal(READ(CONFIRM "\xff\0\0\0\0", &c), ERR_CONSTRAINT);
	assert_int_equal(READ("\xff\0\0\0\x05x@y.", &c), ERR_TRUNCATED);
	assert_int_equal(READ("\xff\0\0\0\x05x@\0.z", &c), ERR_TEXT);
}

static void test_truncated_lifetime_is_refused(void **state)
{
	struct constraints c = {.lifetime = 7};

	(void)state;
	assert_int_equal(READ("\x01\0\0\x0e", &c), ERR_TRUNCATED);
	assert_int_equal(READ("\x01", &c), ERR_TRUNCATED);
	assert_int_equal(READ(CONFIRM "\x01\0\0\x0e", &c), ERR_TRUNCATED);
	assert_true(c.lifetime == 7 && !c.confirm); /* untouched on failure */
}

static void check_build(const struct constraints *c, struct bytes want)
{
	struct builder b = {0};

	constraints_build(&b, c);
	assert_bytes(builder_view(&b), want);
	builder_clear(&b);
}

static void test_build(void **state)
{
	(void)state;
	check_build(&(struct constraints){0}, BYTES_NONE);
	check_build(&(struct constraints){.confirm = true}, BYTES(CONFIRM, 1));
	check_build(
	    &(struct constraints){.has_lifetime = true, .lifetime = 3600}, BYTES(LIFETIME, 5));
	check_build(&(struct constraints){.has_lifetime = true, .lifetime = 3600, .confirm = true},
	    BYTES(LIFETIME CONFIRM, 6));
	/* lifetime means nothing without has_lifetime */
	check_build(&(struct constraints){.lifetime = 3600}, BYTES_NONE);
}

/* Behind number, Ed25519 key (3 strings) and comment: the constraints as ssh-add sent them. */
static struct bytes tail_of(const char *name)
{
	struct reader r = reader_of(body_of(vector(name)));
	struct bytes s;

	for (int i = 0; i < 4; i++)
		assert_int_equal(reader_string(&r, &s), ERR_OK);
	return reader_rest(&r);
}

/* 255 and string name stand before the list, whose length field they do not count. */
static struct bytes list_in(struct bytes extension)
{
	const size_t before = 1 + 4 + strlen("restrict-destination-v00@openssh.com") + 4;

	assert_true(extension.len > before);
	return BYTES(extension.data + before, extension.len - before);
}

static void test_destinations(void **state)
{
	struct bytes tail = tail_of("restrict-route.add");
	struct constraints c = {0};

	(void)state;
	assert_int_equal(read_all(tail, &c), ERR_OK);
	assert_true(!c.has_lifetime && !c.confirm);
	assert_bytes(c.destinations, list_in(tail));
	assert_false(constraints_none(&c));
	check_build(&c, tail);
}

/* ssh-add -t 3600 -c -h alpha.test sends them in our order. */
static void test_destinations_with_others(void **state)
{
	struct bytes tail = tail_of("restrict-all.add");
	struct constraints c = {0};

	(void)state;
	assert_int_equal(read_all(tail, &c), ERR_OK);
	assert_true(c.has_lifetime && c.lifetime == 3600 && c.confirm);
	assert_bytes(c.destinations, list_in(tail_of("restrict-plain.add")));
	check_build(&c, tail);
}

static enum err parse_constraints(struct bytes data)
{
	struct constraints c;

	return read_all(data, &c);
}

/* What is left when the extension is cut off is a list without it; nothing between is taken. */
static void test_destinations_cut(void **state)
{
	(void)state;
	assert_int_equal(accepted_cuts(tail_of("restrict-plain.add"), parse_constraints), 1);
	assert_int_equal(accepted_cuts(tail_of("restrict-route.add"), parse_constraints), 1);
	assert_int_equal(
	    parse_longer(tail_of("restrict-plain.add"), parse_constraints), ERR_CONSTRAINT);
}

static void test_destinations_refused(void **state)
{
	struct bytes tail = tail_of("restrict-plain.add");
	struct builder b = {0};

	(void)state;
	builder_put(&b, tail);
	builder_put(&b, tail);
	assert_int_equal(parse_constraints(builder_view(&b)), ERR_CONSTRAINT);

	/* An empty list would restrict to nothing, or be taken for no restriction. */
	builder_reset(&b);
	builder_u8(&b, 255);
	builder_cstring(&b, "restrict-destination-v00@openssh.com");
	builder_cstring(&b, "");
	assert_int_equal(parse_constraints(builder_view(&b)), ERR_CONSTRAINT);
	builder_clear(&b);
}

/* As OpenSSH's PROTOCOL.agent has it: 255, the name, the boolean, a string of the strings. */
#define CERTS                                                                                      \
	"\xff\0\0\0\x20"                                                                           \
	"associated-certs-v00@openssh.com"
#define TWO "\0\0\0\x0b\0\0\0\3one\0\0\0\0"

static void test_certificates(void **state)
{
	struct constraints c;

	(void)state;
	assert_int_equal(READ(CERTS "\1" TWO, &c), ERR_OK);
	assert_true(c.has_certs && c.certs_only);
	assert_bytes(c.certs, BYTES("\0\0\0\3one\0\0\0\0", 11));
	assert_false(constraints_none(&c));
	check_build(&c, BYTES(CERTS "\1" TWO, sizeof(CERTS "\1" TWO) - 1));
	assert_int_equal(READ(CERTS "\0" TWO LIFETIME, &c), ERR_OK);
	assert_true(c.has_certs && !c.certs_only && c.has_lifetime);
	/* In the order in which ssh-add sends them: after all others. */
	check_build(&c, BYTES(LIFETIME CERTS "\0" TWO, sizeof(LIFETIME CERTS "\0" TWO) - 1));
	/* None is there, which is another thing than no constraint. */
	assert_int_equal(READ(CERTS "\1\0\0\0\0", &c), ERR_OK);
	assert_true(c.has_certs && c.certs.len == 0);
	assert_false(constraints_none(&c));
}

static void test_certificates_refused(void **state)
{
	struct constraints c = {0};

	(void)state;
	assert_int_equal(READ(CERTS "\1" TWO CERTS "\1" TWO, &c), ERR_CONSTRAINT);
	/* An empty one too counts as given. */
	assert_int_equal(READ(CERTS "\1\0\0\0\0" CERTS "\1" TWO, &c), ERR_CONSTRAINT);
	assert_int_equal(READ(CERTS "\1\0\0\0\x05\0\0\0\2o", &c), ERR_TRUNCATED);
	assert_int_equal(READ(CERTS "\1\0\0\0\6\0\0\0\1on", &c), ERR_TRUNCATED);
	assert_int_equal(
	    accepted_cuts(BYTES(CERTS "\1" TWO, sizeof(CERTS "\1" TWO) - 1), parse_constraints), 1);
	assert_false(c.has_certs); /* untouched on failure */
}

static enum err read_many_certificates(unsigned count)
{
	struct builder certs = {0}, b = {0};
	struct constraints c;
	enum err e;

	while (count-- != 0)
		builder_cstring(&certs, "x");
	builder_put(&b, BYTES(CERTS "\1", sizeof(CERTS "\1") - 1));
	builder_string(&b, builder_view(&certs));
	e = read_all(builder_view(&b), &c);
	builder_clear(&certs);
	builder_clear(&b);
	return e;
}

static void test_certificates_have_a_limit(void **state)
{
	(void)state;
	assert_int_equal(read_many_certificates(1024), ERR_OK);
	assert_int_equal(read_many_certificates(1025), ERR_LIMIT);
}

#define PROVIDER "\xff\0\0\0\x17sk-provider@openssh.com"

static void test_provider(void **state)
{
	static const char text[] = LIFETIME PROVIDER "\0\0\0\x04/lib";
	struct builder b = {0};
	struct constraints c;

	(void)state;
	assert_int_equal(READ(LIFETIME PROVIDER "\0\0\0\x04/lib", &c), ERR_OK);
	assert_true(bytes_is(c.provider, "/lib"));
	constraints_build(&b, &c);
	assert_bytes(builder_view(&b), BYTES(text, sizeof(text) - 1));
	builder_clear(&b);
	assert_int_equal(READ(PROVIDER "\0\0\0\0", &c), ERR_CONSTRAINT);
	assert_int_equal(READ(PROVIDER "\0\0\0\1\0", &c), ERR_TEXT);
	assert_int_equal(READ(PROVIDER "\0\0\0\1a" PROVIDER "\0\0\0\1a", &c), ERR_CONSTRAINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_and_both_in_any_order),
	    cmocka_unit_test(test_none),
	    cmocka_unit_test(test_twice_is_refused),
	    cmocka_unit_test(test_unknown_is_refused),
	    cmocka_unit_test(test_unknown_extension_is_refused),
	    cmocka_unit_test(test_truncated_lifetime_is_refused),
	    cmocka_unit_test(test_build),
	    cmocka_unit_test(test_destinations),
	    cmocka_unit_test(test_destinations_with_others),
	    cmocka_unit_test(test_destinations_cut),
	    cmocka_unit_test(test_destinations_refused),
	    cmocka_unit_test(test_certificates),
	    cmocka_unit_test(test_certificates_refused),
	    cmocka_unit_test(test_certificates_have_a_limit),
	    cmocka_unit_test(test_provider),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
