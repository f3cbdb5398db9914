/* PINs of tokens: which is sent, when one is asked for, what is said, and the last try. */
#include "tests/support/tokensign_scene.h"

static void test_asked_when_the_token_wants_one(void **state)
{
	struct token_scene *s = *state;
	struct helper_ask m;

	s->options.prompt_timeout = 25;
	plug(s);
	ask(s, 0, 3, 0);
	assert_non_null(shown(&s->m.h, ASKPASS_SECRET, 0, &m));
	assert_true(bytes_is(m.title, "Signet: PIN of a token"));
	assert_true(bytes_is(m.text,
	    "Enter the PIN of token \"Work card\" to use key \"a key\".\n"
	    "Key fingerprint SHA256:print.\n\nAsked by ssh.\n\n3 tries are left."));
	assert_int_equal(m.pid, 42);
	assert_int_equal(m.started, 5);
	assert_int_equal(m.timeout, 25);
	expect_no_sign(s);
	enter(s, "123456");
	expect_screen_empty(s);
	expect_sent(s, "123456", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	/* Not remembered unless that is wanted. */
	ask(s, 1, 3, 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
}

static void test_forwarded_is_said(void **state)
{
	struct token_scene *s = *state;
	struct touch_request r = a_request(s);
	struct helper_ask m;

	plug(s);
	r.forwarded = true;
	(void)begin(s, 0, &r);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	assert_non_null(shown(&s->m.h, ASKPASS_SECRET, 0, &m));
	assert_int_equal(m.flags, HELPER_ASK_FORWARDED);
}

static void test_one_more_chance(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	ask(s, 0, UNKNOWN, 0);
	assert_false(screen_has(s, ASKPASS_SECRET, "left"));
	assert_false(screen_has(s, ASKPASS_SECRET, "wrong"));
	enter(s, "1111");
	expect_sent(s, "1111", 0);
	fail_sign(s, ERR_PIN, 2, 0);
	assert_true(screen_has(
	    s, ASKPASS_SECRET, "That PIN was wrong. Enter the PIN of token \"Work card\""));
	assert_true(screen_has(s, ASKPASS_SECRET, "2 tries are left."));
	enter(s, "2222");
	expect_sent(s, "2222", 0);
	fail_sign(s, ERR_PIN, 1, TOKEN_PIN_FINAL);
	expect_end(&s->client[0], ERR_PIN);
	expect_screen_empty(s);
	expect_no_sign(s);
	/* The second one is right. */
	ask(s, 1, 3, 0);
	enter(s, "1111");
	expect_sent(s, "1111", 0);
	fail_sign(s, ERR_PIN, 2, 0);
	enter(s, "3333");
	expect_sent(s, "3333", 0);
	sign_it(s);
	expect_end(&s->client[1], ERR_OK);
}

/* It took the PIN, and lost that: nobody says that it was not tried. */
static void test_asked_again_after_a_good_one(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	ask(s, 0, 3, TOKEN_PIN_EACH);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, TOKEN_PIN_EACH);
	assert_true(
	    screen_has(s, ASKPASS_SECRET, "The token asks for the PIN once more. Enter the PIN"));
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	/* Nor after one that was sent as the last try. */
	ask(s, 1, 1, 0);
	enter(s, "1234");
	expect_sent(s, "1234", TOKEN_LAST_TRY);
	fail_sign(s, ERR_PIN_NEEDED, 1, 0);
	assert_false(screen_has(s, ASKPASS_SECRET, "not been tried"));
}

/* A token that is never content. */
static void test_no_end_of_questions(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	ask(s, 0, 3, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(screens(s, ASKPASS_SECRET), 1);
		enter(s, "1234");
		expect_sent(s, "1234", 0);
		fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	}
	expect_end(&s->client[0], ERR_PIN_NEEDED);
	expect_screen_empty(s);
}

static void test_few_tries(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	ask(s, 0, UNKNOWN, TOKEN_PIN_LOW);
	assert_true(
	    screen_has(s, ASKPASS_SECRET, "A wrong PIN was entered before: few tries are left."));
}

/* --- the last try --- */

/* Sent as that only after the person was told so: by the number, and by the flag. */
static void test_last_try(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	ask(s, 0, 1, 0);
	expect_last_try_said(s, ASKPASS_SECRET);
	enter(s, "1234");
	expect_sent(s, "1234", TOKEN_LAST_TRY);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	ask(s, 1, UNKNOWN, TOKEN_PIN_FINAL | TOKEN_PIN_LOW);
	expect_last_try_said(s, ASKPASS_SECRET);
	enter(s, "1234");
	expect_sent(s, "1234", TOKEN_LAST_TRY);
	fail_sign(s, ERR_PIN, 0, TOKEN_PIN_LOCKED);
	expect_end(&s->client[1], ERR_PIN_LOCKED);
	expect_screen_empty(s);
}

/* Found out after the question: the PIN was not tried, and the person is told. */
static void test_last_try_that_was_not_known(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	ask(s, 0, 2, 0);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_PIN_NEEDED, 1, TOKEN_PIN_FINAL);
	assert_true(screen_has(s, ASKPASS_SECRET, "That PIN has not been tried. Enter"));
	expect_last_try_said(s, ASKPASS_SECRET);
	enter(s, "1234");
	expect_sent(s, "1234", TOKEN_LAST_TRY);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
}

static void test_wrong_before_the_last(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	ask(s, 0, 2, 0);
	enter(s, "1111");
	expect_sent(s, "1111", 0);
	fail_sign(s, ERR_PIN, UNKNOWN, TOKEN_PIN_FINAL);
	assert_true(screen_has(s, ASKPASS_SECRET, "That PIN was wrong. "));
	expect_last_try_said(s, ASKPASS_SECRET);
	enter(s, "2222");
	expect_sent(s, "2222", TOKEN_LAST_TRY);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
}

static void test_locked_and_unset(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	ask(s, 0, 0, 0);
	expect_end(&s->client[0], ERR_PIN_LOCKED);
	ask(s, 1, UNKNOWN, TOKEN_PIN_LOCKED);
	expect_end(&s->client[1], ERR_PIN_LOCKED);
	ask(s, 2, UNKNOWN, TOKEN_PIN_UNSET);
	expect_end(&s->client[2], ERR_PIN_NOT_SET);
	ask(s, 3, 3, 0);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_PIN_LOCKED, UNKNOWN, 0);
	expect_end(&s->client[3], ERR_PIN_LOCKED);
	expect_screen_empty(s);
}

/* --- the person --- */

static void test_the_person_says_no(void **state)
{
	static const enum err answers[][2] = {{ERR_DENIED, ERR_DENIED}, {ERR_TIMEOUT, ERR_TIMEOUT},
	    {ERR_NO_PROMPT, ERR_PIN_NEEDED}, {ERR_OK, ERR_DENIED}};
	struct token_scene *s = *state;

	plug(s);
	for (unsigned i = 0; i < 4; i++) {
		ask(s, i, 3, 0);
		answer(s, ASKPASS_SECRET, answers[i][0], "");
		expect_end(&s->client[i], answers[i][1]);
		expect_no_sign(s);
	}
}

/* What no token takes for a PIN is not sent. */
static void test_longest_pin(void **state)
{
	struct token_scene *s = *state;
	char pin[TOKEN_PIN_MOST + 2];

	memset(pin, '1', sizeof(pin));
	pin[TOKEN_PIN_MOST + 1] = '\0';
	plug(s);
	ask(s, 0, 3, 0);
	enter(s, pin);
	expect_no_sign(s);
	assert_true(screen_has(s, ASKPASS_SECRET, "no try is spent"));
	enter(s, pin);
	expect_end(&s->client[0], ERR_PIN);
	ask(s, 1, 3, 0);
	pin[TOKEN_PIN_MOST] = '\0';
	enter(s, pin);
	expect_sent(s, pin, 0);
}

/* --- a PIN for each signature --- */

static void test_asked_before_the_first_request(void **state)
{
	struct token_scene *s = *state;

	s->token.key_flags = TOKEN_KEY_PIN_EACH;
	s->token.tries = 3;
	plug(s);
	(void)begin_usual(s, 0);
	expect_no_sign(s);
	assert_true(screen_has(s, ASKPASS_SECRET, "This key wants the PIN for each signature."));
	assert_true(screen_has(s, ASKPASS_SECRET, "3 tries are left."));
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	s->token.tries = 1;
	plug(s);
	(void)begin_usual(s, 1);
	expect_last_try_said(s, ASKPASS_SECRET);
	enter(s, "1234");
	expect_sent(s, "1234", TOKEN_LAST_TRY);
	sign_it(s);
	/* A remembered one does as well. */
	s->token.tries = 3;
	plug(s);
	s->options.remember_pin = 600;
	(void)begin_usual(s, 2);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	(void)begin_usual(s, 3);
	expect_screen_empty(s);
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[3], ERR_OK);
}

static void test_each_by_the_failure(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	ask(s, 0, 3, TOKEN_PIN_EACH);
	assert_true(screen_has(s, ASKPASS_SECRET, "This key wants the PIN for each signature."));
}

/* Whether it is still locked is the token's to say. */
static void test_locked_may_be_unlocked_by_now(void **state)
{
	struct token_scene *s = *state;

	s->token.key_flags = TOKEN_KEY_PIN_EACH;
	s->token.flags = TOKEN_PIN_LOCKED;
	plug(s);
	(void)begin_usual(s, 0);
	expect_screen_empty(s);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
}

/* --- keypads --- */

static void test_keypad(void **state)
{
	struct token_scene *s = *state;
	struct helper_ask m;

	s->token.flags = TOKEN_HAS_PAD;
	s->options.remember_pin = 600;
	plug(s);
	ask(s, 0, 3, TOKEN_HAS_PAD);
	assert_non_null(shown(&s->m.h, ASKPASS_NOTICE, 0, &m));
	assert_true(bytes_is(m.title, "Signet: PIN on the keypad"));
	assert_true(bytes_is(m.text,
	    "Enter the PIN of token \"Work card\" on the keypad of the reader \"Reader 1\" to use "
	    "key \"a key\".\nKey fingerprint SHA256:print.\n\nAsked by ssh.\n\n3 tries are left."));
	assert_int_equal(screens(s, ASKPASS_SECRET), 0);
	expect_sent(s, "", TOKEN_USE_PAD);
	/* Longer than what waits for nobody may take. */
	pass(&s->m.h, LIMIT_TOKEN_MS);
	expect_waiting(&s->client[0]);
	fail_sign(s, ERR_PIN, 2, TOKEN_HAS_PAD);
	assert_true(screen_has(s, ASKPASS_NOTICE, "That PIN was wrong. Enter the PIN of"));
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	expect_sent(s, "", TOKEN_USE_PAD);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_screen_empty(s);
	/* Two chances. */
	ask(s, 1, 3, TOKEN_HAS_PAD);
	for (unsigned i = 0; i < 2; i++) {
		expect_sent(s, "", TOKEN_USE_PAD);
		fail_sign(s, ERR_PIN, 3, TOKEN_HAS_PAD);
	}
	expect_end(&s->client[1], ERR_PIN);
	ask(s, 2, 3, TOKEN_HAS_PAD);
	expect_sent(s, "", TOKEN_USE_PAD);
	fail_sign(s, ERR_PAD, UNKNOWN, 0);
	expect_end(&s->client[2], ERR_PAD);
	expect_screen_empty(s);
}

/* With a touch after it, and for each signature. */
static void test_keypad_and_touch(void **state)
{
	struct token_scene *s = *state;

	s->token.flags = TOKEN_HAS_PAD;
	s->token.key_flags = TOKEN_KEY_TOUCH | TOKEN_KEY_PIN_EACH;
	plug(s);
	(void)begin_usual(s, 0);
	assert_true(screen_has(s, ASKPASS_NOTICE, "then touch it, to use"));
	expect_sent(s, "", TOKEN_USE_PAD);
	pass(&s->m.h, LIMIT_NOTICE_MS);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	leave(&s->client[0]);
	expect_screen_empty(s);
}

/* A notice may be seen by nobody: the last try wants a yes. */
static void test_last_try_on_the_keypad(void **state)
{
	static const enum err answers[][2] = {
	    {ERR_DENIED, ERR_DENIED}, {ERR_NO_PROMPT, ERR_PIN_NEEDED}, {ERR_TIMEOUT, ERR_TIMEOUT}};
	struct token_scene *s = *state;

	s->token.flags = TOKEN_HAS_PAD;
	plug(s);
	for (unsigned i = 0; i < 3; i++) {
		ask(s, i, UNKNOWN, TOKEN_HAS_PAD | TOKEN_PIN_FINAL);
		expect_no_sign(s);
		assert_int_equal(screens(s, ASKPASS_NOTICE), 0);
		expect_last_try_said(s, ASKPASS_CONFIRM);
		answer(s, ASKPASS_CONFIRM, answers[i][0], "");
		expect_end(&s->client[i], answers[i][1]);
		expect_no_sign(s);
	}
	ask(s, 3, 1, TOKEN_HAS_PAD);
	answer(s, ASKPASS_CONFIRM, ERR_OK, "");
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	expect_sent(s, "", TOKEN_USE_PAD | TOKEN_LAST_TRY);
	sign_it(s);
	expect_end(&s->client[3], ERR_OK);
	expect_screen_empty(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TOKEN_TEST(test_asked_when_the_token_wants_one),
	    TOKEN_TEST(test_forwarded_is_said),
	    TOKEN_TEST(test_one_more_chance),
	    TOKEN_TEST(test_asked_again_after_a_good_one),
	    TOKEN_TEST(test_no_end_of_questions),
	    TOKEN_TEST(test_few_tries),
	    TOKEN_TEST(test_last_try),
	    TOKEN_TEST(test_last_try_that_was_not_known),
	    TOKEN_TEST(test_wrong_before_the_last),
	    TOKEN_TEST(test_locked_and_unset),
	    TOKEN_TEST(test_the_person_says_no),
	    TOKEN_TEST(test_longest_pin),
	    TOKEN_TEST(test_asked_before_the_first_request),
	    TOKEN_TEST(test_each_by_the_failure),
	    TOKEN_TEST(test_locked_may_be_unlocked_by_now),
	    TOKEN_TEST(test_keypad),
	    TOKEN_TEST(test_keypad_and_touch),
	    TOKEN_TEST(test_last_try_on_the_keypad),
	};

	return cmocka_run_group_tests(tests, token_group_setup, token_group_teardown);
}
