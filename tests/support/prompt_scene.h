/* Questions to a person, with the test as supervisor and as helper. */
#ifndef TESTS_PROMPT_SCENE_H
#define TESTS_PROMPT_SCENE_H

#include "tests/support/base_test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/outbox.h"
#include "agent/prompt.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"

enum { CORE, SUPERVISOR };

#define QUESTION "Allow use of key?"

struct scene {
	struct calls helpers;
	struct prompts prompts;
	int channel[2];
	struct watch core_end;
	struct outbox outbox;
	int helper; /* the helper's end of its socket, or -1 */
	unsigned calls;
	enum err result;
	char answer[64];
	size_t open_before;
};

static inline int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->open_before = base_open_count();
	s->helper = -1;
	s->helpers.loop = loop_new();
	if (s->helpers.loop == NULL || channel_pair(s->channel) != ERR_OK)
		return -1;
	if (fd_nonblock(s->channel[SUPERVISOR]) != ERR_OK)
		return -1;
	s->core_end.fd = s->channel[CORE];
	s->outbox.channel = &s->core_end;
	s->helpers.outbox = &s->outbox;
	s->prompts.calls = &s->helpers;
	*state = s;
	return 0;
}

static inline void done(void *ctx, enum err result, struct bytes answer)
{
	struct scene *s = ctx;

	s->calls++;
	s->result = result;
	assert_true(answer.len < sizeof(s->answer));
	if (answer.len != 0)
		memcpy(s->answer, answer.data, answer.len);
}

struct tick {
	struct task task;
	const struct scene *scene;
	uint64_t until;
	unsigned calls;
};

/* No timer, for which the loop would sleep in the machine's time, not in ours. */
static inline void tick(struct task *task)
{
	struct tick *t = (struct tick *)(void *)task;
	struct loop *loop = t->scene->helpers.loop;

	if (t->scene->calls != t->calls || clock_now() >= t->until)
		loop_stop(loop);
	else
		loop_post(loop, task);
}

/* Let the loop do what is to be done, until done() or for so many milliseconds. */
static inline void run(const struct scene *s, uint64_t ms)
{
	struct tick t = {{.run = tick}, s, clock_now() + ms, s->calls};

	loop_post(s->helpers.loop, &t.task);
	loop_run(s->helpers.loop);
}

/* After every test, once its helper has ended: no prompt and no descriptor is left. */
static inline int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	fd_close(&s->helper);
	for (unsigned i = 0; i < 20; i++)
		run(s, 0);
	good = s->prompts.open == 0 && s->prompts.first == NULL && s->helpers.open == 0;
	clock_replace(NULL, NULL);
	loop_free(s->helpers.loop);
	fd_close(&s->channel[CORE]);
	fd_close(&s->channel[SUPERVISOR]);
	good = good && base_open_count() == s->open_before;
	free(s);
	return good ? 0 : -1;
}

/* A question with kind and text alone. */
static inline struct prompt *ask_text(struct prompts *ps, enum askpass_kind kind, struct bytes text,
    void (*told)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	struct helper_ask ask = {.kind = (uint8_t)kind, .text = text};

	return prompt_ask(ps, &ask, told, ctx);
}

static inline struct prompt *ask(struct scene *s)
{
	struct prompt *p = ask_text(&s->prompts, ASKPASS_CONFIRM, bytes_str(QUESTION), done, s);

	assert_non_null(p);
	return p;
}

/* The supervisor's part: which helper the core asks for, by number.  Those that it wants ended were
 * never started. */
static inline uint32_t hear_start(const struct scene *s)
{
	struct channel_message m;
	int fd;

	do
		assert_int_equal(channel_receive(s->channel[SUPERVISOR], &m, &fd), ERR_OK);
	while (m.kind == CHANNEL_END);
	assert_int_equal(m.kind, CHANNEL_START);
	assert_int_equal(m.arg, HELPER_PROMPT);
	assert_int_equal(fd, -1);
	return m.id;
}

/* The core's end of a fresh helper's socket; ours is s->helper. */
static inline int helper_socket(struct scene *s)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	s->helper = ends[1];
	return ends[0];
}

/* Ask, start the helper, and read the question as it would. */
static inline struct prompt *ask_helper(struct scene *s)
{
	struct prompt *p = ask(s);
	uint8_t room[512];
	struct bytes message;
	struct helper_ask m;
	ssize_t n;

	calls_started(&s->helpers, hear_start(s), helper_socket(s));
	assert_int_equal(s->calls, 0);
	n = recv(s->helper, room, sizeof(room), MSG_DONTWAIT);
	assert_true(n > 0);
	assert_int_equal(frame_next(BYTES(room, n), LIMIT_HELPER_MESSAGE, &message), FRAME_READY);
	assert_int_equal(message.len + FRAME_HEADER, n);
	assert_int_equal(helper_ask_parse(message, &m), ERR_OK);
	assert_int_equal(m.kind, ASKPASS_CONFIRM);
	assert_true(bytes_is(m.text, QUESTION));
	return p;
}

static inline void say(const struct scene *s, const void *p, size_t n)
{
	assert_int_equal(send(s->helper, p, n, MSG_NOSIGNAL), n);
}

static inline void expect(const struct scene *s, enum err result)
{
	if (s->calls == 0)
		run(s, BASE_PATIENCE);
	assert_int_equal(s->calls, 1);
	assert_string_equal(err_text(s->result), err_text(result));
}

/* Written out by hand: length, version 2, kind 2, result, string answer. */
#define YES    "\0\0\0\7\2\2\0\0\0\0\0"
#define SECRET "\0\0\0\12\2\2\0\0\0\0\3abc"

static inline void expect_let_go(struct scene *s, uint32_t id)
{
	int ends[2];
	uint8_t byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	calls_started(&s->helpers, id, ends[0]);
	assert_int_equal(recv(ends[1], &byte, 1, MSG_DONTWAIT), 0);
	close(ends[1]);
}

/* A clock on which half a second passes with each look at it. */
static uint64_t fake_now;

static inline uint64_t fake_clock(void)
{
	return fake_now += 500;
}

static inline void start_fake_clock(void)
{
	fake_now = 1000000;
	clock_replace(fake_clock, NULL);
}

/* True when the core has nothing more to say. */
static inline bool is_silent(const struct scene *s)
{
	uint8_t byte;

	return recv(s->channel[SUPERVISOR], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
