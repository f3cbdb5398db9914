/* Asking who a client is, with this test as supervisor. */
#include "tests/support/base_test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/witness.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/limits.h"

enum { CORE, SUPERVISOR };

struct scene {
	struct witness witness;
	int channel[2];
	struct watch core_end;
	struct outbox outbox;
	unsigned calls;
	struct lineage who;
	size_t open_before;
};

static uint64_t far_ahead(void)
{
	static uint64_t now = 1; /* the machine was started before */

	return now += LIMIT_WITNESS_MS / 2;
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->open_before = base_open_count();
	s->witness.loop = loop_new();
	if (s->witness.loop == NULL || channel_pair(s->channel) != ERR_OK)
		return -1;
	s->core_end.fd = s->channel[CORE];
	s->outbox.channel = &s->core_end;
	s->witness.outbox = &s->outbox;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	bool good = s->witness.open == 0 && s->witness.first == NULL;

	clock_replace(NULL, NULL);
	loop_free(s->witness.loop);
	fd_close(&s->channel[CORE]);
	fd_close(&s->channel[SUPERVISOR]);
	good = good && base_open_count() == s->open_before;
	free(s);
	return good ? 0 : -1;
}

static void done(void *ctx, const struct lineage *who)
{
	struct scene *s = ctx;

	s->calls++;
	s->who = *who;
	loop_stop(s->witness.loop);
}

static struct testimony *ask(struct scene *s, pid_t pid)
{
	struct testimony *t = witness_ask(&s->witness, pid, clock_now(), done, s);

	assert_non_null(t);
	assert_int_equal(s->calls, 0); /* never from within the call */
	return t;
}

/* The supervisor's part. */
static uint32_t hear(const struct scene *s, const char *pid)
{
	struct channel_message m;
	int fd;

	assert_int_equal(channel_receive(s->channel[SUPERVISOR], &m, &fd), ERR_OK);
	assert_int_equal(m.kind, CHANNEL_WHO);
	assert_string_equal(m.text, pid);
	return m.id;
}

static void answer(struct scene *s, uint32_t id, uint64_t started)
{
	struct lineage l = {.count = 1,
	    .process = {{.pid = 42,
		.started = started,
		.name = "ssh",
		.exe = "/usr/bin/ssh",
		.settled = true}}};
	struct builder b = {0};

	lineage_build(&b, &l);
	witness_heard(&s->witness, id, builder_view(&b));
	builder_clear(&b);
}

static void test_answer_arrives(void **state)
{
	struct scene *s = *state;

	(void)ask(s, 42);
	answer(s, hear(s, "42"), 1);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->who.count, 1);
	assert_string_equal(s->who.process[0].name, "ssh");
}

static void test_answers_to_nobody_are_dropped(void **state)
{
	struct scene *s = *state;
	struct testimony *t = ask(s, 42);
	uint32_t id = hear(s, "42");

	answer(s, id + 1, 1);
	assert_int_equal(s->calls, 0);
	witness_cancel(t);
	answer(s, id, 1);
	assert_int_equal(s->calls, 0);
	witness_cancel(NULL);
}

/* The client ended, and its number went to a program that began after it had connected. */
static void test_heir_of_a_number_is_not_the_client(void **state)
{
	struct scene *s = *state;
	uint64_t later = (clock_now() / 1000 + 2) * (uint64_t)sysconf(_SC_CLK_TCK);

	(void)ask(s, 42);
	answer(s, hear(s, "42"), later);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->who.count, 0);
}

static void test_malformed_answer_is_nobody(void **state)
{
	struct scene *s = *state;

	(void)ask(s, 42);
	witness_heard(&s->witness, hear(s, "42"), bytes_str("nonsense"));
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->who.count, 0);
}

static void test_supervisor_that_cannot_be_reached(void **state)
{
	struct scene *s = *state;
	struct testimony *gone;

	fd_close(&s->channel[SUPERVISOR]);
	gone = ask(s, 42);
	witness_cancel(gone); /* its end is on the way already */
	(void)ask(s, 43);
	loop_run(s->witness.loop);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->who.count, 0);
}

static void test_supervisor_that_does_not_answer(void **state)
{
	struct scene *s = *state;

	clock_replace(far_ahead, NULL);
	(void)ask(s, 42);
	loop_run(s->witness.loop);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->who.count, 0);
}

/* While the channel is full the question waits, and goes with who asked it. */
static void test_cancelled_in_line(void **state)
{
	struct scene *s = *state;
	struct channel_message m = {.kind = CHANNEL_LOG};
	struct testimony *t;

	memset(m.text, 'x', sizeof(m.text) - 1);
	while (channel_send(s->channel[CORE], &m, -1) == ERR_OK)
		;
	t = ask(s, 42);
	assert_non_null(s->outbox.first);
	witness_cancel(t);
	assert_null(s->outbox.first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_answer_arrives),
	    TEST(test_answers_to_nobody_are_dropped),
	    TEST(test_heir_of_a_number_is_not_the_client),
	    TEST(test_malformed_answer_is_nobody),
	    TEST(test_supervisor_that_cannot_be_reached),
	    TEST(test_supervisor_that_does_not_answer),
	    TEST(test_cancelled_in_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
