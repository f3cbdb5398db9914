/* Tokens that are pulled out, and helpers that end, while a signature is made. */
#include "tests/support/tokensign_scene.h"

/* The helper that ended is started again, and has opened its module. */
static void restart(struct token_scene *s)
{
	for (unsigned i = 0; i < 100 && running(&s->m, ONE) == NULL; i++) {
		let_end(&s->m);
		pass(&s->m.h, 1000);
	}
	assert_non_null(running(&s->m, ONE));
}

/* It ends again and again, and is started after ever longer pauses. */
static void crash_often(struct token_scene *s)
{
	for (unsigned i = 0; i < 8; i++) {
		crash(&s->m, ONE);
		if (i < 7)
			restart(s);
	}
	pass(&s->m.h, 2000);
	assert_null(running(&s->m, ONE));
}

/* The token is there all the time: nobody has to plug it in. */
static void test_nobody_waits_for_a_long_pause(void **state)
{
	struct token_scene *s = *state;

	s->options.insert_wait = 0;
	plug(s);
	crash_often(s);
	(void)begin_usual(s, 0);
	settle(&s->m.h);
	assert_non_null(running(&s->m, ONE));
	plug(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_screen_empty(s);
}

/* Not more than one a second. */
static void test_crashes_while_somebody_waits(void **state)
{
	struct token_scene *s = *state;
	unsigned starts;

	plug(s);
	unplug(s);
	(void)begin_usual(s, 0);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	for (unsigned i = 0; i < 8; i++) {
		crash(&s->m, ONE);
		pass(&s->m.h, 1000);
		assert_non_null(running(&s->m, ONE));
	}
	crash(&s->m, ONE);
	starts = starts_of(&s->m, ONE);
	pass(&s->m.h, 999);
	assert_int_equal(starts_of(&s->m, ONE), starts);
	pass(&s->m.h, 1);
	plug(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_screen_empty(s);
}

static void test_pulled_out_while_it_signs(void **state)
{
	struct token_scene *s = *state;

	s->token.key_flags = TOKEN_KEY_TOUCH;
	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	pass(&s->m.h, LIMIT_NOTICE_MS);
	unplug(s);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 0);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	plug(s);
	expect_screen_empty(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
}

static void test_a_second_time(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	unplug(s);
	plug(s);
	expect_sent(s, "", 0);
	unplug(s);
	expect_end(&s->client[0], ERR_TOKEN_GONE);
	expect_screen_empty(s);
	assert_int_equal(s->ts.pending, 0);
}

/* Nobody waits for it: as if it had not been there. */
static void test_pulled_out_and_nobody_waits(void **state)
{
	struct token_scene *s = *state;

	s->options.insert_wait = 0;
	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	unplug(s);
	expect_end(&s->client[0], ERR_TOKEN_ABSENT);
}

/* The helper's word on the signature comes before the one on the token. */
static void test_told_by_the_failure(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_TOKEN_GONE, UNKNOWN, 0);
	expect_no_sign(s);
	plug(s); /* no news */
	expect_no_sign(s);
	unplug(s);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	plug(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	/* Or it was a mistake. */
	(void)begin_usual(s, 1);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_TOKEN_GONE, UNKNOWN, 0);
	pass(&s->m.h, 999);
	expect_no_sign(s);
	pass(&s->m.h, 1);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_TOKEN_GONE, UNKNOWN, 0);
	expect_end(&s->client[1], ERR_TOKEN_GONE);
	expect_screen_empty(s);
}

/* The question goes with its token; a person is asked twice at most, over all. */
static void test_pulled_out_while_the_pin_is_asked_for(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	unplug(s);
	assert_int_equal(screens(s, ASKPASS_SECRET), 0);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	plug(s);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, UNKNOWN, 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	assert_false(screen_has(s, ASKPASS_SECRET, "left"));
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_PIN, 2, 0);
	expect_end(&s->client[0], ERR_PIN);
	expect_screen_empty(s);
}

/* Nothing is said of what was before. */
static void test_pulled_out_after_a_wrong_pin(void **state)
{
	struct token_scene *s = *state;

	s->options.remember_pin = 600;
	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	(void)begin_usual(s, 1);
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_PIN, 2, 0);
	assert_true(screen_has(s, ASKPASS_SECRET, "wrong"));
	unplug(s);
	plug(s);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, UNKNOWN, 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	assert_false(screen_has(s, ASKPASS_SECRET, "wrong"));
}

/* What was typed is sent once, and to no other token. */
static void test_no_pin_is_sent_again(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	TELL(&s->m, ONE, {.id = "another", .keys = {"key"}});
	expect_no_sign(s);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	plug(s);
	/* The token may want none any more: the person is asked only if it does. */
	expect_sent(s, "", 0);
	expect_screen_empty(s);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
}

/* The last try that somebody agreed to is over with the token. */
static void test_last_try_is_asked_for_again(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 1, TOKEN_PIN_FINAL);
	enter(s, "1234");
	expect_sent(s, "1234", TOKEN_LAST_TRY);
	unplug(s);
	plug(s);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	assert_false(screen_has(s, ASKPASS_SECRET, "last try"));
	enter(s, "1234");
	expect_sent(s, "1234", 0);
}

/* It waits behind another, who is first in line each time that the token comes. */
static void in_line_behind(struct token_scene *s, unsigned other)
{
	unplug(s);
	if (s->client[other].sign != NULL)
		leave(&s->client[other]);
	(void)begin_usual(s, other);
	plug(s);
}

/* Whoever only waits in line has lost nothing; but not for ever. */
static void test_pulled_out_while_in_line(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	(void)begin_usual(s, 1);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	for (unsigned i = 0; i < 4; i++) {
		in_line_behind(s, 1);
		expect_sent(s, "", 0);
		expect_no_sign(s);
		expect_waiting(&s->client[0]);
		expect_waiting(&s->client[1]);
	}
	sign_it(s);
	expect_end(&s->client[1], ERR_OK);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
}

static void test_comes_and_goes_without_end(void **state)
{
	struct token_scene *s = *state;
	unsigned rounds = 0;

	plug(s);
	(void)begin_usual(s, 1);
	(void)begin_usual(s, 0);
	while (s->client[0].calls == 0 && rounds++ < 100)
		in_line_behind(s, 1);
	assert_true(rounds > 4 && rounds < 20);
	expect_end(&s->client[0], ERR_TOKEN_GONE);
}

/* --- helpers --- */

static void test_the_helper_ends(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	crash(&s->m, ONE);
	expect_waiting(&s->client[0]);
	restart(s);
	plug(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_screen_empty(s);
	(void)begin_usual(s, 1);
	for (unsigned i = 0; i < 2; i++) {
		expect_waiting(&s->client[1]);
		expect_sent(s, "", 0);
		crash(&s->m, ONE);
		restart(s);
		plug(s);
	}
	expect_end(&s->client[1], ERR_HELPER);
	expect_no_sign(s);
}

/* It is back, and the token is not. */
static void test_the_helper_ends_and_the_token_goes(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	crash(&s->m, ONE);
	restart(s);
	unplug(s);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	plug(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
}

/* What it was given is not tried again, since nobody knows what came of it. */
static void test_the_helper_ends_with_a_pin(void **state)
{
	struct token_scene *s = *state;

	s->options.remember_pin = 600;
	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	crash(&s->m, ONE);
	restart(s);
	plug(s);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	(void)begin_usual(s, 1);
	expect_sent(s, "1234", 0);
	crash(&s->m, ONE);
	restart(s);
	plug(s);
	expect_sent(s, "", 0);
}

static void test_a_request_takes_too_long(void **state)
{
	struct token_scene *s = *state;

	s->token.parallel = 2;
	plug(s);
	(void)begin_usual(s, 0);
	pass(&s->m.h, 10000);
	(void)begin_usual(s, 1);
	expect_sent(s, "", 0);
	expect_sent(s, "", 0);
	pass(&s->m.h, LIMIT_TOKEN_MS - 10001);
	expect_waiting(&s->client[0]);
	pass(&s->m.h, 1);
	expect_end(&s->client[0], ERR_TOKEN_TIMEOUT);
	/* The other's fault was it not. */
	expect_waiting(&s->client[1]);
	restart(s);
	plug(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[1], ERR_OK);
}

static void test_a_touch_takes_too_long(void **state)
{
	struct token_scene *s = *state;

	s->token.key_flags = TOKEN_KEY_TOUCH;
	plug(s);
	(void)begin_usual(s, 0);
	pass(&s->m.h, LIMIT_TOUCH_MS - 1);
	expect_waiting(&s->client[0]);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	pass(&s->m.h, 1);
	expect_end(&s->client[0], ERR_TOKEN_TIMEOUT);
	expect_screen_empty(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TOKEN_TEST(test_pulled_out_while_it_signs),
	    TOKEN_TEST(test_nobody_waits_for_a_long_pause),
	    TOKEN_TEST(test_crashes_while_somebody_waits),
	    TOKEN_TEST(test_a_second_time),
	    TOKEN_TEST(test_pulled_out_and_nobody_waits),
	    TOKEN_TEST(test_told_by_the_failure),
	    TOKEN_TEST(test_pulled_out_while_the_pin_is_asked_for),
	    TOKEN_TEST(test_pulled_out_after_a_wrong_pin),
	    TOKEN_TEST(test_no_pin_is_sent_again),
	    TOKEN_TEST(test_last_try_is_asked_for_again),
	    TOKEN_TEST(test_pulled_out_while_in_line),
	    TOKEN_TEST(test_comes_and_goes_without_end),
	    TOKEN_TEST(test_the_helper_ends),
	    TOKEN_TEST(test_the_helper_ends_and_the_token_goes),
	    TOKEN_TEST(test_the_helper_ends_with_a_pin),
	    TOKEN_TEST(test_a_request_takes_too_long),
	    TOKEN_TEST(test_a_touch_takes_too_long),
	};

	return cmocka_run_group_tests(tests, token_group_setup, token_group_teardown);
}
