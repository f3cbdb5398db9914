/* Rules beyond the protocol's constraints: as words, as bytes, and in an addition. */
#include "tests/support/base_test.h"

#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/ctlmsg.h"

/* rules.h by hand: byte confirm, uint32 seconds, uint32 idle, bool local only. */
enum { RULES = 10 };

static enum err read_all(const char *data, size_t len, struct key_rules *out)
{
	struct reader r = reader_of(BYTES(data, len));
	enum err e = key_rules_read(&r, out);

	assert_int_equal(r.left, e == ERR_OK ? len - RULES : len);
	return e;
}

static void test_words(void **state)
{
	static const struct {
		const char *text;
		enum confirm_rule rule;
		uint32_t seconds;
	} rows[] = {
	    {"never", CONFIRM_NEVER, 0},
	    {"always", CONFIRM_ALWAYS, 0},
	    {"forwarded", CONFIRM_FORWARDED, 0},
	    {"once-per-connection", CONFIRM_CONNECTION, 0},
	    {"90", CONFIRM_TIMED, 90},
	    {"1h30m", CONFIRM_TIMED, 5400},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key_rules rules = {.confirm_seconds = 7, .idle = 8, .local_only = true};

		assert_int_equal(confirm_rule_parse(rows[i].text, &rules), ERR_OK);
		assert_int_equal(rules.confirm, rows[i].rule);
		assert_int_equal(rules.confirm_seconds, rows[i].seconds);
		assert_true(rules.idle == 8 && rules.local_only);
		if (rows[i].rule != CONFIRM_TIMED)
			assert_string_equal(confirm_rule_word(rows[i].rule), rows[i].text);
	}
	assert_null(confirm_rule_word(5));
}

static void test_words_that_are_none(void **state)
{
	static const char *const bad[] = {"", "timed", "0", "0m", "Always", "always ", "10x", "-1",
	    "99999999999", "once", "forward"};
	struct key_rules rules = {.confirm = CONFIRM_FORWARDED};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (confirm_rule_parse(bad[i], &rules) != ERR_FORMAT)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(rules.confirm == CONFIRM_FORWARDED && rules.confirm_seconds == 0);
	}
}

static void test_bytes(void **state)
{
	static const uint8_t timed[] = {4, 0, 0, 2, 88, 0, 1, 0, 0, 1};
	const struct key_rules rules = {
	    .confirm = CONFIRM_TIMED, .confirm_seconds = 600, .idle = 65536, .local_only = true};
	struct key_rules got = {0};
	struct builder b = {0};

	(void)state;
	key_rules_build(&b, &rules);
	assert_int_equal(b.len, sizeof(timed));
	assert_memory_equal(b.data, timed, sizeof(timed));
	builder_clear(&b);
	assert_int_equal(read_all((const char *)timed, sizeof(timed), &got), ERR_OK);
	assert_int_equal(got.confirm, CONFIRM_TIMED);
	assert_true(got.confirm_seconds == 600 && got.idle == 65536 && got.local_only);
	for (size_t n = 0; n < sizeof(timed); n++)
		assert_int_not_equal(read_all((const char *)timed, n, &got), ERR_OK);
}

static void test_bytes_that_are_no_rules(void **state)
{
	struct key_rules rules = {.idle = 77};

	(void)state;
	assert_int_equal(read_all("\5\0\0\0\0\0\0\0\0\0", RULES, &rules), ERR_CONSTRAINT);
	assert_int_equal(read_all("\377\0\0\0\0\0\0\0\0\0", RULES, &rules), ERR_CONSTRAINT);
	/* a time where none belongs, and none where one does */
	assert_int_equal(read_all("\1\0\0\0\1\0\0\0\0\0", RULES, &rules), ERR_CONSTRAINT);
	assert_int_equal(read_all("\4\0\0\0\0\0\0\0\0\0", RULES, &rules), ERR_CONSTRAINT);
	assert_int_equal(rules.idle, 77);
	assert_int_equal(read_all("\0\0\0\0\0\0\0\0\0\0", RULES, &rules), ERR_OK);
	assert_true(key_rules_none(&rules));
}

static void test_none_means_none(void **state)
{
	(void)state;
	assert_true(key_rules_none(&(struct key_rules){0}));
	assert_false(key_rules_none(&(struct key_rules){.confirm = CONFIRM_FORWARDED}));
	assert_false(key_rules_none(&(struct key_rules){.idle = 1}));
	assert_false(key_rules_none(&(struct key_rules){.local_only = true}));
}

static void test_addition(void **state)
{
	static const uint8_t frame[] = {
	    0, 0, 0, 18, CTL_ADD, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 3, 'k', 'e', 'y'};
	const struct key_rules rules = {.confirm = CONFIRM_FORWARDED, .idle = 9};
	struct key_rules got = {0};
	struct bytes message = BYTES_NONE;
	struct builder b = {0};
	size_t body = sizeof(frame) - 5;

	(void)state;
	ctl_add_build(&b, &rules, bytes_str("key"));
	assert_int_equal(b.len, sizeof(frame));
	assert_memory_equal(b.data, frame, sizeof(frame));
	builder_clear(&b);
	for (size_t n = 0; n < body; n++)
		assert_int_not_equal(ctl_add_parse(BYTES(frame + 5, n), &got, &message), ERR_OK);
	assert_int_equal(message.len, 0);
	assert_int_equal(ctl_add_parse(BYTES(frame + 5, body), &got, &message), ERR_OK);
	assert_true(bytes_is(message, "key"));
	assert_true(got.confirm == CONFIRM_FORWARDED && got.idle == 9 && !got.local_only);
	assert_int_equal(
	    ctl_add_parse(BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0x", 15), &got, &message), ERR_SURPLUS);
}

static void test_answers(void **state)
{
	static const uint8_t done[] = {0, 0, 0, 1, CTL_DONE};
	static const uint8_t failure[] = {0, 0, 0, 7, CTL_FAILURE, 0, 0, 0, 2, 'n', 'o'};
	struct bytes reason = BYTES_NONE;
	struct builder b = {0};

	(void)state;
	ctl_done_build(&b);
	ctl_failure_build(&b, "no");
	assert_int_equal(b.len, sizeof(done) + sizeof(failure));
	assert_memory_equal(b.data, done, sizeof(done));
	assert_memory_equal(b.data + sizeof(done), failure, sizeof(failure));
	builder_clear(&b);
	assert_int_equal(ctl_done_parse(BYTES(done + 4, 1), &reason), ERR_OK);
	assert_int_equal(ctl_done_parse(BYTES(failure + 4, 7), &reason), ERR_REFUSED);
	assert_true(bytes_is(reason, "no"));
	assert_int_equal(ctl_done_parse(BYTES_NONE, &reason), ERR_TRUNCATED);
	assert_int_equal(ctl_done_parse(BYTES("\11\0", 2), &reason), ERR_SURPLUS);
	assert_int_equal(ctl_done_parse(BYTES("\6", 1), &reason), ERR_REPLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_words_that_are_none),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_bytes_that_are_no_rules),
	    cmocka_unit_test(test_none_means_none),
	    cmocka_unit_test(test_addition),
	    cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
