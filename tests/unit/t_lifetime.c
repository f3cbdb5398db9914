/* How long certificates are held; expected values by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "add/lifetime.h"

static uint32_t cert(uint64_t before, int64_t now, uint32_t asked)
{
	uint32_t seconds = 0;

	assert_int_equal(lifetime_of_cert(before, now, asked, &seconds), ERR_OK);
	return seconds;
}

static void certificates_live_five_minutes_longer(void **state)
{
	uint32_t seconds = 77;

	(void)state;
	assert_int_equal(cert(2000, 1000, 0), 1300);
	assert_int_equal(cert(2000, 2299, 0), 1);
	assert_int_equal(lifetime_of_cert(2000, 2300, 0, &seconds), ERR_CERT);
	assert_int_equal(lifetime_of_cert(2000, 9000, 5, &seconds), ERR_CERT);
	assert_int_equal(seconds, 77);
}

static void the_shorter_lifetime_counts(void **state)
{
	(void)state;
	assert_int_equal(cert(2000, 1000, 60), 60);
	assert_int_equal(cert(2000, 1000, 5000), 1300);
}

static void certificates_without_end(void **state)
{
	(void)state;
	assert_int_equal(cert(UINT64_MAX, 1000, 0), 0);
	assert_int_equal(cert(UINT64_MAX, 1000, 60), 60);
	assert_int_equal(cert(UINT64_MAX - 1, 1000, 0), 0);
	assert_int_equal(cert(UINT64_MAX - 1000, 1000, 0), 2147483647);
	assert_int_equal(cert(100, -5, 0), 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(certificates_live_five_minutes_longer),
	    cmocka_unit_test(the_shorter_lifetime_counts),
	    cmocka_unit_test(certificates_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
