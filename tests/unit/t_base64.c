/* Base64: RFC 4648 section 10 vectors, OpenSSL as the other side, and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>

#include "keystore/base64.h"

static const struct pair {
	const char *plain, *text;
} rfc4648[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void assert_decodes(struct bytes text, struct bytes plain)
{
	struct builder b = {0};

	assert_int_equal(base64_decode(text, &b), ERR_OK);
	assert_true(bytes_equal(builder_view(&b), plain));
	builder_clear(&b);
}

static void rfc_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rfc4648) / sizeof(rfc4648[0]); i++) {
		struct builder b = {0};

		base64_encode(bytes_str(rfc4648[i].plain), &b);
		assert_true(bytes_is(builder_view(&b), rfc4648[i].text));
		builder_clear(&b);
		assert_decodes(bytes_str(rfc4648[i].text), bytes_str(rfc4648[i].plain));
	}
}

static void every_byte_as_openssl_writes_it(void **state)
{
	uint8_t data[512];
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i < 256 ? i : i * 151 + i / 7);
	for (size_t n = 0; n <= sizeof(data); n++) {
		struct builder b = {0};
		int len = EVP_EncodeBlock((unsigned char *)text, data, (int)n);

		base64_encode(BYTES(data, n), &b);
		assert_true(bytes_equal(builder_view(&b), BYTES(text, len)));
		builder_clear(&b);
		assert_decodes(BYTES(text, len), BYTES(data, n));
	}
}

static void white_space_is_passed_over(void **state)
{
	(void)state;
	assert_decodes(bytes_str(" Zm\r\n9v\tYg =\n= \n"), bytes_str("foob"));
	assert_decodes(bytes_str("\r\n"), BYTES_NONE);
}

static void appends(void **state)
{
	struct builder b = {0};

	(void)state;
	builder_put(&b, bytes_str("x"));
	assert_int_equal(base64_decode(bytes_str("Zm9v"), &b), ERR_OK);
	assert_true(bytes_is(builder_view(&b), "xfoo"));
	builder_clear(&b);
}

static void every_other_character_is_refused(void **state)
{
	static const char good[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	    "= \t\r\n";

	(void)state;
	for (int c = 0; c < 256; c++) {
		uint8_t text[4] = {'A', (uint8_t)c, 'A', 'A'};
		struct builder b = {0};

		if (c != 0 && strchr(good, c) != NULL)
			continue;
		assert_int_equal(base64_decode(BYTES(text, 4), &b), ERR_FORMAT);
		builder_clear(&b);
	}
}

static void malformed_is_refused(void **state)
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "Zm8",
	    "Zm8==", "Zm9v=", "Zm9v==", "=", "==", "====", "Z===", "Zg==Zg==", "Zm=v", "Zm9vYg==x",
	    "Zh==", "Zm9="};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct builder b = {0};

		assert_int_equal(base64_decode(bytes_str(bad[i]), &b), ERR_FORMAT);
		builder_clear(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rfc_vectors),
	    cmocka_unit_test(every_byte_as_openssl_writes_it),
	    cmocka_unit_test(white_space_is_passed_over),
	    cmocka_unit_test(appends),
	    cmocka_unit_test(every_other_character_is_refused),
	    cmocka_unit_test(malformed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
