/* Messages of the control protocol. */
#include "tests/support/base_test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/ctlview.h"

/* ctlmsg.h by hand: number, version, after. */
static const uint8_t page[] = {0, 0, 0, 10, CTL_LOG, 1, 0, 0, 0, 0, 0, 0, 1, 2};

/* One record of two pairs: number 5, a "b". */
static const uint8_t answer[] = {CTL_RECORDS, 1, 0, 0, 0, 25, 0, 0, 0, 6, 'n', 'u', 'm', 'b', 'e',
    'r', 0, 0, 0, 1, '5', 0, 0, 0, 1, 'a', 0, 0, 0, 1, 'b'};

static void test_page(void **state)
{
	struct builder b = {0};
	uint64_t after = 99;

	(void)state;
	ctl_page_build(&b, CTL_LOG, 258);
	assert_int_equal(b.len, sizeof(page));
	assert_memory_equal(b.data, page, sizeof(page));
	builder_clear(&b);
	assert_int_equal(ctl_page_parse(BYTES(page + 5, 9), &after), ERR_OK);
	assert_int_equal(after, 258);
	for (size_t n = 0; n < 9; n++)
		assert_int_not_equal(ctl_page_parse(BYTES(page + 5, n), &after), ERR_OK);
	assert_int_equal(ctl_page_parse(BYTES("\1\0\0\0\0\0\0\0\0\0", 10), &after), ERR_SURPLUS);
	assert_int_equal(ctl_page_parse(BYTES("\2\0\0\0\0\0\0\0\0", 9), &after), ERR_VERSION);
	assert_int_equal(after, 258);
}

static void test_records(void **state)
{
	struct reader records, pairs;
	struct bytes reason, value;
	uint64_t number;
	bool more;

	(void)state;
	assert_int_equal(
	    ctl_records_parse(BYTES(answer, sizeof(answer)), &records, &reason), ERR_OK);
	assert_int_equal(ctl_record_next(&records, &more, &pairs), ERR_OK);
	assert_true(more);
	assert_int_equal(ctl_record_number(pairs, &number), ERR_OK);
	assert_int_equal(number, 5);
	assert_true(ctl_value(pairs, "a", &value));
	assert_true(bytes_is(value, "b"));
	assert_false(ctl_value(pairs, "b", &value));
	assert_int_equal(ctl_record_next(&records, &more, &pairs), ERR_OK);
	assert_false(more);
}

static void test_cut_records_are_errors(void **state)
{
	struct reader records, pairs;
	struct bytes reason;
	bool more;

	(void)state;
	for (size_t n = 3; n < sizeof(answer); n++) {
		assert_int_equal(ctl_records_parse(BYTES(answer, n), &records, &reason), ERR_OK);
		assert_int_not_equal(ctl_record_next(&records, &more, &pairs), ERR_OK);
	}
}

static void test_other_answers(void **state)
{
	struct reader records;
	struct bytes reason = BYTES_NONE;

	(void)state;
	assert_int_equal(
	    ctl_records_parse(BYTES("\3\0\0\0\2no", 7), &records, &reason), ERR_REFUSED);
	assert_true(bytes_is(reason, "no"));
	assert_int_equal(
	    ctl_records_parse(BYTES("\3\0\0\0\3no", 7), &records, &reason), ERR_TRUNCATED);
	assert_int_equal(
	    ctl_records_parse(BYTES("\3\0\0\0\1no", 7), &records, &reason), ERR_SURPLUS);
	assert_int_equal(ctl_records_parse(BYTES("\2", 1), &records, &reason), ERR_REPLY);
	assert_int_equal(ctl_records_parse(BYTES("\7\2", 2), &records, &reason), ERR_VERSION);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {"", "-1", "1x", "99999999999999999999"};
	uint64_t number = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct builder b = {0};

		ctl_pair_build(&b, "number", bad[i]);
		assert_int_equal(
		    ctl_record_number(reader_of(builder_view(&b)), &number), ERR_REPLY);
		builder_clear(&b);
	}
	assert_int_equal(number, 7);
	assert_int_equal(ctl_record_number(reader_of(BYTES_NONE), &number), ERR_REPLY);
}

/* An addition to confirm always, local only (rules.h), and its message. */
static void test_addition_of_a_token(void **state)
{
	const struct key_rules rules = {.confirm = CONFIRM_ALWAYS, .local_only = true};
	struct key_rules read = {0};
	struct builder key = {0}, token = {0};
	struct bytes message = BYTES_NONE;

	(void)state;
	ctl_add_build(&key, &rules, bytes_str("abc"));
	ctl_add_token_build(&token, &rules, bytes_str("abc"));
	assert_int_equal(token.len, key.len);
	assert_int_equal(token.data[4], CTL_ADD_TOKEN);
	key.data[4] = CTL_ADD_TOKEN;
	assert_memory_equal(token.data, key.data, key.len);
	assert_memory_equal(token.data + token.len - 7, "\0\0\0\3abc", 7);
	assert_int_equal(
	    ctl_add_parse(BYTES(token.data + 5, token.len - 5), &read, &message), ERR_OK);
	assert_true(bytes_is(message, "abc"));
	assert_int_equal(read.confirm, CONFIRM_ALWAYS);
	assert_true(read.local_only);
	builder_clear(&key);
	builder_clear(&token);
}

/* ctlmsg.h by hand: a certificate blob of two bytes. */
static const uint8_t certificate[] = {0, 0, 0, 7, CTL_CERTIFICATE, 0, 0, 0, 2, 'c', 0};

static void test_certificate(void **state)
{
	struct bytes body = BYTES(certificate + 5, sizeof(certificate) - 5);
	struct bytes cert = BYTES_NONE;
	struct builder b = {0};

	(void)state;
	ctl_certificate_build(&b, BYTES("c", 2));
	assert_int_equal(b.len, sizeof(certificate));
	assert_memory_equal(b.data, certificate, sizeof(certificate));
	builder_clear(&b);
	for (size_t n = 0; n < body.len; n++)
		assert_int_equal(ctl_certificate_parse(BYTES(body.data, n), &cert), ERR_TRUNCATED);
	assert_int_equal(ctl_certificate_parse(BYTES("\0\0\0\1cx", 6), &cert), ERR_SURPLUS);
	assert_int_equal(cert.len, 0);
	assert_int_equal(ctl_certificate_parse(body, &cert), ERR_OK);
	assert_ptr_equal(cert.data, certificate + 9);
	assert_int_equal(cert.len, 2);
}

/* ctlmsg.h by hand: two variables in one string. */
static const uint8_t environment[] = {0, 0, 0, 37, CTL_ENVIRONMENT, 0, 0, 0, 32, 0, 0, 0, 10, 'D',
    'I', 'S', 'P', 'L', 'A', 'Y', '=', ':', '1', 0, 0, 0, 14, 'S', 'S', 'H', '_', 'A', 'S', 'K',
    'P', 'A', 'S', 'S', '=', '/', 'a'};

static void test_environment(void **state)
{
	struct bytes body = BYTES(environment + 5, sizeof(environment) - 5);
	struct bytes all = BYTES_NONE;
	struct builder b = {0};

	(void)state;
	assert_int_equal(ctl_environment_parse(body, &all), ERR_OK);
	assert_ptr_equal(all.data, environment + 9);
	assert_int_equal(all.len, 32);
	ctl_environment_build(&b, all);
	assert_int_equal(b.len, sizeof(environment));
	assert_memory_equal(b.data, environment, sizeof(environment));
	builder_clear(&b);
	all = BYTES_NONE;
	for (size_t n = 0; n < body.len; n++)
		assert_int_not_equal(ctl_environment_parse(BYTES(body.data, n), &all), ERR_OK);
	assert_int_equal(ctl_environment_parse(BYTES("\0\0\0\0\0", 5), &all), ERR_SURPLUS);
	assert_int_equal(all.len, 0);
	assert_int_equal(ctl_environment_parse(BYTES("\0\0\0\0", 4), &all), ERR_OK);
}

/* What ctl_environment_parse says to these variables. */
static enum err told(const char *const *variables, size_t n)
{
	struct builder inner = {0}, frame = {0};
	struct bytes all;
	enum err e;

	for (size_t i = 0; i < n; i++)
		builder_cstring(&inner, variables[i]);
	ctl_environment_build(&frame, builder_view(&inner));
	e = ctl_environment_parse(BYTES(frame.data + 5, frame.len - 5), &all);
	builder_clear(&inner);
	builder_clear(&frame);
	return e;
}

static void test_environment_takes_display_variables_once(void **state)
{
	static const char *const good[] = {"DISPLAY=:1", "XAUTHORITY=/x", "WAYLAND_DISPLAY=w"};
	static const char *const twice[] = {"DISPLAY=:1", "XAUTHORITY=/x", "DISPLAY=:2"};
	static const char *const loader[] = {"DISPLAY=:1", "LD_PRELOAD=/x"};
	static const char *const line[] = {"DISPLAY=:1\nx"};
	static const char *const bare[] = {"DISPLAY"};
	static const char *const relative[] = {"SSH_ASKPASS=bin/askpass"};

	(void)state;
	assert_int_equal(told(good, 3), ERR_OK);
	assert_int_equal(told(twice, 3), ERR_VARIABLE);
	assert_int_equal(told(loader, 2), ERR_VARIABLE);
	assert_int_equal(told(line, 1), ERR_VARIABLE);
	assert_int_equal(told(bare, 1), ERR_VARIABLE);
	assert_int_equal(told(relative, 1), ERR_ASKPASS_PATH);
}

/* What an agent's control socket answered, as the one who asks takes it. */
static enum err asked(struct bytes frame, struct blob *got)
{
	int ends[2];
	enum err e;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(write(ends[1], frame.data, frame.len), frame.len);
	assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
	e = ctl_ask(ends[0], CTL_STATUS, CTL_STATUS_ANSWER, got);
	close(ends[0]);
	close(ends[1]);
	return e;
}

static void test_asking_for_status(void **state)
{
	const uint8_t good[] = {0, 0, 0, 2, CTL_STATUS_ANSWER, 7};
	const uint8_t other[] = {0, 0, 0, 2, CTL_RECORDS, 7};
	struct blob got = {0};
	char longest[256];

	(void)state;
	assert_int_equal(asked(BYTES(good, sizeof(good)), &got), ERR_OK);
	assert_int_equal(got.len, 2);
	assert_int_equal(got.data[1], 7);
	blob_clear(&got);
	assert_int_equal(asked(BYTES(other, sizeof(other)), &got), ERR_REPLY);
	blob_clear(&got);
	assert_int_equal(asked(BYTES("\0\0\0\0", 4), &got), ERR_REPLY);
	blob_clear(&got);
	assert_int_not_equal(asked(BYTES("\xff\0\0\0x", 5), &got), ERR_OK);
	for (size_t n = 0; n < sizeof(good); n++)
		assert_int_equal(asked(BYTES(good, n), &got), ERR_CLOSED);
	blob_clear(&got);
	memset(longest, '/', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(ctl_connect(longest), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_page),
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_cut_records_are_errors),
	    cmocka_unit_test(test_other_answers),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_addition_of_a_token),
	    cmocka_unit_test(test_certificate),
	    cmocka_unit_test(test_environment),
	    cmocka_unit_test(test_environment_takes_display_variables_once),
	    cmocka_unit_test(test_asking_for_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
