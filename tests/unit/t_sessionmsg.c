/* Messages of signet-session. */
#include "tests/support/base_test.h"

#include <string.h>

#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"
#include "proto/sessionmsg.h"

/* The content of the one frame in b, or nothing. */
static struct bytes content(const struct builder *b)
{
	struct bytes message = BYTES_NONE;

	assert_int_equal(builder_error(b), ERR_OK);
	assert_int_equal(frame_next(builder_view(b), LIMIT_HELPER_MESSAGE, &message), FRAME_READY);
	assert_int_equal(message.len + FRAME_HEADER, b->len);
	return message;
}

/* Written out by hand: version, kind, and the flags. */
static void test_forms(void **state)
{
	struct builder b = {0};

	(void)state;
	session_watch_build(&b);
	assert_true(bytes_equal(content(&b), BYTES("\2\220", 2)));
	assert_int_equal(session_watch_parse(content(&b)), ERR_OK);
	assert_int_equal(session_slept_parse(content(&b)), ERR_MESSAGE);
	builder_reset(&b);
	session_slept_build(&b);
	assert_true(bytes_equal(content(&b), BYTES("\2\221", 2)));
	assert_int_equal(session_slept_parse(content(&b)), ERR_OK);
	assert_int_equal(session_watch_parse(content(&b)), ERR_MESSAGE);
	builder_reset(&b);
	session_state_build(&b, SESSION_LOGIND | SESSION_LOCKED);
	assert_true(bytes_equal(content(&b), BYTES("\2\230\0\0\0\5", 6)));
	builder_clear(&b);
}

static enum err parse_flags(uint32_t flags, uint32_t *out)
{
	struct builder b = {0};
	enum err e;

	session_state_build(&b, flags);
	e = session_state_parse(content(&b), out);
	builder_clear(&b);
	return e;
}

static void test_states(void **state)
{
	static const uint32_t told_by[] = {SESSION_LOGIND, SESSION_SAVER, SESSION_BLIND};

	(void)state;
	for (uint32_t flags = 0; flags < 2 * SESSION_FLAGS; flags++) {
		uint32_t source = flags & (SESSION_LOGIND | SESSION_SAVER | SESSION_BLIND);
		uint32_t got = 77;
		bool good = false;

		for (size_t i = 0; i < sizeof(told_by) / sizeof(told_by[0]); i++)
			good |= source == told_by[i] && flags <= SESSION_FLAGS;
		assert_int_equal(parse_flags(flags, &got), good ? ERR_OK : ERR_FORMAT);
		assert_int_equal(got, good ? flags : 77);
	}
	assert_int_equal(parse_flags(1u << 31 | SESSION_BLIND, &(uint32_t){0}), ERR_FORMAT);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum err watch, slept, told;
	} rows[] = {
	    {"", 0, ERR_TRUNCATED, ERR_TRUNCATED, ERR_TRUNCATED},
	    {"\2", 1, ERR_TRUNCATED, ERR_TRUNCATED, ERR_TRUNCATED},
	    {"\1\220", 2, ERR_VERSION, ERR_VERSION, ERR_VERSION},
	    {"\3\230\0\0\0\5", 6, ERR_VERSION, ERR_VERSION, ERR_VERSION},
	    {"\2\220\0", 3, ERR_SURPLUS, ERR_MESSAGE, ERR_MESSAGE},
	    {"\2\221\0", 3, ERR_MESSAGE, ERR_SURPLUS, ERR_MESSAGE},
	    {"\2\230\0\0\0", 5, ERR_MESSAGE, ERR_MESSAGE, ERR_TRUNCATED},
	    {"\2\230\0\0\0\5\0", 7, ERR_MESSAGE, ERR_MESSAGE, ERR_SURPLUS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes message = BYTES(rows[i].bytes, rows[i].len);
		uint32_t flags = 77;

		assert_int_equal(session_watch_parse(message), rows[i].watch);
		assert_int_equal(session_slept_parse(message), rows[i].slept);
		assert_int_equal(session_state_parse(message, &flags), rows[i].told);
		assert_int_equal(flags, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_states),
	    cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
