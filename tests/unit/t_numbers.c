/* The protocol's numbers, against RFC 9987, sections 8 and 9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/numbers.h"

static void test_requests_and_replies(void **state)
{
	(void)state;
	assert_int_equal(AGENT_FAILURE, 5);
	assert_int_equal(AGENT_SUCCESS, 6);
	assert_int_equal(AGENT_REQUEST_IDENTITIES, 11);
	assert_int_equal(AGENT_IDENTITIES_ANSWER, 12);
	assert_int_equal(AGENT_SIGN_REQUEST, 13);
	assert_int_equal(AGENT_SIGN_RESPONSE, 14);
	assert_int_equal(AGENT_ADD_IDENTITY, 17);
	assert_int_equal(AGENT_REMOVE_IDENTITY, 18);
	assert_int_equal(AGENT_REMOVE_ALL_IDENTITIES, 19);
	assert_int_equal(AGENT_ADD_SMARTCARD_KEY, 20);
	assert_int_equal(AGENT_REMOVE_SMARTCARD_KEY, 21);
	assert_int_equal(AGENT_LOCK, 22);
	assert_int_equal(AGENT_UNLOCK, 23);
	assert_int_equal(AGENT_ADD_ID_CONSTRAINED, 25);
	assert_int_equal(AGENT_ADD_SMARTCARD_KEY_CONSTRAINED, 26);
	assert_int_equal(AGENT_EXTENSION, 27);
	assert_int_equal(AGENT_EXTENSION_FAILURE, 28);
	assert_int_equal(AGENT_EXTENSION_RESPONSE, 29);
}

static void test_constraints_and_flags(void **state)
{
	(void)state;
	assert_int_equal(CONSTRAIN_LIFETIME, 1);
	assert_int_equal(CONSTRAIN_CONFIRM, 2);
	assert_int_equal(CONSTRAIN_EXTENSION, 255);
	assert_int_equal(SIGN_RSA_SHA2_256, 2);
	assert_int_equal(SIGN_RSA_SHA2_512, 4);
}

/* Every number in use has words of its own; SSH 1's and reserved ones (M26) have none. */
static void test_words(void **state)
{
	static const uint8_t used[] = {
	    5, 6, 11, 12, 13, 14, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29};
	unsigned known = 0;

	(void)state;
	for (unsigned n = 0; n < 256; n++)
		if (strcmp(agent_number_words((uint8_t)n), "unknown") != 0) {
			assert_true(known < sizeof(used));
			assert_int_equal(n, used[known++]);
		}
	assert_int_equal(known, sizeof(used));
	for (size_t i = 0; i < sizeof(used); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(
			    agent_number_words(used[i]), agent_number_words(used[j]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requests_and_replies),
	    cmocka_unit_test(test_constraints_and_flags),
	    cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
