/* The life of a helper's call, with this test as supervisor and as helper. */
#include "tests/support/helpers_scene.h"

enum { MOST = 100, TIMEOUT = 5000 };

struct scene {
	struct helpers_scene h;
	struct call *call;
	unsigned messages, ends;
	enum err why;
	char said[256];
	size_t said_len;
	enum { NOTHING, END, FAIL, ABANDON } then; /* what to do on a message */
};

static void message(void *ctx, struct bytes m)
{
	struct scene *s = ctx;

	assert_int_equal(s->ends, 0);
	s->messages++;
	assert_true(s->said_len + m.len < sizeof(s->said));
	memcpy(s->said + s->said_len, m.data, m.len);
	s->said_len += m.len;
	if (s->then == END)
		call_end(s->call, BYTES_NONE);
	if (s->then == FAIL)
		call_fail(s->call, ERR_PIN);
	if (s->then == ABANDON)
		call_abandon(s->call, BYTES_NONE);
}

static void ended(void *ctx, enum err why)
{
	struct scene *s = ctx;

	s->ends++;
	s->why = why;
}

static const struct call_handler handler = {.message = message, .ended = ended, .most = MOST};
static const struct call_handler once = {
    .message = message, .ended = ended, .most = MOST, .once = true};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	scene_open(&s->h);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	bool good = scene_close(&s->h);

	free(s);
	return good ? 0 : -1;
}

#define REQUEST "\0\0\0\2\2\20"
#define CANCEL  "\0\0\0\2\2\30"

static void begin_with(struct scene *s, const struct call_handler *handler_of, struct bytes request)
{
	s->call = call_start(&s->h.calls, HELPER_FIDO, request, TIMEOUT, handler_of, s);
	assert_non_null(s->call);
	assert_int_equal(s->ends, 0);
	settle(&s->h);
}

/* The helper that has the request. */
static struct helper *begin(struct scene *s)
{
	begin_with(s, &handler, BYTES(REQUEST, 6));
	assert_int_equal(s->h.count, 1);
	return s->h.helper[0];
}

static void expect_end(const struct scene *s, enum err why)
{
	assert_int_equal(s->ends, 1);
	assert_string_equal(err_text(s->why), err_text(why));
	assert_int_equal(s->h.calls.open, 0);
}

static void test_request_goes_out_and_messages_come_in(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	assert_int_equal(h->program, HELPER_FIDO);
	assert_true(call_has_helper(s->call));
	assert_memory_equal(h->heard, REQUEST, 6);
	assert_int_equal(h->told, 6);
	helper_say(h, "\0\0\0\1a\0\0\0\2bc\0\0\0\3", 15); /* two glued, and a piece */
	settle(&s->h);
	assert_int_equal(s->messages, 2);
	helper_say(h, "d", 1);
	settle(&s->h);
	assert_int_equal(s->messages, 2);
	helper_say(h, "ef", 2);
	settle(&s->h);
	assert_int_equal(s->messages, 3);
	assert_string_equal(s->said, "abcdef");
	assert_int_equal(s->ends, 0);
	helper_close(h);
	settle(&s->h);
	expect_end(s, ERR_HELPER);
}

static void test_every_byte_alone(void **state)
{
	static const char bytes[] = "\0\0\0\3abc\0\0\0\1d";
	struct scene *s = *state;
	struct helper *h = begin(s);

	for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
		helper_say(h, &bytes[i], 1);
		settle(&s->h);
		assert_int_equal(s->messages, (i >= 6) + (i >= 11));
	}
	assert_string_equal(s->said, "abcd");
}

/* More than one read gives, and more than a socket holds. */
static void test_many_frames_and_a_long_request(void **state)
{
	enum { LONG = 300 * 1024 };
	struct scene *s = *state;
	uint8_t *request = calloc(1, LONG);
	struct helper *h;

	assert_non_null(request);
	begin_with(s, &handler, BYTES(request, LONG));
	free(request);
	h = s->h.helper[0];
	assert_int_equal(h->told, LONG);
	for (unsigned i = 0; i < 200; i++)
		helper_say(h, "\0\0\0\1x", 5);
	settle(&s->h);
	assert_int_equal(s->messages, 200);
	assert_int_equal(s->said_len, 200);
}

static void expect_failure(struct scene *s, const void *p, size_t n, enum err why)
{
	struct helper *h = begin(s);

	helper_say(h, p, n);
	settle(&s->h);
	assert_true(h->hung_up);
	assert_int_equal(s->messages, 0);
	assert_int_equal(s->ends, 0); /* it still runs */
	helper_close(h);
	settle(&s->h);
	expect_end(s, why);
}

static void test_empty_frame(void **state)
{
	expect_failure(*state, "\0\0\0\0", 4, ERR_REPLY);
}

static void test_frame_that_is_too_long(void **state)
{
	expect_failure(*state, "\0\0\0\145", 4, ERR_REPLY);
}

static void test_endless_frame(void **state)
{
	expect_failure(*state, "\377\377\377\377", 4, ERR_REPLY);
}

static void test_longest_frame(void **state)
{
	struct scene *s = *state;
	uint8_t frame[4 + MOST] = {0, 0, 0, MOST};

	helper_say(begin(s), frame, sizeof(frame));
	settle(&s->h);
	assert_int_equal(s->messages, 1);
	assert_int_equal(s->said_len, MOST);
}

static void test_one_message_and_no_more(void **state)
{
	struct scene *s = *state;

	begin_with(s, &once, BYTES(REQUEST, 6));
	helper_say(s->h.helper[0], "\0\0\0\1a\0", 6);
	settle(&s->h);
	assert_int_equal(s->messages, 0);
	helper_close(s->h.helper[0]);
	settle(&s->h);
	expect_end(s, ERR_SURPLUS);
}

static void test_no_message_after_the_end(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	s->then = END;
	helper_say(h, "\0\0\0\1a\0\0\0\1b", 10);
	settle(&s->h);
	assert_int_equal(s->messages, 1);
	assert_true(h->hung_up);
	helper_say(h, "\0\0\0\1c", 5);
	settle(&s->h);
	assert_int_equal(s->messages, 1);
	assert_int_equal(s->ends, 0);
	assert_false(call_has_helper(s->call));
	helper_close(h);
	settle(&s->h);
	expect_end(s, ERR_OK);
	assert_false(h->killed);
}

static void test_failing_within_a_message(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	s->then = FAIL;
	helper_say(h, "\0\0\0\1a\0\0\0\1b", 10);
	settle(&s->h);
	call_end(s->call, BYTES_NONE); /* too late to be fine */
	helper_close(h);
	settle(&s->h);
	assert_int_equal(s->messages, 1);
	expect_end(s, ERR_PIN);
}

static void test_abandoned_within_a_message(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	s->then = ABANDON;
	helper_say(h, "\0\0\0\1a\0\0\0\1b", 10);
	settle(&s->h);
	assert_int_equal(s->h.calls.open, 1);
	helper_close(h);
	settle(&s->h);
	assert_int_equal(s->messages, 1);
	assert_int_equal(s->ends, 0);
	assert_int_equal(s->h.calls.open, 0);
}

static void test_cancel_is_sent(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	call_end(s->call, BYTES(CANCEL, 6));
	assert_int_equal(s->ends, 0);
	settle(&s->h);
	assert_int_equal(h->told, 12);
	assert_memory_equal(h->heard + 6, CANCEL, 6);
	assert_true(h->hung_up);
	helper_close(h);
	settle(&s->h);
	expect_end(s, ERR_OK);
}

/* It would be taken for a part of the request. */
static void test_no_cancel_within_a_request(void **state)
{
	enum { LONG = 300 * 1024 };
	struct scene *s = *state;
	uint8_t *request = calloc(1, LONG);

	assert_non_null(request);
	s->h.slow = true;
	begin_with(s, &handler, BYTES(request, LONG));
	free(request);
	helper_begin(&s->h, s->h.helper[0]);
	assert_true(helper_hear(s->h.helper[0])); /* there is room again */
	call_end(s->call, BYTES(CANCEL, 6));
	settle(&s->h);
	assert_true(s->h.helper[0]->told < LONG);
	assert_int_equal(s->h.helper[0]->last, 0);
	assert_true(s->h.helper[0]->hung_up);
}

static void test_sent_behind_the_request(void **state)
{
	struct scene *s = *state;
	struct helper *h;

	s->h.slow = true;
	begin_with(s, &handler, bytes_str("first "));
	assert_int_equal(call_send(s->call, bytes_str("second ")), ERR_OK);
	helper_begin(&s->h, s->h.helper[0]);
	assert_int_equal(call_send(s->call, bytes_str("third ")), ERR_OK);
	settle(&s->h);
	h = s->h.helper[0];
	assert_int_equal(h->told, 19);
	assert_memory_equal(h->heard, "first second third ", 19);
	call_end(s->call, bytes_str("end"));
	assert_int_equal(call_send(s->call, bytes_str("late")), ERR_OK); /* nothing happens */
	settle(&s->h);
	assert_int_equal(h->told, 22);
	assert_memory_equal(h->heard + 19, "end", 3);
	helper_close(h);
	settle(&s->h);
	expect_end(s, ERR_OK);
}

/* What a helper that does not read is sent is bounded, and comes in order once it does. */
static void test_backlog(void **state)
{
	enum { SIZE = 64 * 1024 };
	struct scene *s = *state;
	uint8_t *block = malloc(SIZE);
	size_t sent = 6;
	struct helper *h;
	enum err e;

	assert_non_null(block);
	h = begin(s);
	for (uint8_t i = 0;; i++) {
		memset(block, i, SIZE);
		e = call_send(s->call, BYTES(block, SIZE));
		if (e != ERR_OK)
			break;
		sent += SIZE;
		assert_true(sent < 2 * LIMIT_CALL_BACKLOG);
	}
	assert_int_equal(e, ERR_LIMIT);
	assert_true(sent > LIMIT_CALL_BACKLOG - SIZE);
	assert_int_equal(s->ends, 0);
	settle(&s->h);
	assert_int_equal(h->told, sent);
	assert_int_equal(h->last, (sent - 6) / SIZE - 1);
	assert_int_equal(call_send(s->call, bytes_str("again")), ERR_OK);
	settle(&s->h);
	assert_int_equal(h->told, sent + 5);
	free(block);
	helper_close(h);
	settle(&s->h);
	expect_end(s, ERR_HELPER);
}

static void test_killed_when_it_does_not_end(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	call_end(s->call, BYTES(CANCEL, 6));
	pass(&s->h, LIMIT_CANCEL_MS - 1);
	assert_false(h->killed);
	assert_int_equal(s->ends, 0);
	pass(&s->h, 1);
	assert_true(h->killed);
	expect_end(s, ERR_OK);
}

/* A child of its own keeps the socket. */
static void test_socket_that_outlives_the_killed(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	h->stubborn = true;
	call_end(s->call, BYTES_NONE);
	pass(&s->h, LIMIT_CANCEL_MS);
	assert_true(h->killed);
	assert_int_equal(s->ends, 0);
	pass(&s->h, LIMIT_CANCEL_MS);
	expect_end(s, ERR_OK);
}

static void test_deadline(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	pass(&s->h, TIMEOUT - 1);
	assert_false(h->hung_up);
	helper_say(h, "\0\0\0\1", 4);
	pass(&s->h, 1);
	assert_true(h->hung_up);
	assert_int_equal(s->ends, 0);
	helper_close(h);
	settle(&s->h);
	expect_end(s, ERR_TIMEOUT);
}

static void test_deadline_of_one_that_hangs(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	pass(&s->h, TIMEOUT);
	pass(&s->h, LIMIT_CANCEL_MS);
	assert_true(h->killed);
	expect_end(s, ERR_TIMEOUT);
}

static void test_no_deadline(void **state)
{
	struct scene *s = *state;

	s->call = call_start(&s->h.calls, HELPER_FIDO, BYTES(REQUEST, 6), 0, &handler, s);
	settle(&s->h);
	pass(&s->h, 86400000);
	assert_int_equal(s->ends, 0);
	assert_false(s->h.helper[0]->hung_up);
	call_abandon(s->call, BYTES_NONE);
	call_abandon(NULL, BYTES_NONE);
}

static void test_that_cannot_be_started(void **state)
{
	struct scene *s = *state;

	s->h.unable = true;
	begin(s);
	expect_end(s, ERR_HELPER_MISSING);
}

static void test_ended_before_it_is_started(void **state)
{
	struct scene *s = *state;

	s->h.slow = true;
	begin_with(s, &handler, BYTES(REQUEST, 6));
	assert_false(call_has_helper(s->call));
	call_end(s->call, BYTES(CANCEL, 6));
	settle(&s->h);
	assert_int_equal(s->ends, 0);
	helper_begin(&s->h, s->h.helper[0]);
	settle(&s->h);
	assert_true(s->h.helper[0]->hung_up);
	assert_int_equal(s->h.helper[0]->told, 0); /* never saw the request */
	helper_close(s->h.helper[0]);
	settle(&s->h);
	expect_end(s, ERR_OK);
}

static void test_supervisor_that_never_answers(void **state)
{
	struct scene *s = *state;

	s->h.slow = true;
	s->call = call_start(&s->h.calls, HELPER_FIDO, BYTES(REQUEST, 6), 0, &handler, s);
	settle(&s->h);
	pass(&s->h, 2 * LIMIT_HELPER_MS);
	assert_true(s->h.helper[0]->killed);
	pass(&s->h, LIMIT_CANCEL_MS);
	expect_end(s, ERR_TIMEOUT);
	helper_begin(&s->h, s->h.helper[0]); /* after all */
	assert_true(helper_hear(s->h.helper[0]));
	assert_true(s->h.helper[0]->hung_up);
	settle(&s->h);
	assert_int_equal(s->ends, 1);
}

/* In line nobody's time runs, and whoever is taken back there never had a process. */
static void test_few_are_started_at_once(void **state)
{
	struct scene *s = *state;
	struct call *calls[20];

	s->h.slow = true;
	for (unsigned i = 0; i < 20; i++)
		calls[i] =
		    call_start(&s->h.calls, HELPER_FIDO, BYTES(REQUEST, 6), 86400000, &handler, s);
	settle(&s->h);
	assert_int_equal(s->h.count, 8);
	call_end(calls[19], BYTES_NONE);
	call_end(calls[9], BYTES_NONE);
	call_end(calls[8], BYTES_NONE);
	assert_int_equal(s->ends, 0);
	helper_begin(&s->h, s->h.helper[3]);
	settle(&s->h);
	assert_int_equal(s->ends, 3);
	assert_int_equal(s->why, ERR_OK);
	assert_int_equal(s->h.count, 9);
	s->h.slow = false;
	for (unsigned i = 0; i < 9; i++) {
		if (!s->h.helper[i]->started)
			helper_begin(&s->h, s->h.helper[i]);
	}
	settle(&s->h);
	assert_int_equal(s->h.count, 17);
	assert_int_equal(s->ends, 3);
}

/* The letter that asks for it is taken back. */
static void test_ended_while_the_channel_is_full(void **state)
{
	struct scene *s = *state;
	struct channel_message m = {.kind = CHANNEL_LOG};
	int fd;

	memset(m.text, 'x', sizeof(m.text) - 1);
	while (channel_send(s->h.channel[CORE], &m, -1) == ERR_OK)
		continue;
	s->call = call_start(&s->h.calls, HELPER_FIDO, BYTES(REQUEST, 6), 0, &handler, s);
	assert_non_null(s->call);
	call_end(s->call, BYTES_NONE);
	scene_turn(&s->h);
	expect_end(s, ERR_OK);
	while (channel_receive(s->h.channel[SUPERVISOR], &m, &fd) == ERR_OK)
		continue;
	outbox_ready(&s->h.outbox);
	settle(&s->h);
	assert_int_equal(s->h.count, 0);
}

static void test_supervisor_that_is_gone(void **state)
{
	struct scene *s = *state;

	fd_close(&s->h.channel[SUPERVISOR]);
	s->call = call_start(&s->h.calls, HELPER_FIDO, BYTES(REQUEST, 6), 0, &handler, s);
	assert_non_null(s->call);
	assert_int_equal(s->ends, 0);
	scene_turn(&s->h);
	expect_end(s, ERR_HELPER_MISSING);
}

static void expect_let_go(struct scene *s, uint32_t id)
{
	int ends[2];
	uint8_t byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	calls_started(&s->h.calls, id, ends[0]);
	assert_int_equal(recv(ends[1], &byte, 1, MSG_DONTWAIT), 0);
	fd_close(&ends[1]);
}

static void test_helpers_that_nobody_asked_for(void **state)
{
	struct scene *s = *state;
	struct helper *h = begin(s);

	expect_let_go(s, h->id);
	expect_let_go(s, h->id + 1);
	calls_started(&s->h.calls, 4711, -1);
	helper_say(h, "\0\0\0\1a", 5);
	settle(&s->h);
	assert_int_equal(s->messages, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_request_goes_out_and_messages_come_in),
	    TEST(test_every_byte_alone),
	    TEST(test_many_frames_and_a_long_request),
	    TEST(test_empty_frame),
	    TEST(test_frame_that_is_too_long),
	    TEST(test_endless_frame),
	    TEST(test_longest_frame),
	    TEST(test_one_message_and_no_more),
	    TEST(test_no_message_after_the_end),
	    TEST(test_failing_within_a_message),
	    TEST(test_abandoned_within_a_message),
	    TEST(test_cancel_is_sent),
	    TEST(test_no_cancel_within_a_request),
	    TEST(test_sent_behind_the_request),
	    TEST(test_backlog),
	    TEST(test_killed_when_it_does_not_end),
	    TEST(test_socket_that_outlives_the_killed),
	    TEST(test_deadline),
	    TEST(test_deadline_of_one_that_hangs),
	    TEST(test_no_deadline),
	    TEST(test_that_cannot_be_started),
	    TEST(test_ended_before_it_is_started),
	    TEST(test_supervisor_that_never_answers),
	    TEST(test_few_are_started_at_once),
	    TEST(test_ended_while_the_channel_is_full),
	    TEST(test_supervisor_that_is_gone),
	    TEST(test_helpers_that_nobody_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
