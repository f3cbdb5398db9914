/* Which refusals are shown, when, and in which words; this test is supervisor and helper. */
#include "tests/support/base_test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/notice.h"
#include "agent/outbox.h"
#include "proto/base/askpass.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/frame.h"
#include "proto/limits.h"

enum { CORE, SUPERVISOR };

struct scene {
	struct calls calls;
	struct prompts prompts;
	struct notices notices;
	int channel[2];
	struct watch core_end;
	struct outbox outbox;
	int helper; /* the helper's end of its socket, or -1 */
	char text[512];
};

/* Timers are rung by the kernel's clock: what is long past for it rings at once. */
enum { SOON_AFTER_BOOT = 1000 };

static uint64_t fake_now;

/* Time goes on by being looked at. */
static uint64_t fake_clock(void)
{
	return fake_now += 100;
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->helper = -1;
	s->calls.loop = loop_new();
	if (s->calls.loop == NULL || channel_pair(s->channel) != ERR_OK)
		return -1;
	if (fd_nonblock(s->channel[SUPERVISOR]) != ERR_OK)
		return -1;
	s->core_end.fd = s->channel[CORE];
	s->outbox.channel = &s->core_end;
	s->calls.outbox = &s->outbox;
	s->prompts.calls = &s->calls;
	s->notices = (struct notices){.loop = s->calls.loop, .prompts = &s->prompts};
	fake_now = SOON_AFTER_BOOT;
	clock_replace(fake_clock, NULL);
	*state = s;
	return 0;
}

struct tick {
	struct task task;
	struct loop *loop;
	uint64_t until;
};

/* No timer, for which the loop would sleep in the machine's time, not in ours. */
static void tick(struct task *task)
{
	struct tick *t = (struct tick *)(void *)task;

	if (clock_now() >= t->until)
		loop_stop(t->loop);
	else
		loop_post(t->loop, task);
}

static void run(const struct scene *s, uint64_t ms)
{
	struct tick t = {{.run = tick}, s->calls.loop, clock_now() + ms};

	loop_post(t.loop, &t.task);
	loop_run(t.loop);
}

static int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	fd_close(&s->helper);
	for (unsigned i = 0; i < 20; i++)
		run(s, 0);
	good = s->prompts.open == 0 && s->calls.open == 0;
	clock_replace(NULL, NULL);
	loop_free(s->calls.loop);
	fd_close(&s->channel[CORE]);
	fd_close(&s->channel[SUPERVISOR]);
	free(s);
	return good ? 0 : -1;
}

static void refuse(struct scene *s, enum err why, bool forwarded)
{
	struct entry e = {
	    .number = 1,
	    .pid = 4711,
	    .what = DECISION_SIGN,
	    .why = (uint8_t)why,
	    .forwarded = forwarded,
	    .comment = "work",
	    .program = "ssh",
	};

	notice_refusal(&s->notices, &e);
}

/* Is a helper to be started?  Its number, or 0. */
static uint32_t started(const struct scene *s)
{
	struct channel_message m;
	int fd;

	if (channel_receive(s->channel[SUPERVISOR], &m, &fd) != ERR_OK)
		return 0;
	assert_int_equal(m.kind, CHANNEL_START);
	assert_int_equal(fd, -1);
	return m.id;
}

/* Start the helper that is waited for, keep its text, and let it say this result. */
static void show(struct scene *s, enum err result)
{
	uint8_t answer[] = {0, 0, 0, 7, HELPER_VERSION, HELPER_ANSWER, (uint8_t)result, 0, 0, 0, 0};
	uint8_t room[1024];
	struct bytes message;
	struct helper_ask m;
	uint32_t id = started(s);
	int ends[2];
	ssize_t n;

	assert_int_not_equal(id, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	s->helper = ends[1];
	calls_started(&s->calls, id, ends[0]);
	n = recv(s->helper, room, sizeof(room), MSG_DONTWAIT);
	assert_true(n > 0);
	assert_int_equal(frame_next(BYTES(room, n), LIMIT_HELPER_MESSAGE, &message), FRAME_READY);
	assert_int_equal(helper_ask_parse(message, &m), ERR_OK);
	assert_int_equal(m.kind, ASKPASS_NOTICE);
	assert_int_equal(m.flags, HELPER_ASK_PASSING);
	assert_int_equal(m.timeout, 10);
	assert_true(m.text.len < sizeof(s->text));
	memcpy(s->text, m.text.data, m.text.len);
	s->text[m.text.len] = '\0';
	assert_int_equal(send(s->helper, answer, sizeof(answer), MSG_NOSIGNAL), sizeof(answer));
	fd_close(&s->helper); /* and it ends */
	run(s, 1000);
	assert_int_equal(s->prompts.open, 0);
}

static void what_the_person_knows_is_not_shown(void **state)
{
	struct scene *s = *state;

	refuse(s, ERR_DENIED, false);
	refuse(s, ERR_CANCELLED, false);
	assert_int_equal(started(s), 0);
	refuse(s, ERR_TIMEOUT, false);
	show(s, ERR_OK);
	assert_string_equal(
	    s->text, "Key: work\nAsked by ssh (4711)\nReason: nobody answered in time");
}

static void one_is_open_and_the_rest_is_counted(void **state)
{
	struct scene *s = *state;

	for (int i = 0; i < 4; i++)
		refuse(s, ERR_NO_PROMPT, false);
	refuse(s, ERR_LOCKED, false);
	show(s, ERR_OK);
	assert_null(strstr(s->text, " more"));
	/* Nor at once when that one is gone. */
	assert_int_equal(started(s), 0);
	run(s, 6000);
	show(s, ERR_OK);
	assert_non_null(strstr(s->text, "the agent is locked\nand 3 more"));
	run(s, 100000);
	assert_int_equal(started(s), 0);
}

static void without_a_desktop_there_is_a_minute_of_rest(void **state)
{
	struct scene *s = *state;

	refuse(s, ERR_LOCKED, false);
	refuse(s, ERR_LOCKED, false);
	show(s, ERR_NO_PROMPT);
	run(s, 50000);
	refuse(s, ERR_LOCKED, false);
	assert_int_equal(started(s), 0);
	run(s, 12000);
	assert_int_equal(started(s), 0);
	refuse(s, ERR_LOCKED, false);
	show(s, ERR_OK);
	assert_null(strstr(s->text, " more"));
}

static void another_host_causes_one_a_minute(void **state)
{
	struct scene *s = *state;

	refuse(s, ERR_ROUTE, true);
	show(s, ERR_OK);
	assert_non_null(strstr(s->text, "Asked by ssh (4711), over a forwarded connection\n"));
	for (int i = 0; i < 50; i++) {
		refuse(s, ERR_ROUTE, true);
		run(s, 500);
	}
	assert_int_equal(started(s), 0);
	refuse(s, ERR_LOCAL_ONLY, false);
	show(s, ERR_OK);
	assert_non_null(strstr(s->text, "and 50 more"));
	run(s, 60000);
	refuse(s, ERR_ROUTE, true);
	show(s, ERR_OK);
}

static void what_is_not_known_is_left_out(void **state)
{
	struct entry e = {.why = ERR_ROUTE, .print = "SHA256:abc", .destination = "you@db1"};
	struct builder b = {0};

	(void)state;
	notice_build(&b, &e, 0);
	assert_true(bytes_is(builder_view(&b), "Key: SHA256:abc\nFor: you@db1\n"
					       "Reason: the key may not be used on this route"));
	builder_clear(&b);
}

static void the_way_and_odd_names_are_told(void **state)
{
	struct entry e = {.why = ERR_ROUTE,
	    .print = "P",
	    .pid = 12,
	    .program = "ssh (1), over",
	    .forwarded = true,
	    .through = "hop1, then hop2"};
	struct builder b = {0};

	(void)state;
	notice_build(&b, &e, 0);
	assert_true(bytes_is(builder_view(&b),
	    "Key: P\nAsked by \"ssh (1), over\" (12), over a forwarded connection through hop1, "
	    "then hop2\nReason: the key may not be used on this route"));
	builder_clear(&b);
	strcpy(e.program, DECISION_GONE);
	e.forwarded = false;
	e.through[0] = '\0';
	notice_build(&b, &e, 0);
	assert_true(bytes_is(builder_view(&b),
	    "Key: P\nAsked by a program (12)\nReason: the key may not be used on this route"));
	builder_clear(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_the_person_knows_is_not_shown),
	    TEST(one_is_open_and_the_rest_is_counted),
	    TEST(without_a_desktop_there_is_a_minute_of_rest),
	    TEST(another_host_causes_one_a_minute),
	    cmocka_unit_test(what_is_not_known_is_left_out),
	    cmocka_unit_test(the_way_and_odd_names_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
