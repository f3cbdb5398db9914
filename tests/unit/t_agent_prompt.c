/* One question to a person. */
#include "tests/support/prompt_scene.h"

static void test_yes(void **state)
{
	struct scene *s = *state;

	ask_helper(s);
	say(s, YES, sizeof(YES) - 1);
	expect(s, ERR_OK);
	assert_string_equal(s->answer, "");
}

static void test_no_and_its_reasons(void **state)
{
	struct scene *s = *state;
	uint8_t frame[] = {0, 0, 0, 7, 2, 2, ERR_DENIED, 0, 0, 0, 0};

	ask_helper(s);
	say(s, frame, sizeof(frame));
	expect(s, ERR_DENIED);
}

/* A byte a round of the loop. */
struct slow_helper {
	struct timer next; /* first, to be found from it */
	const struct scene *scene;
	size_t said;
};

static void say_next(struct timer *t)
{
	struct slow_helper *h = (struct slow_helper *)(void *)t;

	assert_int_equal(h->scene->calls, 0);
	say(h->scene, &SECRET[h->said++], 1);
	if (h->said < sizeof(SECRET) - 1)
		assert_int_equal(timer_arm(h->scene->helpers.loop, t, clock_now() + 1), ERR_OK);
}

static void test_answer_in_pieces_is_put_together(void **state)
{
	struct scene *s = *state;
	struct slow_helper h = {{.due = say_next}, s, 0};

	ask_helper(s);
	assert_int_equal(timer_arm(s->helpers.loop, &h.next, clock_now()), ERR_OK);
	expect(s, ERR_OK);
	assert_int_equal(h.said, sizeof(SECRET) - 1);
	assert_string_equal(s->answer, "abc");
}

static void expect_garbage(struct scene *s, const void *p, size_t n, enum err result)
{
	ask_helper(s);
	say(s, p, n);
	expect(s, result);
	assert_string_equal(s->answer, "");
}

static void test_other_version(void **state)
{
	expect_garbage(*state, "\0\0\0\7\3\2\0\0\0\0\0", 11, ERR_VERSION);
}

static void test_other_kind(void **state)
{
	expect_garbage(*state, "\0\0\0\7\2\1\0\0\0\0\0", 11, ERR_MESSAGE);
}

static void test_result_that_no_helper_may_say(void **state)
{
	expect_garbage(*state, "\0\0\0\7\2\2\377\0\0\0\0", 11, ERR_FORMAT);
}

static void test_answer_that_ends_too_early(void **state)
{
	expect_garbage(*state, "\0\0\0\7\2\2\0\0\0\0\1", 11, ERR_TRUNCATED);
}

static void test_surplus_inside_the_answer(void **state)
{
	expect_garbage(*state, "\0\0\0\10\2\2\0\0\0\0\0x", 12, ERR_SURPLUS);
}

static void test_surplus_behind_the_answer(void **state)
{
	expect_garbage(*state, YES "x", sizeof(YES), ERR_SURPLUS);
}

static void test_empty_frame(void **state)
{
	expect_garbage(*state, "\0\0\0\0", 4, ERR_REPLY);
}

static void test_endless_frame(void **state)
{
	expect_garbage(*state, "\377\377\377\377", 4, ERR_REPLY);
}

static void test_helper_that_ends_without_a_word(void **state)
{
	struct scene *s = *state;

	ask_helper(s);
	fd_close(&s->helper);
	expect(s, ERR_HELPER);
}

static void test_helper_that_ends_in_the_middle(void **state)
{
	struct scene *s = *state;

	ask_helper(s);
	say(s, YES, 5);
	fd_close(&s->helper);
	expect(s, ERR_HELPER);
}

static void test_helper_that_cannot_be_started(void **state)
{
	struct scene *s = *state;

	ask(s);
	calls_started(&s->helpers, hear_start(s), -1);
	expect(s, ERR_HELPER_MISSING);
}

/* The helper that comes afterwards is let go at once, and never sees the question. */
static void test_cancelled_before_its_helper_started(void **state)
{
	struct scene *s = *state;
	struct prompt *p = ask(s);
	uint8_t byte;

	prompt_cancel(p);
	calls_started(&s->helpers, hear_start(s), helper_socket(s));
	run(s, 20);
	assert_int_equal(s->calls, 0);
	assert_int_equal(recv(s->helper, &byte, 1, MSG_DONTWAIT), 0);
}

static void test_cancelled_before_its_helper_could_not_be_started(void **state)
{
	struct scene *s = *state;

	prompt_cancel(ask(s));
	calls_started(&s->helpers, hear_start(s), -1);
	run(s, 20);
	assert_int_equal(s->calls, 0);
}

/* Its answer was on the way already. */
static void test_cancelled_while_asking(void **state)
{
	struct scene *s = *state;
	struct prompt *p = ask_helper(s);
	uint8_t byte;

	say(s, YES, sizeof(YES) - 1);
	prompt_cancel(p);
	run(s, 20);
	assert_int_equal(s->calls, 0);
	/* Closed with bytes unread: end of file, or a reset. */
	assert_true(recv(s->helper, &byte, 1, MSG_DONTWAIT) <= 0);
	prompt_cancel(NULL);
}

static void test_helpers_that_nobody_asked_for(void **state)
{
	struct scene *s = *state;
	struct prompt *p = ask(s);
	uint32_t id = hear_start(s);

	expect_let_go(s, id + 1);
	calls_started(&s->helpers, id, helper_socket(s));
	expect_let_go(s, id); /* it has one already */
	assert_int_equal(s->calls, 0);
	prompt_cancel(p);
	run(s, 20);
	assert_int_equal(s->calls, 0);
}

static void test_two_prompts_get_their_own_answers(void **state)
{
	struct scene *s = *state;
	struct scene other = {0};
	struct prompt *p = ask_text(&s->prompts, ASKPASS_CONFIRM, bytes_str("other"), done, &other);
	uint32_t id = hear_start(s);
	int ends[2];

	assert_non_null(p);
	ask(s);
	assert_int_equal(s->prompts.open, 2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	/* In the other order than they were asked for; the one cancelled leaves the other alone. */
	calls_started(&s->helpers, hear_start(s), helper_socket(s));
	calls_started(&s->helpers, id, ends[0]);
	prompt_cancel(p);
	say(s, YES, sizeof(YES) - 1);
	expect(s, ERR_OK);
	assert_int_equal(other.calls, 0);
	close(ends[1]);
}

static void test_helper_that_hangs(void **state)
{
	struct scene *s = *state;
	uint8_t byte;

	start_fake_clock();
	ask_helper(s);
	say(s, YES, 5); /* and no more */
	run(s, 3600000);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_TIMEOUT);
	/* A person had her minute, and the helper time to say that it was over. */
	assert_in_range(fake_now, 1000000 + LIMIT_PROMPT_MS + LIMIT_HELPER_MS, 1000000 + 120000);
	assert_int_equal(recv(s->helper, &byte, 1, MSG_DONTWAIT), 0);
}

static void test_helper_that_is_started_too_late(void **state)
{
	struct scene *s = *state;

	start_fake_clock();
	ask(s);
	run(s, 3600000);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_TIMEOUT);
	expect_let_go(s, hear_start(s));
	assert_int_equal(s->calls, 1);
}

/* Taken back: then its time does not run out any more either. */
static void test_cancelled_prompt_has_no_deadline(void **state)
{
	struct scene *s = *state;

	start_fake_clock();
	prompt_cancel(ask(s));
	run(s, 3600000);
	assert_int_equal(s->calls, 0);
	expect_let_go(s, hear_start(s));
}

static void test_notice_stays(void **state)
{
	struct scene *s = *state;
	struct prompt *p = ask_text(&s->prompts, ASKPASS_NOTICE, bytes_str("Touch it"), done, s);

	assert_non_null(p);
	start_fake_clock();
	calls_started(&s->helpers, hear_start(s), helper_socket(s));
	run(s, 3600000);
	assert_int_equal(s->calls, 0);
	prompt_cancel(p);
}

static void test_supervisor_that_is_gone(void **state)
{
	struct scene *s = *state;

	fd_close(&s->channel[SUPERVISOR]);
	prompt_cancel(ask(s)); /* its end is on the way already */
	ask(s);
	assert_int_equal(s->calls, 0); /* never from within the call */
	expect(s, ERR_HELPER_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_yes),
	    TEST(test_no_and_its_reasons),
	    TEST(test_answer_in_pieces_is_put_together),
	    TEST(test_other_version),
	    TEST(test_other_kind),
	    TEST(test_result_that_no_helper_may_say),
	    TEST(test_answer_that_ends_too_early),
	    TEST(test_surplus_inside_the_answer),
	    TEST(test_surplus_behind_the_answer),
	    TEST(test_empty_frame),
	    TEST(test_endless_frame),
	    TEST(test_helper_that_ends_without_a_word),
	    TEST(test_helper_that_ends_in_the_middle),
	    TEST(test_helper_that_cannot_be_started),
	    TEST(test_cancelled_before_its_helper_started),
	    TEST(test_cancelled_before_its_helper_could_not_be_started),
	    TEST(test_cancelled_while_asking),
	    TEST(test_helpers_that_nobody_asked_for),
	    TEST(test_two_prompts_get_their_own_answers),
	    TEST(test_helper_that_hangs),
	    TEST(test_helper_that_is_started_too_late),
	    TEST(test_cancelled_prompt_has_no_deadline),
	    TEST(test_notice_stays),
	    TEST(test_supervisor_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
