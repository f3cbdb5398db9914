/* Constraints: RFC 9987, section 5.2.7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
