/* Slicing a stream into messages: RFC 9987, section 5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/frame.h"
#include "tests/support/proto_vectors.h"

#define NEXT(text, limit, message) frame_next(BYTES("" text, sizeof(text) - 1), limit, message)

static void test_one_message(void **state)
{
	struct bytes m;

	(void)state;
	assert_int_equal(NEXT("\0\0\0\1\x0b", 100, &m), FRAME_READY);
	assert_bytes(m, BYTES("\x0b", 1));
}

static void test_pipelined_messages_come_one_by_one(void **state)
{
	static const uint8_t stream[] = "\0\0\0\1\x0b\0\0\0\3abc\0\0\0";
	struct bytes buf = BYTES(stream, 15), m;

	(void)state;
	assert_int_equal(frame_next(buf, 100, &m), FRAME_READY);
	assert_bytes(m, BYTES("\x0b", 1));
	buf = BYTES(buf.data + FRAME_HEADER + m.len, buf.len - FRAME_HEADER - m.len);
	assert_int_equal(frame_next(buf, 100, &m), FRAME_READY);
	assert_bytes(m, bytes_str("abc"));
	buf = BYTES(buf.data + FRAME_HEADER + m.len, buf.len - FRAME_HEADER - m.len);
	assert_int_equal(buf.len, 3);
	assert_int_equal(frame_next(buf, 100, &m), FRAME_MORE);
}

static void test_every_cut_wants_more(void **state)
{
	static const uint8_t stream[] = "\0\0\0\3abc";
	struct bytes m = bytes_str("untouched");

	(void)state;
	for (size_t n = 0; n < 7; n++)
		assert_int_equal(frame_next(BYTES(stream, n), 100, &m), FRAME_MORE);
	assert_true(bytes_is(m, "untouched"));
	assert_int_equal(frame_next(BYTES(stream, 7), 100, &m), FRAME_READY);
}

static void test_length_zero_is_no_message(void **state)
{
	struct bytes m;

	(void)state;
	assert_int_equal(NEXT("\0\0\0\0", 100, &m), FRAME_EMPTY);
	assert_int_equal(NEXT("\0\0\0\0\x0b", 100, &m), FRAME_EMPTY);
}

/* The limit itself is allowed; beyond it is known from the length field alone. */
static void test_limit(void **state)
{
	struct bytes m;

	(void)state;
	assert_int_equal(NEXT("\0\0\0\3abc", 3, &m), FRAME_READY);
	assert_int_equal(NEXT("\0\0\0\3abc", 2, &m), FRAME_LONG);
	assert_int_equal(NEXT("\0\4\0\0", LIMIT_MESSAGE, &m), FRAME_MORE);
	assert_int_equal(NEXT("\0\4\0\1", LIMIT_MESSAGE, &m), FRAME_LONG);
	assert_int_equal(NEXT("\xff\xff\xff\xff", LIMIT_MESSAGE, &m), FRAME_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_message),
	    cmocka_unit_test(test_pipelined_messages_come_one_by_one),
	    cmocka_unit_test(test_every_cut_wants_more),
	    cmocka_unit_test(test_length_zero_is_no_message),
	    cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
