/* The reader: data types of RFC 4251, section 5, and its own examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/reader.h"
#include "tests/support/proto_vectors.h"

#define READER(text) reader_of(BYTES("" text, sizeof(text) - 1))

static void test_integers(void **state)
{
	struct reader r = READER("\x7f\x02\0\x29\xb7\xf4\xaa\x01\x23\x45\x67\x89\xab\xcd\xef");
	bool flag = false, zero = true;
	uint8_t u8;
	uint32_t u32;
	uint64_t u64;

	(void)state;
	assert_int_equal(reader_u8(&r, &u8), ERR_OK);
	assert_int_equal(u8, 0x7f);
	assert_int_equal(reader_bool(&r, &flag), ERR_OK);
	assert_int_equal(reader_bool(&r, &zero), ERR_OK);
	assert_true(flag && !zero);
	assert_int_equal(reader_u32(&r, &u32), ERR_OK);
	assert_int_equal(u32, 699921578); /* RFC 4251's example: 29 b7 f4 aa */
	assert_int_equal(reader_u64(&r, &u64), ERR_OK);
	assert_true(u64 == 0x0123456789abcdef);
	assert_int_equal(reader_end(&r), ERR_OK);
}

static void test_string(void **state)
{
	struct reader r = READER("\0\0\0\x07testing\0\0\0\0\x55");
	struct bytes s;

	(void)state;
	assert_int_equal(reader_string(&r, &s), ERR_OK);
	assert_true(bytes_is(s, "testing"));
	assert_int_equal(reader_string(&r, &s), ERR_OK);
	assert_int_equal(s.len, 0);
	assert_int_equal(reader_end(&r), ERR_SURPLUS);
	assert_bytes(reader_rest(&r), bytes_str("\x55"));
}

static void test_text_holds_no_nul(void **state)
{
	struct reader r = READER("\0\0\0\2ab"), bad = READER("\0\0\0\3a\0b");
	struct bytes s = bytes_str("untouched");

	(void)state;
	assert_int_equal(reader_text(&bad, &s), ERR_TEXT);
	assert_true(bytes_is(s, "untouched"));
	assert_int_equal(bad.left, 7);
	assert_int_equal(reader_text(&r, &s), ERR_OK);
	assert_true(bytes_is(s, "ab"));
}

/* RFC 4251's examples of mpint, and what is not in shortest form. */
static void test_mpint(void **state)
{
	static const struct {
		struct bytes wire, magnitude;
		enum err error;
	} rows[] = {
	    {{(const uint8_t *)"\0\0\0\0", 4}, {NULL, 0}, ERR_OK},
	    {{(const uint8_t *)"\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7", 12},
		{(const uint8_t *)"\x09\xa3\x78\xf9\xb2\xe3\x32\xa7", 8}, ERR_OK},
	    {{(const uint8_t *)"\0\0\0\x02\0\x80", 6}, {(const uint8_t *)"\x80", 1}, ERR_OK},
	    {{(const uint8_t *)"\0\0\0\x02\xed\xcc", 6}, {NULL, 0}, ERR_NUMBER},
	    {{(const uint8_t *)"\0\0\0\x05\xff\x21\x52\x41\x11", 9}, {NULL, 0}, ERR_NUMBER},
	    {{(const uint8_t *)"\0\0\0\x01\0", 5}, {NULL, 0}, ERR_NUMBER},
	    {{(const uint8_t *)"\0\0\0\x02\0\x7f", 6}, {NULL, 0}, ERR_NUMBER},
	    {{(const uint8_t *)"\0\0\0\x03\0\0\x80", 7}, {NULL, 0}, ERR_NUMBER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reader r = reader_of(rows[i].wire);
		struct bytes m = BYTES_NONE;

		assert_int_equal(reader_mpint(&r, &m), rows[i].error);
		assert_bytes(m, rows[i].magnitude);
		assert_int_equal(r.left, rows[i].error == ERR_OK ? 0 : rows[i].wire.len);
	}
}

static void test_nested(void **state)
{
	struct reader r = READER("\0\0\0\6\0\0\0\2ab\x09"), in;
	struct bytes s;

	(void)state;
	assert_int_equal(reader_nested(&r, &in), ERR_OK);
	assert_int_equal(r.left, 1);
	assert_int_equal(reader_string(&in, &s), ERR_OK);
	assert_true(bytes_is(s, "ab"));
	assert_int_equal(reader_end(&in), ERR_OK);
}

static enum err u8(struct bytes b)
{
	struct reader r = reader_of(b);
	uint8_t v;
	enum err e = reader_u8(&r, &v);

	assert_int_equal(r.left, e == ERR_OK ? b.len - 1 : b.len);
	return e;
}

static enum err u32(struct bytes b)
{
	struct reader r = reader_of(b);
	uint32_t v;
	enum err e = reader_u32(&r, &v);

	assert_int_equal(r.left, e == ERR_OK ? b.len - 4 : b.len);
	return e;
}

static enum err u64(struct bytes b)
{
	struct reader r = reader_of(b);
	uint64_t v;
	enum err e = reader_u64(&r, &v);

	assert_int_equal(r.left, e == ERR_OK ? b.len - 8 : b.len);
	return e;
}

static enum err string(struct bytes b)
{
	struct reader r = reader_of(b);
	struct bytes s;
	enum err e = reader_string(&r, &s);

	assert_int_equal(r.left, e == ERR_OK ? b.len - 4 - s.len : b.len);
	return e;
}

static enum err mpint(struct bytes b)
{
	struct reader r = reader_of(b);
	struct bytes s;

	return reader_mpint(&r, &s);
}

static void test_every_cut_is_refused_and_moves_nothing(void **state)
{
	(void)state;
	assert_int_equal(accepted_cuts(BYTES("\1", 1), u8), 0);
	assert_int_equal(accepted_cuts(BYTES("\1\2\3\4", 4), u32), 0);
	assert_int_equal(accepted_cuts(BYTES("\1\2\3\4\5\6\7\x08", 8), u64), 0);
	assert_int_equal(accepted_cuts(BYTES("\0\0\0\2ab", 6), string), 0);
	assert_int_equal(accepted_cuts(BYTES("\0\0\0\2\0\xff", 6), mpint), 0);
}

static void test_lengths_that_wrap_are_refused(void **state)
{
	struct reader r = READER("\xff\xff\xff\xff"
				 "abc");
	struct bytes s = bytes_str("untouched");

	(void)state;
	assert_int_equal(reader_string(&r, &s), ERR_TRUNCATED);
	assert_int_equal(reader_take(&r, SIZE_MAX, &s), ERR_TRUNCATED);
	assert_int_equal(r.left, 7);
	assert_true(bytes_is(s, "untouched"));
}

static void test_nothing_at_all(void **state)
{
	struct reader r = reader_of(BYTES_NONE);
	struct bytes s;
	uint8_t v;

	(void)state;
	assert_int_equal(reader_end(&r), ERR_OK);
	assert_int_equal(reader_take(&r, 0, &s), ERR_OK);
	assert_int_equal(s.len, 0);
	assert_int_equal(reader_u8(&r, &v), ERR_TRUNCATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_integers),
	    cmocka_unit_test(test_string),
	    cmocka_unit_test(test_text_holds_no_nul),
	    cmocka_unit_test(test_mpint),
	    cmocka_unit_test(test_nested),
	    cmocka_unit_test(test_every_cut_is_refused_and_moves_nothing),
	    cmocka_unit_test(test_lengths_that_wrap_are_refused),
	    cmocka_unit_test(test_nothing_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
