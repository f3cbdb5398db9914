#include "tests/support/base_test.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/keys_ssh.h"
#include "tokens/base/ecdsasig.h"

#define N32                                                                                        \
	"\x11\x22\x33\x44\x55\x66\x77\x08\x11\x22\x33\x44\x55\x66\x77\x08"                         \
	"\x11\x22\x33\x44\x55\x66\x77\x08\x11\x22\x33\x44\x55\x66\x77\x08"
#define HIGH "\xff" /* a number with its first bit set has a zero before it */

#define DER(text)                                                                                  \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

/* X.690, sections 8.3 and 8.9. */
static void good_ones_are_read(void **state)
{
	static const struct {
		struct bytes der;
		struct bytes r, s;
	} table[] = {
	    {DER("\x30\x06\x02\x01\x01\x02\x01\x02"), DER("\x01"), DER("\x02")},
	    {DER("\x30\x44\x02\x20" N32 "\x02\x20" N32), DER(N32), DER(N32)},
	    {DER("\x30\x08\x02\x02\x00" HIGH "\x02\x02\x00" HIGH), DER(HIGH), DER(HIGH)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct bytes r, s;

		assert_int_equal(ecdsasig_read(table[i].der, 32, &r, &s), ERR_OK);
		assert_true(bytes_equal(r, table[i].r));
		assert_true(bytes_equal(s, table[i].s));
	}
}

static void others_are_refused(void **state)
{
	static const struct bytes table[] = {
	    DER(""), DER("\x30"), DER("\x30\x00"),
	    DER("\x31\x06\x02\x01\x01\x02\x01\x02"),         /* a set */
	    DER("\x30\x06\x03\x01\x01\x02\x01\x02"),         /* a bit string */
	    DER("\x30\x06\x02\x01\x01\x02\x01\x02\x00"),     /* surplus behind */
	    DER("\x30\x07\x02\x01\x01\x02\x01\x02\x00"),     /* surplus inside */
	    DER("\x30\x07\x02\x01\x01\x02\x01\x02"),         /* cut */
	    DER("\x30\x03\x02\x01\x01"),                     /* one number */
	    DER("\x30\x05\x02\x00\x02\x01\x02"),             /* an empty one */
	    DER("\x30\x06\x02\x01\x00\x02\x01\x02"),         /* zero */
	    DER("\x30\x06\x02\x01\x80\x02\x01\x02"),         /* negative */
	    DER("\x30\x07\x02\x02\x00\x01\x02\x01\x02"),     /* a needless zero */
	    DER("\x30\x81\x06\x02\x01\x01\x02\x01\x02"),     /* a length that is not the shortest */
	    DER("\x30\x80\x02\x01\x01\x02\x01\x02\x00\x00"), /* an indefinite one */
	    DER("\x30\x26\x02\x21\x01" N32 "\x02\x01\x02"),  /* 33 bytes */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct bytes r = BYTES("r", 1), s = BYTES("s", 1);

		if (ecdsasig_read(table[i], 32, &r, &s) != ERR_FORMAT)
			fail_msg("row %zu was read", i);
		assert_true(bytes_is(r, "r") && bytes_is(s, "s"));
	}
}

static void hex(struct bytes b, char *out)
{
	*out = '\0';
	for (size_t i = 0; i < b.len; i++)
		out += sprintf(out, "%02X", b.data[i]);
}

/* The numbers of openssl's signatures are those that its asn1parse shows; and no shorter limit than
 * the curve's takes them. */
static void numbers_of_all_curves_are_read(void **state)
{
	static const struct {
		const char *curve;
		size_t size;
	} table[] = {{"prime256v1", 32}, {"secp384r1", 48}, {"secp521r1", 66}};
	char got[2][256], want[2][256];
	struct builder sig = {0};
	struct keys_dir dir;
	struct bytes r, s;

	(void)state;
	keys_dir_make(&dir);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct builder shown = {0};

		assert_true(keys_run("cd '%s' && openssl ecparam -name %s -genkey -noout -out k && "
				     "openssl dgst -sha512 -sign k -out sig k && openssl asn1parse "
				     "-inform DER -in sig | sed -n 's/.*INTEGER *://p' >shown",
		    dir.path, table[i].curve));
		keys_read_file(&dir, "sig", &sig);
		keys_read_file(&dir, "shown", &shown);
		builder_u8(&shown, 0);
		assert_int_equal(
		    sscanf((const char *)shown.data, "%255s %255s", want[0], want[1]), 2);
		assert_int_equal(ecdsasig_read(builder_view(&sig), table[i].size, &r, &s), ERR_OK);
		hex(r, got[0]);
		hex(s, got[1]);
		assert_string_equal(got[0], want[0]);
		assert_string_equal(got[1], want[1]);
		assert_int_equal(
		    ecdsasig_read(builder_view(&sig), (r.len > s.len ? r.len : s.len) - 1, &r, &s),
		    ERR_FORMAT);
		builder_clear(&shown);
		builder_clear(&sig);
	}
	keys_dir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_ones_are_read),
	    cmocka_unit_test(others_are_refused),
	    cmocka_unit_test(numbers_of_all_curves_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
