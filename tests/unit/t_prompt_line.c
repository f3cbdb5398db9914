/* Many questions at once: who waits, and for what. */
#include "tests/support/prompt_scene.h"

enum { AT_ONCE = 8 };

/* What else is asked of the supervisor must not wait for hundreds of helpers. */
static void test_few_helpers_are_started_at_once(void **state)
{
	struct scene *s = *state;
	struct prompt *p[AT_ONCE + 2];
	uint32_t first;

	for (unsigned i = 0; i < AT_ONCE + 2; i++)
		p[i] = ask(s);
	first = hear_start(s);
	for (unsigned i = 1; i < AT_ONCE; i++)
		assert_int_equal(hear_start(s), first + i);
	assert_true(is_silent(s));
	calls_started(&s->helpers, first, helper_socket(s));
	assert_int_equal(hear_start(s), first + AT_ONCE);
	/* Taken back, its helper is still being started. */
	assert_true(prompt_is_shown(p[0]));
	assert_false(prompt_is_shown(p[1]));
	prompt_cancel(p[1]);
	assert_true(is_silent(s));
	expect_let_go(s, first + 1);
	assert_int_equal(hear_start(s), first + AT_ONCE + 1);
	for (unsigned i = 2; i < AT_ONCE + 2; i++) {
		prompt_cancel(p[i]);
		expect_let_go(s, first + i);
	}
	prompt_cancel(p[0]);
	assert_int_equal(s->calls, 0);
}

/* The supervisor that never answers does not keep their places for ever. */
static void test_places_of_helpers_that_never_come(void **state)
{
	struct scene *s = *state;
	struct prompt *p;

	start_fake_clock();
	for (unsigned i = 0; i < AT_ONCE; i++) {
		p = ask(s);
		(void)hear_start(s);
		prompt_cancel(p);
	}
	p = ask(s);
	assert_true(is_silent(s));
	run(s, 2 * LIMIT_HELPER_MS + 10000);
	calls_started(&s->helpers, hear_start(s), helper_socket(s));
	assert_true(prompt_is_shown(p));
	prompt_cancel(p);
}

/* As many as may be are shown.  The next one's time begins when it is its turn. */
static void test_in_line_no_time_passes(void **state)
{
	struct scene *s = *state;
	struct prompt *p, *q;
	uint32_t id;

	start_fake_clock();
	s->prompts.open = LIMIT_PROMPTS; /* others' */
	ask(s);
	q = ask(s);
	assert_int_equal(s->prompts.waiting, 2);
	assert_true(is_silent(s));
	run(s, 3600000);
	assert_int_equal(s->calls, 0);
	prompt_cancel(q);
	assert_int_equal(s->prompts.waiting, 1);
	s->prompts.open = 0;
	p = ask(s);
	id = hear_start(s); /* the oldest first */
	prompt_cancel(p);
	expect_let_go(s, hear_start(s));
	calls_started(&s->helpers, id, helper_socket(s));
	fake_now = 10000000;
	run(s, 3600000);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_TIMEOUT);
}

/* A channel without room delays questions, and refuses none. */
static void test_full_channel_is_waited_for(void **state)
{
	struct scene *s = *state;
	struct channel_message m = {.kind = CHANNEL_LOG};
	struct prompt *p;
	unsigned filled = 0;
	int fd;

	memset(m.text, 'x', sizeof(m.text) - 1);
	while (channel_send(s->channel[CORE], &m, -1) == ERR_OK)
		filled++;
	p = ask(s);
	ask(s);
	prompt_cancel(p); /* was never sent */
	while (filled-- != 0)
		assert_int_equal(channel_receive(s->channel[SUPERVISOR], &m, &fd), ERR_OK);
	assert_true(is_silent(s));
	outbox_ready(&s->outbox);
	calls_started(&s->helpers, hear_start(s), helper_socket(s));
	assert_true(is_silent(s));
	say(s, YES, sizeof(YES) - 1);
	expect(s, ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_few_helpers_are_started_at_once),
	    TEST(test_places_of_helpers_that_never_come),
	    TEST(test_in_line_no_time_passes),
	    TEST(test_full_channel_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
