/* Messages of the control protocol. */
#include "tests/support/base_test.h"

#include <string.h>

#include "proto/ctlmsg.h"

/* ctlmsg.h by hand: number, version, after. */
static const uint8_t page[] = {0, 0, 0, 10, CTL_LOG, 1, 0, 0, 0, 0, 0, 0, 1, 2};

/* One record of two pairs: number 5, a "b". */
static const uint8_t answer[] = {CTL_RECORDS, 1, 0, 0, 0, 25, 0, 0, 0, 6, 'n', 'u', 'm', 'b', 'e', 'r',
    0, 0, 0, 1, '5', 0, 0, 0, 1, 'a', 0, 0, 0, 1, 'b'};

static void test_page(void **state)
{
	struct builder b = {0};
	uint64_t after = 99;

	(void)state;
	ctl_page_build(&b, CTL_LOG, 258);
	assert_int_equal(b.len, sizeof(page));
	assert_memory_equal(b.data, page, sizeof(page));
	builder_clear(&b);
	assert_int_equal(ctl_page_parse(BYTES(page + 5, 9), &after), ERR_OK);
	assert_int_equal(after, 258);
	for (size_t n = 0; n < 9; n++)
		assert_int_not_equal(ctl_page_parse(BYTES(page + 5, n), &after), ERR_OK);
	assert_int_equal(ctl_page_parse(BYTES("\1\0\0\0\0\0\0\0\0\0", 10), &after), ERR_SURPLUS);
	assert_int_equal(ctl_page_parse(BYTES("\2\0\0\0\0\0\0\0\0", 9), &after), ERR_VERSION);
	assert_int_equal(after, 258);
}

static void test_records(void **state)
{
	struct reader records, pairs;
	struct bytes reason, value;
	uint64_t number;
	bool more;

	(void)state;
	assert_int_equal(ctl_records_parse(BYTES(answer, sizeof(answer)), &records, &reason), ERR_OK);
	assert_int_equal(ctl_record_next(&records, &more, &pairs), ERR_OK);
	assert_true(more);
	assert_int_equal(ctl_record_number(pairs, &number), ERR_OK);
	assert_int_equal(number, 5);
	assert_true(ctl_value(pairs, "a", &value));
	assert_true(bytes_is(value, "b"));
	assert_false(ctl_value(pairs, "b", &value));
	assert_int_equal(ctl_record_next(&records, &more, &pairs), ERR_OK);
	assert_false(more);
}

static void test_cut_records_are_errors(void **state)
{
	struct reader records, pairs;
	struct bytes reason;
	bool more;

	(void)state;
	for (size_t n = 3; n < sizeof(answer); n++) {
		assert_int_equal(ctl_records_parse(BYTES(answer, n), &records, &reason), ERR_OK);
		assert_int_not_equal(ctl_record_next(&records, &more, &pairs), ERR_OK);
	}
}

static void test_other_answers(void **state)
{
	struct reader records;
	struct bytes reason = BYTES_NONE;

	(void)state;
	assert_int_equal(ctl_records_parse(BYTES("\3\0\0\0\2no", 7), &records, &reason), ERR_REFUSED);
	assert_true(bytes_is(reason, "no"));
	assert_int_equal(ctl_records_parse(BYTES("\3\0\0\0\3no", 7), &records, &reason), ERR_TRUNCATED);
	assert_int_equal(ctl_records_parse(BYTES("\3\0\0\0\1no", 7), &records, &reason), ERR_SURPLUS);
	assert_int_equal(ctl_records_parse(BYTES("\2", 1), &records, &reason), ERR_REPLY);
	assert_int_equal(ctl_records_parse(BYTES("\7\2", 2), &records, &reason), ERR_VERSION);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {"", "-1", "1x", "99999999999999999999"};
	uint64_t number = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct builder b = {0};

		ctl_pair_build(&b, "number", bad[i]);
		assert_int_equal(ctl_record_number(reader_of(builder_view(&b)), &number), ERR_REPLY);
		builder_clear(&b);
	}
	assert_int_equal(number, 7);
	assert_int_equal(ctl_record_number(reader_of(BYTES_NONE), &number), ERR_REPLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_page),
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_cut_records_are_errors),
	    cmocka_unit_test(test_other_answers),
	    cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
