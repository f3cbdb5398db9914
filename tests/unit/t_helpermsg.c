#include "tests/support/base_test.h"

#include <string.h>

#include "proto/base/askpass.h"
#include "proto/ctlmsg.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

/* The forms of helpermsg.h, written by hand: frame length, version, kind, fields. */
static const uint8_t ask_frame[FRAME_HEADER + 0x36] = "\0\0\0\x36\2\1\1"
						      "\0\0\0\2Hi"
						      "\0\0\0\3Ab?"
						      "\0\0\1\2"
						      "\0\0\0\0\0\xab\xcd\xef"
						      "\0\0\0\1"
						      "\0\0\0\x1e"
						      "\0\0\0\x0e"
						      "\0\0\0\nDISPLAY=:7";
static const uint8_t answer_frame[] = {
    0,
    0,
    0,
    9,
    HELPER_VERSION,
    HELPER_ANSWER,
    0,
    0,
    0,
    0,
    2,
    'p',
    'w',
};

static struct bytes content(const uint8_t *frame, size_t n)
{
	return BYTES(frame + FRAME_HEADER, n - FRAME_HEADER);
}

#define CONTENT(frame) content(frame, sizeof(frame))

static void programs_have_names(void **state)
{
	(void)state;
	assert_string_equal(helper_program(HELPER_PROMPT), "signet-prompt");
	assert_null(helper_program(HELPERS));
	assert_null(helper_program(~0u));
}

static void ask_is_built_and_read(void **state)
{
	struct helper_ask m = {
	    .kind = ASKPASS_CONFIRM,
	    .text = bytes_str("Ab?"),
	    .title = bytes_str("Hi"),
	    .pid = 0x102,
	    .started = 0xabcdef,
	    .flags = HELPER_ASK_FORWARDED,
	    .timeout = 30,
	    .environment = BYTES("\0\0\0\nDISPLAY=:7", 14),
	};
	struct helper_ask got;
	struct bytes entry;
	struct reader r;
	struct builder b = {0};

	(void)state;
	helper_ask_build(&b, &m);
	assert_int_equal(builder_error(&b), ERR_OK);
	assert_int_equal(b.len, sizeof(ask_frame));
	assert_memory_equal(b.data, ask_frame, sizeof(ask_frame));
	builder_clear(&b);
	assert_int_equal(helper_ask_parse(CONTENT(ask_frame), &got), ERR_OK);
	assert_int_equal(got.kind, ASKPASS_CONFIRM);
	assert_true(bytes_is(got.text, "Ab?"));
	assert_true(bytes_is(got.title, "Hi"));
	assert_int_equal(got.pid, 0x102);
	assert_int_equal(got.started, 0xabcdef);
	assert_int_equal(got.flags, HELPER_ASK_FORWARDED);
	assert_int_equal(got.timeout, 30);
	r = reader_of(got.environment);
	assert_int_equal(helper_env_next(&r, &entry), ERR_OK);
	assert_true(bytes_is(entry, "DISPLAY=:7"));
	assert_int_equal(helper_env_next(&r, &entry), ERR_TRUNCATED);
}

static void answer_is_built_and_read(void **state)
{
	struct helper_answer m = {ERR_OK, bytes_str("pw")};
	struct helper_answer got;
	struct builder b = {0};

	(void)state;
	helper_answer_build(&b, &m);
	assert_int_equal(builder_error(&b), ERR_OK);
	assert_int_equal(b.len, sizeof(answer_frame));
	assert_memory_equal(b.data, answer_frame, sizeof(answer_frame));
	builder_clear(&b);
	assert_int_equal(helper_answer_parse(CONTENT(answer_frame), &got), ERR_OK);
	assert_int_equal(got.result, ERR_OK);
	assert_true(bytes_is(got.answer, "pw"));
}

/* Every shorter message is refused, and the result stays as it was. */
static void cut_messages_are_refused(void **state)
{
	struct helper_ask ask = {.kind = 77};
	struct helper_answer answer = {ERR_LIMIT, BYTES_NONE};

	(void)state;
	for (size_t n = 0; n < sizeof(ask_frame) - FRAME_HEADER; n++)
		assert_int_equal(helper_ask_parse(BYTES(ask_frame + 4, n), &ask), ERR_TRUNCATED);
	for (size_t n = 0; n < sizeof(answer_frame) - FRAME_HEADER; n++)
		assert_int_equal(
		    helper_answer_parse(BYTES(answer_frame + 4, n), &answer), ERR_TRUNCATED);
	assert_int_equal(ask.kind, 77);
	assert_int_equal(answer.result, ERR_LIMIT);
}

/* One byte of a good message changed, and what the reader says to it. */
struct change {
	size_t at; /* within the content; its length appends a byte */
	uint8_t to;
	enum err ask;
	enum err answer;
};

static void changed_messages_are_refused(void **state)
{
	static const struct change table[] = {
	    {0, HELPER_VERSION + 1, ERR_VERSION, ERR_VERSION},
	    {0, 0, ERR_VERSION, ERR_VERSION},
	    {1, 99, ERR_MESSAGE, ERR_MESSAGE},
	    {2, ASKPASS_NOTICE + 1, ERR_FORMAT, ERR_FORMAT},
	    {2, 0xff, ERR_FORMAT, ERR_FORMAT},
	    {3, 0xff, ERR_TRUNCATED, ERR_TRUNCATED},
	    {7, 0, ERR_TEXT, ERR_TEXT},
	};
	/* of the question only: kind 3, title 6, text 7, pid 4, start time 8 bytes, then these */
	static const struct change fields[] = {
	    {9, 0xff, ERR_TRUNCATED, ERR_OK},
	    {6, 1, ERR_TRUNCATED, ERR_OK},
	    {14, 0, ERR_TEXT, ERR_OK},
	    {28, 0x80, ERR_FORMAT, ERR_OK},
	    {31, 2, ERR_FORMAT, ERR_OK},
	    {31, 4, ERR_FORMAT, ERR_OK},
	    {33, 0xff, ERR_FORMAT, ERR_OK},
	    {39, 13, ERR_TRUNCATED, ERR_OK},
	    {39, 15, ERR_TRUNCATED, ERR_OK},
	    {43, 9, ERR_TRUNCATED, ERR_OK},
	    {43, 11, ERR_TRUNCATED, ERR_OK},
	    {44, 'X', ERR_FORMAT, ERR_OK},
	    {51, '_', ERR_FORMAT, ERR_OK},
	    {52, 0, ERR_TEXT, ERR_OK},
	    {52, 7, ERR_FORMAT, ERR_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct helper_ask ask;
		struct helper_answer answer;
		uint8_t copy[sizeof(ask_frame)];

		memcpy(copy, ask_frame, sizeof(ask_frame));
		copy[FRAME_HEADER + table[i].at] = table[i].to;
		assert_int_equal(
		    helper_ask_parse(content(copy, sizeof(ask_frame)), &ask), table[i].ask);
		memcpy(copy, answer_frame, sizeof(answer_frame));
		copy[FRAME_HEADER + table[i].at] = table[i].to;
		assert_int_equal(helper_answer_parse(content(copy, sizeof(answer_frame)), &answer),
		    table[i].answer);
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct helper_ask ask;
		uint8_t copy[sizeof(ask_frame)];

		memcpy(copy, ask_frame, sizeof(ask_frame));
		copy[FRAME_HEADER + fields[i].at] = fields[i].to;
		assert_int_equal(
		    helper_ask_parse(content(copy, sizeof(ask_frame)), &ask), fields[i].ask);
	}
}

/* Only what says where a person can be asked, and nothing that could load code. */
static void variables_are_of_a_list(void **state)
{
	static const struct {
		const char *entry;
		bool allowed;
	} table[] = {
	    {"DISPLAY=:0", true},
	    {"DISPLAY=", true},
	    {"WAYLAND_DISPLAY=wayland-1", true},
	    {"XAUTHORITY=/run/user/1000/xauth", true},
	    {"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus", true},
	    {"SSH_ASKPASS=/usr/bin/ksshaskpass", true},
	    {"DISPLAY", false},
	    {"DISPLAYX=1", false},
	    {"DISPLA=1", false},
	    {"LD_PRELOAD=/tmp/x.so", false},
	    {"SSH_ASKPASS_REQUIRE=force", false},
	    {"PATH=/tmp", false},
	    {"=x", false},
	    {"", false},
	    {"DISPLAY=:0\nX", false},
	    {"DISPLAY=\x7f", false},
	};
	char big[16 + LIMIT_PROMPT_VALUE] = "DISPLAY=";

	(void)state;
	assert_int_equal(helper_env_check(bytes_str("SSH_ASKPASS=/usr/bin/x")), ERR_OK);
	assert_int_equal(helper_env_check(bytes_str("SSH_ASKPASS=")), ERR_OK);
	assert_int_equal(helper_env_check(bytes_str("SSH_ASKPASS=bin/x")), ERR_ASKPASS_PATH);
	assert_int_equal(helper_env_check(bytes_str("DISPLAY=bin/x")), ERR_OK);
	assert_int_equal(helper_env_check(bytes_str("PATH=/tmp")), ERR_VARIABLE);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(helper_env_allowed(bytes_str(table[i].entry)), table[i].allowed);
	memset(big + 8, 'x', LIMIT_PROMPT_VALUE + 1);
	assert_true(helper_env_allowed(BYTES(big, 8 + LIMIT_PROMPT_VALUE)));
	assert_false(helper_env_allowed(BYTES(big, 8 + LIMIT_PROMPT_VALUE + 1)));
}

static void surplus_and_length_are_refused(void **state)
{
	static uint8_t huge[LIMIT_HELPER_MESSAGE + 1] = {HELPER_VERSION, HELPER_ASK};
	struct helper_ask ask;
	struct helper_answer answer;
	uint8_t copy[sizeof(ask_frame) + 1] = {0};

	(void)state;
	memcpy(copy, ask_frame, sizeof(ask_frame));
	assert_int_equal(helper_ask_parse(CONTENT(copy), &ask), ERR_SURPLUS);
	assert_int_equal(helper_ask_parse(BYTES(huge, sizeof(huge)), &ask), ERR_TOO_LONG);
	assert_int_equal(helper_answer_parse(BYTES(huge, sizeof(huge)), &answer), ERR_TOO_LONG);
}

/* A helper cannot make the agent say what only the agent can find. */
static void answers_have_few_results(void **state)
{
	static const enum err allowed[] = {ERR_OK, ERR_DENIED, ERR_TIMEOUT, ERR_NO_PROMPT,
	    ERR_SYSTEM, ERR_MEMORY, ERR_ASKER, ERR_ASKER_ENDED, ERR_ASKER_FLOOD, ERR_ASKER_REPLY,
	    ERR_ASKER_SHOW, ERR_DISPLAY, ERR_TERMINAL};
	uint8_t message[] = {HELPER_VERSION, HELPER_ANSWER, 0, 0, 0, 0, 0};
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		struct helper_answer answer;
		bool known = false;

		message[2] = (uint8_t)i;
		for (size_t k = 0; k < sizeof(allowed) / sizeof(allowed[0]); k++)
			known = known || (unsigned)allowed[k] == i;
		assert_int_equal(helper_answer_parse(BYTES(message, sizeof(message)), &answer),
		    known ? ERR_OK : ERR_FORMAT);
		count += known;
	}
	assert_int_equal(count, sizeof(allowed) / sizeof(allowed[0]));
}

static void a_no_carries_no_answer(void **state)
{
	static const uint8_t message[] = {
	    HELPER_VERSION, HELPER_ANSWER, ERR_DENIED, 0, 0, 0, 1, 'x'};
	struct helper_answer answer;

	(void)state;
	assert_int_equal(helper_answer_parse(BYTES(message, sizeof(message)), &answer), ERR_FORMAT);
}

static void control_pairs(void **state)
{
	static const uint8_t expected[] = {0, 0, 0, 4, 'k', 'e', 'y', 's', 0, 0, 0, 2, '1', '0'};
	struct builder b = {0};
	struct reader r;
	struct bytes name, value;

	(void)state;
	ctl_pair_build(&b, "keys", "10");
	assert_int_equal(builder_error(&b), ERR_OK);
	assert_int_equal(b.len, sizeof(expected));
	assert_memory_equal(b.data, expected, sizeof(expected));
	builder_clear(&b);
	for (size_t n = 0; n < sizeof(expected); n++) {
		r = reader_of(BYTES(expected, n));
		assert_int_equal(ctl_pair_read(&r, &name, &value), ERR_TRUNCATED);
		assert_int_equal(r.left, n);
	}
	r = reader_of(BYTES(expected, sizeof(expected)));
	assert_int_equal(ctl_pair_read(&r, &name, &value), ERR_OK);
	assert_int_equal(reader_end(&r), ERR_OK);
	assert_true(bytes_is(name, "keys"));
	assert_true(bytes_is(value, "10"));
}

static void variables_have_a_limit(void **state)
{
	struct helper_ask m = {.kind = ASKPASS_CONFIRM, .text = bytes_str("Ab?")}, got;
	struct builder variables = {0}, b = {0};

	(void)state;
	for (size_t i = 1; i <= LIMIT_PROMPT_VARIABLES + 1; i++) {
		builder_cstring(&variables, "DISPLAY=:7");
		m.environment = builder_view(&variables);
		builder_reset(&b);
		helper_ask_build(&b, &m);
		assert_int_equal(helper_ask_parse(content(b.data, b.len), &got),
		    i <= LIMIT_PROMPT_VARIABLES ? ERR_OK : ERR_LIMIT);
	}
	builder_clear(&variables);
	builder_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(programs_have_names),
	    cmocka_unit_test(ask_is_built_and_read),
	    cmocka_unit_test(answer_is_built_and_read),
	    cmocka_unit_test(cut_messages_are_refused),
	    cmocka_unit_test(changed_messages_are_refused),
	    cmocka_unit_test(variables_are_of_a_list),
	    cmocka_unit_test(surplus_and_length_are_refused),
	    cmocka_unit_test(answers_have_few_results),
	    cmocka_unit_test(a_no_carries_no_answer),
	    cmocka_unit_test(control_pairs),
	    cmocka_unit_test(variables_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
