/* Compressed certificates of cards; made by Python's zlib and gzip modules. */
#include "tests/support/base_test.h"

#include <string.h>

#include "tokens/card/inflate.h"

/* "certificate", ten times, in both forms. */
static const char zlib_form[] =
    "\x78\x9c\x4b\x4e\x2d\x2a\xc9\x4c\xcb\x4c\x4e\x2c\x49\x4d\xa6\x3d\x13\x00\xc9\x8c\x2d\x1f";
static const char gzip_form[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x4e\x2d\x2a\xc9\x4c\xcb\x4c\x4e\x2c\x49\x4d"
    "\xa6\x3d\x13\x00\xb8\x14\x92\x75\x6e\x00\x00\x00";
/* "a", 16384 times, and once more. */
static const char longest[] =
    "\x78\xda\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xac\xeb\x5f\xc2\x18\x3e\x40\x01\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x6f\x03\xdb\x57\x41\x69";
static const char too_long[] =
    "\x78\xda\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xac\xeb\x5f\xc2\x18\x3e\x40\x01\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x77\x03\x1d\x30\x41\xca";

#define VIEW(text) BYTES(text, sizeof(text) - 1)

static int without_zlib(void **state)
{
	struct blob out = {0};
	enum err e = inflate_certificate(VIEW(zlib_form), &out);

	(void)state;
	blob_clear(&out);
	return e == ERR_UNSUPPORTED;
}

static void both_forms(void **state)
{
	struct blob out = {0};

	if (without_zlib(state))
		base_skip("built without zlib");
	assert_int_equal(inflate_certificate(VIEW(zlib_form), &out), ERR_OK);
	assert_int_equal(out.len, 110);
	assert_memory_equal(out.data, "certificatecertificate", 22);
	blob_clear(&out);
	assert_int_equal(inflate_certificate(VIEW(gzip_form), &out), ERR_OK);
	assert_int_equal(out.len, 110);
	blob_clear(&out);
}

static void what_grows_too_much(void **state)
{
	static const uint8_t packed[16385];
	struct blob out = {0};

	if (without_zlib(state))
		base_skip("built without zlib");
	assert_int_equal(inflate_certificate(VIEW(longest), &out), ERR_OK);
	assert_int_equal(out.len, 16384);
	blob_clear(&out);
	assert_int_equal(inflate_certificate(VIEW(too_long), &out), ERR_FORMAT);
	assert_int_equal(inflate_certificate(BYTES(packed, sizeof(packed)), &out), ERR_FORMAT);
	assert_null(out.data);
}

static void cut_and_changed(void **state)
{
	uint8_t changed[sizeof(zlib_form) - 1];
	struct blob out = {0};

	if (without_zlib(state))
		base_skip("built without zlib");
	for (size_t n = 0; n < sizeof(zlib_form) - 1; n++)
		assert_int_equal(inflate_certificate(BYTES(zlib_form, n), &out), ERR_FORMAT);
	memcpy(changed, zlib_form, sizeof(changed));
	changed[sizeof(changed) - 1] ^= 1; /* its sum */
	assert_int_equal(inflate_certificate(BYTES(changed, sizeof(changed)), &out), ERR_FORMAT);
	assert_null(out.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_forms),
	    cmocka_unit_test(what_grows_too_much),
	    cmocka_unit_test(cut_and_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
