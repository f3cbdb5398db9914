#include "tests/support/base_test.h"

#include <fido.h>

#include "proto/fidomsg.h"
#include "tokens/fido/errors.h"
#include "tokens/fido/request.h"

/* CTAP 2.1, section 8.2, by number. */
static void status_bytes_have_their_words(void **state)
{
	static const struct {
		int code;
		enum err e;
	} table[] = {
	    {0x06, ERR_DEVICE_BUSY},
	    {0x27, ERR_DENIED},
	    {0x2d, ERR_CANCELLED},
	    {0x2e, ERR_NO_DEVICE},
	    {0x2f, ERR_TOUCH_TIMEOUT},
	    {0x31, ERR_PIN},
	    {0x32, ERR_PIN_BLOCKED},
	    {0x34, ERR_PIN_AUTH_BLOCKED},
	    {0x35, ERR_PIN_UNSET},
	    {0x36, ERR_PIN_NEEDED},
	    {0x3a, ERR_TOUCH_TIMEOUT},
	    {0x3c, ERR_UV},
	    {0x3f, ERR_UV},
	    {0x7f, ERR_DEVICE},
	    {0x41, ERR_DEVICE},
	    {-1, ERR_DEVICE},
	    {-2, ERR_DEVICE},
	    {-9, ERR_DEVICE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(fido_error(table[i].code), table[i].e);
}

/* Whatever a device says, the core takes the answer. */
static void all_are_allowed(void **state)
{
	(void)state;
	for (int code = -20; code < 256; code++) {
		if (code != 0)
			assert_true(fido_failure_allowed(fido_error(code)));
	}
}

/* It would ask for any key that the device holds. */
static void no_request_without_a_handle(void **state)
{
	const struct fido_credential none = {.application = bytes_str("ssh:")};
	struct fido_credential one = none;
	fido_assert_t *a = NULL;

	(void)state;
	assert_int_equal(request_new(&none, bytes_str("data"), &a), ERR_FORMAT);
	assert_null(a);
	one.handle = bytes_str("handle");
	assert_int_equal(request_new(&one, BYTES_NONE, &a), ERR_OK);
	assert_string_equal(fido_assert_rp_id(a), "ssh:");
	assert_int_equal(fido_assert_clientdata_hash_len(a), 32);
	fido_assert_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(status_bytes_have_their_words),
	    cmocka_unit_test(all_are_allowed),
	    cmocka_unit_test(no_request_without_a_handle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
