/* Lengths of time; expected values by hand, and from what ssh-add -t says that it sets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/duration.h"

static void accepts(const char *text, uint32_t seconds)
{
	uint32_t got = 12345;

	assert_int_equal(duration_parse(text, &got), ERR_OK);
	assert_int_equal(got, seconds);
}

static void refuses(const char *text, enum err reason)
{
	uint32_t got = 12345;

	assert_int_equal(duration_parse(text, &got), reason);
	/* untouched on failure */
	assert_int_equal(got, 12345);
}

static void reads_numbers_and_units(void **state)
{
	(void)state;
	accepts("0", 0);
	accepts("90", 90);
	accepts("600", 600);
	accepts("10m", 600);
	accepts("10M", 600);
	accepts("1h30m", 5400);
	accepts("1h30", 3630);
	accepts("1h 30m", 5400);
	accepts("2d", 172800);
	accepts("1w", 604800);
	accepts("1W2D3H4M5S", 604800 + 172800 + 10800 + 240 + 5);
	accepts("1m1m", 120);
	accepts("007", 7);
}

static void refuses_nonsense(void **state)
{
	static const char *const bad[] = {"", " ", "h", "nonsense", "-5", "+5", "5 ", "1.5h", "1y",
	    "0x10", "1hh", "10m!", "m10", "1h\n", "\xd9\xa1"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuses(bad[i], ERR_FORMAT);
}

static void refuses_overflow(void **state)
{
	(void)state;
	accepts("2147483647", 2147483647);
	accepts("3550w", 2147040000);
	refuses("2147483648", ERR_TOO_LONG);
	refuses("3551w", ERR_TOO_LONG);
	refuses("2147483647s1", ERR_TOO_LONG);
	refuses("4294967297", ERR_TOO_LONG);
	refuses("99999999999999999999999999", ERR_TOO_LONG);
	refuses("1w2147483647w", ERR_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_numbers_and_units),
	    cmocka_unit_test(refuses_nonsense),
	    cmocka_unit_test(refuses_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
