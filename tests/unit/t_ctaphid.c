/* CTAPHID: messages in reports, channels, keep-alives, errors: CTAP 2.1, section 11.2. */
#include <string.h>

#include "proto/base/mem.h"
#include "tests/support/base_test.h"
#include "tests/virtual/ctaphid.h"

enum {
	REPORTS = 1300,
	FIRST = 0x51470001, /* the channels that it gives out, in their order */
	SECOND = 0x51470002,
	ALL = -1,
};

/* A key at a cable, and what came out of it. */
struct cable {
	struct authenticator *key;
	struct ctaphid hid;
	uint8_t out[REPORTS][64];
	size_t n;
	uint64_t now;
};

static void collect(void *arg, const uint8_t *report)
{
	struct cable *c = arg;

	assert_in_range(c->n, 0, REPORTS - 1);
	memcpy(c->out[c->n++], report, 64);
}

static struct cable *plug_in(const struct authenticator_options *o)
{
	struct cable *c = mem_alloc(sizeof(*c));

	assert_non_null(c);
	assert_int_equal(authenticator_new(o, &c->key), ERR_OK);
	ctaphid_init(&c->hid, c->key, collect, c);
	c->now = 1000;
	return c;
}

static int setup(void **state)
{
	struct authenticator_options o;

	authenticator_options_default(&o);
	*state = plug_in(&o);
	return 0;
}

static int teardown(void **state)
{
	struct cable *c = *state;

	authenticator_free(c->key);
	mem_free(c);
	return 0;
}

/* --- a client that writes each report byte by byte ------------------------- */

static void header(uint8_t *report, uint32_t channel)
{
	for (int i = 0; i < 4; i++)
		report[i] = (uint8_t)(channel >> (24 - 8 * i));
}

static void give_first(
    struct cable *c, uint32_t channel, uint8_t command, size_t len, const void *data)
{
	uint8_t report[64] = {0};

	header(report, channel);
	report[4] = 0x80 | command;
	report[5] = (uint8_t)(len / 256);
	report[6] = (uint8_t)(len % 256);
	if (len != 0 && data != NULL)
		memcpy(report + 7, data, len < 57 ? len : 57);
	ctaphid_receive(&c->hid, report, c->now);
}

static void give_next(
    struct cable *c, uint32_t channel, uint8_t sequence, size_t len, const void *data)
{
	uint8_t report[64] = {0};

	header(report, channel);
	report[4] = sequence;
	if (len != 0)
		memcpy(report + 5, data, len < 59 ? len : 59);
	ctaphid_receive(&c->hid, report, c->now);
}

static void give(struct cable *c, uint32_t channel, uint8_t command, size_t len, const void *data)
{
	const uint8_t *p = data;
	uint8_t sequence = 0;

	give_first(c, channel, command, len, data);
	for (size_t done = 57; done < len; done += 59)
		give_next(c, channel, sequence++, len - done, p + done);
	assert_true(ctaphid_step(&c->hid, c->now));
}

static void later(struct cable *c, uint64_t ms)
{
	c->now += ms;
	assert_true(ctaphid_step(&c->hid, c->now));
}

static void open_channels(struct cable *c, int n)
{
	while (n-- > 0)
		give(c, (uint32_t)ALL, 0x06, 8, "nonce...");
	c->n = 0;
}

/* The one report that came is exactly this: a message in one report, the rest of it zeros. */
static void expect(struct cable *c, uint32_t channel, uint8_t command, size_t len, const void *data)
{
	uint8_t report[64] = {0};

	header(report, channel);
	report[4] = 0x80 | command;
	report[6] = (uint8_t)len;
	memcpy(report + 7, data, len);
	assert_int_equal(c->n, 1);
	assert_memory_equal(c->out[0], report, 64);
	c->n = 0;
}

static void expect_error(struct cable *c, uint32_t channel, uint8_t error)
{
	expect(c, channel, 0x3f, 1, &error);
}

static void expect_nothing(const struct cable *c)
{
	assert_int_equal(c->n, 0);
}

/* The message in the reports that came, each of which must be right. */
static size_t collected(struct cable *c, uint32_t channel, uint8_t command, uint8_t *out)
{
	uint8_t head[4];
	size_t len = (size_t)c->out[0][5] * 256 + c->out[0][6], done = len < 57 ? len : 57;

	header(head, channel);
	assert_true(c->n > 0);
	assert_memory_equal(c->out[0], head, 4);
	assert_int_equal(c->out[0][4], 0x80 | command);
	memcpy(out, c->out[0] + 7, done);
	for (size_t i = 1; i < c->n; i++) {
		size_t n = len - done < 59 ? len - done : 59;

		assert_memory_equal(c->out[i], head, 4);
		assert_int_equal(c->out[i][4], (i - 1) % 128);
		memcpy(out + done, c->out[i] + 5, n);
		done += n;
	}
	assert_int_equal(done, len);
	c->n = 0;
	return len;
}

static const uint8_t selection[] = {0x0b}, up_needed[] = {2}, processing[] = {1}, success[] = {0};

/* --- channels ------------------------------------------------------------- */

static void test_init_gives_a_channel(void **state)
{
	struct cable *c = *state;

	give(c, (uint32_t)ALL, 0x06, 8, "\1\2\3\4\5\6\7\x08");
	expect(c, (uint32_t)ALL, 0x06, 17, "\1\2\3\4\5\6\7\x08\x51\x47\0\1\2\1\0\0\5");
	give(c, (uint32_t)ALL, 0x06, 8, "abcdefgh");
	expect(c, (uint32_t)ALL, 0x06, 17, "abcdefgh\x51\x47\0\2\2\1\0\0\5");
}

static void test_init_without_a_nonce_is_refused(void **state)
{
	struct cable *c = *state;

	give(c, (uint32_t)ALL, 0x06, 7, "abcdefg");
	expect_error(c, (uint32_t)ALL, 0x03);
	give_first(c, (uint32_t)ALL, 0x06, 9, "abcdefghi");
	expect_error(c, (uint32_t)ALL, 0x03);
}

static void test_channels_nobody_has(void **state)
{
	static const uint32_t none[] = {0, 1, FIRST - 1, FIRST + 1, (uint32_t)ALL};
	struct cable *c = *state;

	open_channels(c, 1);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		give(c, none[i], 0x01, 1, "x");
		expect_error(c, none[i], 0x0b);
	}
	give(c, 0, 0x06, 8, "abcdefgh");
	expect_error(c, 0, 0x0b);
	give(c, FIRST, 0x01, 1, "x");
	expect(c, FIRST, 0x01, 1, "x");
}

static void test_capabilities(void **state)
{
	struct authenticator_options o;
	struct cable *c;

	(void)state;
	authenticator_options_default(&o);
	for (int i = 0; i < 2; i++) {
		o.ctap2 = i == 0;
		o.u2f = i == 1;
		c = plug_in(&o);
		give(c, (uint32_t)ALL, 0x06, 8, "abcdefgh");
		expect(c, (uint32_t)ALL, 0x06, 17,
		    i == 0 ? "abcdefgh\x51\x47\0\1\2\1\0\0\xd" : "abcdefgh\x51\x47\0\1\2\1\0\0\1");
		give(c, FIRST, i == 0 ? 0x03 : 0x10, 1, "\4");
		expect_error(c, FIRST, 0x01);
		teardown((void **)&c);
	}
}

/* --- messages in reports -------------------------------------------------- */

static void test_reports_of_a_message(void **state)
{
	static const char text[] = "123456789 123456789 123456789 123456789 123456789 12345678";
	struct cable *c = *state;
	uint8_t wanted[2][64] = {
	    {0x51, 0x47, 0, 1, 0x81, 0, 58},
	    {0x51, 0x47, 0, 1, 0, '8'},
	};

	open_channels(c, 1);
	memcpy(wanted[0] + 7, text, 57);
	give(c, FIRST, 0x01, 58, text);
	assert_int_equal(c->n, 2);
	assert_memory_equal(c->out[0], wanted[0], 64);
	assert_memory_equal(c->out[1], wanted[1], 64);
}

static void test_ping_of_every_shape(void **state)
{
	static const size_t lengths[] = {
	    0, 1, 56, 57, 58, 57 + 59, 57 + 59 + 1, 57 + 127 * 59, 7608, 7609};
	static uint8_t sent[7609], back[65536];
	struct cable *c = *state;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 256);
	open_channels(c, 1);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		give(c, FIRST, 0x01, lengths[i], sent);
		assert_int_equal(collected(c, FIRST, 0x01, back), lengths[i]);
		assert_memory_equal(back, sent, lengths[i]);
	}
}

static void test_too_long_to_be_told(void **state)
{
	struct cable *c = *state;

	open_channels(c, 1);
	give_first(c, FIRST, 0x01, 7610, NULL);
	expect_error(c, FIRST, 0x03);
	give_next(c, FIRST, 0, 1, "x");
	expect_nothing(c);
	give(c, FIRST, 0x01, 1, "x");
	expect(c, FIRST, 0x01, 1, "x");
}

static void test_reports_out_of_order(void **state)
{
	struct cable *c = *state;
	uint8_t data[200] = {0};

	open_channels(c, 1);
	give_next(c, FIRST, 0, 1, "x");
	expect_nothing(c);
	give_first(c, FIRST, 0x01, 200, data);
	give_next(c, FIRST, 1, 59, data);
	expect_error(c, FIRST, 0x04);
	give_next(c, FIRST, 0, 59, data);
	expect_nothing(c);
	give_first(c, FIRST, 0x01, 200, data);
	give_next(c, FIRST, 0, 59, data);
	give_next(c, FIRST, 0, 59, data);
	expect_error(c, FIRST, 0x04);
	/* A new message before the old one's end ends that one and is none itself. */
	give_first(c, FIRST, 0x01, 200, data);
	give_first(c, FIRST, 0x01, 1, "x");
	expect_error(c, FIRST, 0x04);
	give_next(c, FIRST, 0, 59, data);
	expect_nothing(c);
	give(c, FIRST, 0x01, 1, "x");
	expect(c, FIRST, 0x01, 1, "x");
}

static void test_other_channels_wait(void **state)
{
	struct cable *c = *state;
	uint8_t data[100] = "hundred";

	open_channels(c, 2);
	give_first(c, FIRST, 0x01, 100, data);
	give_first(c, SECOND, 0x01, 1, "x");
	expect_error(c, SECOND, 0x06);
	give_next(c, SECOND, 0, 59, data);
	expect_nothing(c);
	give_next(c, FIRST, 0, 43, data + 57);
	assert_int_equal(c->n, 2);
	assert_memory_equal(c->out[0] + 7, data, 57);
}

static void test_message_that_does_not_end(void **state)
{
	struct cable *c = *state;
	uint8_t data[200] = {0};

	open_channels(c, 1);
	assert_int_equal(ctaphid_wait(&c->hid, c->now), -1);
	give_first(c, FIRST, 0x01, 200, data);
	assert_int_equal(ctaphid_wait(&c->hid, c->now), 500);
	later(c, 499);
	expect_nothing(c);
	give_next(c, FIRST, 0, 59, data);
	later(c, 499);
	expect_nothing(c);
	assert_int_equal(ctaphid_wait(&c->hid, c->now), 1);
	later(c, 1);
	expect_error(c, FIRST, 0x05);
	assert_int_equal(ctaphid_wait(&c->hid, c->now), -1);
	give_next(c, FIRST, 1, 59, data);
	expect_nothing(c);
}

static void test_init_starts_a_channel_afresh(void **state)
{
	struct cable *c = *state;
	uint8_t data[100] = {0};

	open_channels(c, 2);
	give_first(c, FIRST, 0x01, 100, data);
	/* Another channel's, or a new one, changes nothing here. */
	give_first(c, SECOND, 0x06, 8, "abcdefgh");
	expect(c, SECOND, 0x06, 17, "abcdefgh\x51\x47\0\2\2\1\0\0\5");
	give_first(c, (uint32_t)ALL, 0x06, 8, "abcdefgh");
	expect(c, (uint32_t)ALL, 0x06, 17, "abcdefgh\x51\x47\0\3\2\1\0\0\5");
	give_next(c, FIRST, 0, 43, data);
	assert_int_equal(c->n, 2);
	c->n = 0;
	give_first(c, FIRST, 0x01, 100, data);
	give_first(c, FIRST, 0x06, 8, "abcdefgh");
	expect(c, FIRST, 0x06, 17, "abcdefgh\x51\x47\0\1\2\1\0\0\5");
	give_next(c, FIRST, 0, 43, data);
	expect_nothing(c);
	give(c, SECOND, 0x01, 1, "x");
	expect(c, SECOND, 0x01, 1, "x");
}

/* --- commands ------------------------------------------------------------- */

static void test_commands_that_there_are_not(void **state)
{
	static const uint8_t unknown[] = {0x00, 0x02, 0x04, 0x05, 0x3b, 0x3f, 0x40, 0x7f};
	struct cable *c = *state;

	open_channels(c, 1);
	for (size_t i = 0; i < sizeof(unknown); i++) {
		give(c, FIRST, unknown[i], 1, "x");
		expect_error(c, FIRST, 0x01);
	}
	give(c, FIRST, 0x10, 0, NULL);
	expect_error(c, FIRST, 0x03);
	give(c, FIRST, 0x08, 1, "x");
	expect_error(c, FIRST, 0x03);
	give(c, FIRST, 0x08, 0, NULL);
	expect(c, FIRST, 0x08, 0, "");
}

static void test_u2f(void **state)
{
	struct cable *c = *state;

	open_channels(c, 1);
	give(c, FIRST, 0x03, 7, "\0\3\0\0\0\0\0");
	expect(c, FIRST, 0x03, 8, "U2F_V2\x90\0");
}

/* getInfo: status 0, then a map that names its versions. */
static void test_ctap2(void **state)
{
	static const uint8_t get_info[] = {0x04};
	static uint8_t back[65536];
	struct cable *c = *state;
	size_t n;

	open_channels(c, 1);
	give(c, FIRST, 0x10, 1, get_info);
	n = collected(c, FIRST, 0x10, back);
	assert_int_equal(back[0], 0);
	assert_non_null(memmem(back, n, "FIDO_2_0", 8));
}

static void test_waiting_for_a_touch(void **state)
{
	struct cable *c = *state;

	open_channels(c, 2);
	give(c, FIRST, 0x10, 1, selection);
	expect(c, FIRST, 0x3b, 1, up_needed);
	assert_in_range(ctaphid_wait(&c->hid, c->now), 1, 100);
	for (int i = 0; i < 3; i++) {
		later(c, 99);
		expect_nothing(c);
		later(c, 1);
		expect(c, FIRST, 0x3b, 1, up_needed);
	}
	give(c, SECOND, 0x10, 1, selection);
	expect_error(c, SECOND, 0x06);
	give(c, FIRST, 0x01, 1, "x");
	expect_error(c, FIRST, 0x06);
	give_next(c, FIRST, 0, 1, "x");
	expect_nothing(c);
	authenticator_touch(c->key);
	later(c, 1);
	expect(c, FIRST, 0x10, 1, success);
	later(c, 1000);
	expect_nothing(c);
	assert_int_equal(ctaphid_wait(&c->hid, c->now), -1);
}

static void test_working_for_ever(void **state)
{
	struct cable *c = *state;
	/* getNextAssertion counts as an operation. */
	static const uint8_t next[] = {0x08};

	open_channels(c, 1);
	authenticator_set_mode(c->key, AUTHENTICATOR_NEVER, 0);
	give(c, FIRST, 0x10, 1, next);
	expect(c, FIRST, 0x3b, 1, processing);
	later(c, 100);
	expect(c, FIRST, 0x3b, 1, processing);
}

static void test_cancel(void **state)
{
	static const uint8_t cancelled[] = {0x2d};
	struct cable *c = *state;

	open_channels(c, 2);
	give(c, FIRST, 0x11, 0, NULL);
	expect_nothing(c);
	give(c, FIRST, 0x10, 1, selection);
	expect(c, FIRST, 0x3b, 1, up_needed);
	give(c, SECOND, 0x11, 0, NULL);
	later(c, 1);
	expect_nothing(c);
	give(c, FIRST, 0x11, 0, NULL);
	expect(c, FIRST, 0x10, 1, cancelled);
}

static void test_init_drops_what_waits(void **state)
{
	struct authenticator_status status;
	struct cable *c = *state;

	open_channels(c, 1);
	give(c, FIRST, 0x10, 1, selection);
	c->n = 0;
	give(c, (uint32_t)ALL, 0x06, 8, "abcdefgh");
	expect(c, (uint32_t)ALL, 0x06, 17, "abcdefgh\x51\x47\0\2\2\1\0\0\5");
	later(c, 100);
	expect(c, FIRST, 0x3b, 1, up_needed);
	give(c, FIRST, 0x06, 8, "abcdefgh");
	expect(c, FIRST, 0x06, 17, "abcdefgh\x51\x47\0\1\2\1\0\0\5");
	later(c, 1000);
	expect_nothing(c);
	authenticator_status(c->key, c->now, &status);
	assert_false(status.waiting);
	give(c, SECOND, 0x10, 1, selection);
	expect(c, SECOND, 0x3b, 1, up_needed);
}

static void test_key_that_falls_off(void **state)
{
	struct cable *c = *state;

	open_channels(c, 1);
	authenticator_set_mode(c->key, AUTHENTICATOR_DIE, 1);
	give_first(c, FIRST, 0x10, 1, selection);
	assert_false(ctaphid_step(&c->hid, c->now));
	expect_nothing(c);
}

/* What a key cannot answer by the rules goes out all the same, as long as its length can be told.
 */
static void test_answer_that_is_too_long(void **state)
{
	static const uint8_t next[] = {0x08};
	static uint8_t back[65536];
	struct cable *c = *state;

	open_channels(c, 1);
	authenticator_set_mode(c->key, AUTHENTICATOR_LONG, 0);
	give(c, FIRST, 0x10, 1, next);
	assert_in_range(collected(c, FIRST, 0x10, back), 65536 - 64, 65535);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    EACH(test_init_gives_a_channel),
	    EACH(test_init_without_a_nonce_is_refused),
	    EACH(test_channels_nobody_has),
	    cmocka_unit_test(test_capabilities),
	    EACH(test_reports_of_a_message),
	    EACH(test_ping_of_every_shape),
	    EACH(test_too_long_to_be_told),
	    EACH(test_reports_out_of_order),
	    EACH(test_other_channels_wait),
	    EACH(test_message_that_does_not_end),
	    EACH(test_init_starts_a_channel_afresh),
	    EACH(test_commands_that_there_are_not),
	    EACH(test_u2f),
	    EACH(test_ctap2),
	    EACH(test_waiting_for_a_touch),
	    EACH(test_working_for_ever),
	    EACH(test_cancel),
	    EACH(test_init_drops_what_waits),
	    EACH(test_key_that_falls_off),
	    EACH(test_answer_that_is_too_long),
	};
#undef EACH

	return cmocka_run_group_tests(tests, NULL, NULL);
}
