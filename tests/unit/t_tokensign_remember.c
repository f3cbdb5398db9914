/* PINs of tokens that are remembered: for how long, when they are forgotten, and for which tries.
 */
#include "tests/support/tokensign_scene.h"

/* One more request, signed with this PIN, which is then remembered. */
static void remember(struct token_scene *s, unsigned client, const char *pin)
{
	s->options.remember_pin = 600;
	(void)begin_usual(s, client);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	enter(s, pin);
	expect_sent(s, pin, 0);
	sign_it(s);
	expect_end(&s->client[client], ERR_OK);
}

static void test_remembered_for_a_time(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	remember(s, 0, "1234");
	pass(&s->m.h, 599000);
	(void)begin_usual(s, 1);
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[1], ERR_OK);
	pass(&s->m.h, 1000); /* of the time that it was typed */
	(void)begin_usual(s, 2);
	expect_sent(s, "", 0);
}

static void test_only_a_good_one_is_remembered(void **state)
{
	struct token_scene *s = *state;

	s->options.remember_pin = 600;
	plug(s);
	ask(s, 0, 3, 0);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_TOKEN, UNKNOWN, 0);
	expect_end(&s->client[0], ERR_TOKEN);
	(void)begin_usual(s, 1);
	expect_sent(s, "", 0);
}

static void test_a_wrong_one_is_forgotten(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	remember(s, 0, "1234");
	(void)begin_usual(s, 1);
	(void)begin_usual(s, 2);
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_PIN, 2, 0);
	assert_true(screen_has(s, ASKPASS_SECRET, "The PIN that was remembered is wrong. "));
	assert_true(screen_has(s, ASKPASS_SECRET, "2 tries are left."));
	/* It was not the person's: both chances are left. */
	enter(s, "1111");
	expect_sent(s, "1111", 0);
	fail_sign(s, ERR_PIN, 1, TOKEN_PIN_FINAL);
	assert_true(screen_has(s, ASKPASS_SECRET, "That PIN was wrong. "));
	answer(s, ASKPASS_SECRET, ERR_DENIED, "");
	expect_end(&s->client[1], ERR_DENIED);
	/* Nor is it tried for the next. */
	expect_sent(s, "", 0);
}

/* Wrong though it took so long that a touch seemed to be awaited. */
static void test_a_wrong_one_of_a_slow_token(void **state)
{
	struct token_scene *s = *state;

	s->token.key_flags = TOKEN_KEY_TOUCH;
	plug(s);
	remember(s, 0, "1234");
	(void)begin_usual(s, 1);
	expect_sent(s, "1234", 0);
	pass(&s->m.h, LIMIT_NOTICE_MS);
	fail_sign(s, ERR_PIN, 2, 0);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	leave(&s->client[1]);
	(void)begin_usual(s, 2);
	expect_sent(s, "", 0);
}

/* Nobody knows what the token made of it, unless it had come to the touch. */
static void test_doubtful_ones_are_forgotten(void **state)
{
	struct token_scene *s = *state;

	s->token.key_flags = TOKEN_KEY_TOUCH;
	plug(s);
	remember(s, 0, "1234");
	(void)begin_usual(s, 1);
	expect_sent(s, "1234", 0);
	pass(&s->m.h, LIMIT_NOTICE_MS);
	leave(&s->client[1]);
	sign_it(s);
	(void)begin_usual(s, 2);
	expect_sent(s, "1234", 0);
	leave(&s->client[2]);
	sign_it(s);
	(void)begin_usual(s, 3);
	expect_sent(s, "", 0);
	sign_it(s);
	remember(s, 4, "1234");
	(void)begin_usual(s, 5);
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_TOUCH_TIMEOUT, UNKNOWN, 0);
	expect_end(&s->client[5], ERR_TOUCH_TIMEOUT);
	(void)begin_usual(s, 6);
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_TOKEN, UNKNOWN, 0);
	(void)begin_usual(s, 7);
	expect_sent(s, "", 0);
}

/* The last try is a person's, as the inventory has it and as the token says. */
static void test_no_remembered_one_for_the_last_try(void **state)
{
	static const struct {
		uint8_t tries;
		uint32_t flags;
	} last[] = {{1, 0}, {0, TOKEN_PIN_FINAL}};
	struct token_scene *s = *state;

	plug(s);
	remember(s, 0, "1234");
	for (unsigned i = 0; i < 2; i++) {
		s->token.tries = last[i].tries;
		s->token.flags = last[i].flags;
		plug(s);
		(void)begin_usual(s, 1 + i);
		expect_sent(s, "", 0);
		fail_sign(
		    s, ERR_PIN_NEEDED, last[i].tries != 0 ? last[i].tries : UNKNOWN, last[i].flags);
		expect_last_try_said(s, ASKPASS_SECRET);
		leave(&s->client[1 + i]);
	}
	s->token.tries = 0;
	s->token.flags = 0;
	plug(s);
	(void)begin_usual(s, 3);
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_PIN_NEEDED, 1, TOKEN_PIN_FINAL);
	assert_false(screen_has(s, ASKPASS_SECRET, "wrong."));
	expect_last_try_said(s, ASKPASS_SECRET);
	enter(s, "1234");
	expect_sent(s, "1234", TOKEN_LAST_TRY);
}

/* Remembered by another meanwhile: one question less. */
static void test_another_was_asked_meanwhile(void **state)
{
	struct token_scene *s = *state;
	uint32_t first;

	s->token.parallel = 2;
	s->options.remember_pin = 600;
	plug(s);
	(void)begin_usual(s, 0);
	(void)begin_usual(s, 1);
	expect_sent(s, "", 0);
	first = s->number;
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	s->number = first;
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	expect_screen_empty(s);
	expect_sent(s, "1234", 0);
	/* But not twice. */
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
}

/* Neither a wrong one nor another question: what was asked for again is enough for both. */
static void test_wrong_while_another_waits(void **state)
{
	struct token_scene *s = *state;
	uint32_t first;

	s->token.parallel = 2;
	s->options.remember_pin = 600;
	plug(s);
	ask(s, 0, 3, 0);
	enter(s, "1111");
	expect_sent(s, "1111", 0);
	first = s->number;
	ask(s, 1, 3, 0);
	expect_screen_empty(s);
	s->number = first;
	fail_sign(s, ERR_PIN, 2, 0);
	assert_true(screen_has(s, ASKPASS_SECRET, "That PIN was wrong. "));
	expect_no_sign(s);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_screen_empty(s);
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[1], ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TOKEN_TEST(test_remembered_for_a_time),
	    TOKEN_TEST(test_only_a_good_one_is_remembered),
	    TOKEN_TEST(test_a_wrong_one_is_forgotten),
	    TOKEN_TEST(test_a_wrong_one_of_a_slow_token),
	    TOKEN_TEST(test_doubtful_ones_are_forgotten),
	    TOKEN_TEST(test_no_remembered_one_for_the_last_try),
	    TOKEN_TEST(test_another_was_asked_meanwhile),
	    TOKEN_TEST(test_wrong_while_another_waits),
	};

	return cmocka_run_group_tests(tests, token_group_setup, token_group_teardown);
}
