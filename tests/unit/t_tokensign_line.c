/* Several requests that want the PIN of one token: a person is asked by one after the other. */
#include "tests/support/tokensign_scene.h"

/* As many as it signs at once, all of which it wants a PIN for. */
static void all_want_a_pin(struct token_scene *s, unsigned count)
{
	s->token.parallel = (uint8_t)count;
	plug(s);
	for (unsigned i = 0; i < count; i++) {
		ask(s, i, 3, 0);
		assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	}
}

static void expect_only_asked(struct token_scene *s)
{
	expect_no_sign(s);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
}

/* The next one, which is asked for after all. */
static void expect_tried_and_asked(struct token_scene *s)
{
	expect_screen_empty(s);
	expect_sent(s, "", 0);
	expect_no_sign(s);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
}

static void expect_all_waiting(struct token_scene *s, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		expect_waiting(&s->client[i]);
}

/* It lets everybody sign once somebody is logged in. */
static void one_pin_for_all(struct token_scene *s, unsigned count)
{
	all_want_a_pin(s, count);
	expect_only_asked(s);
	enter(s, "1234");
	expect_screen_empty(s);
	expect_sent(s, "1234", 0);
	expect_no_sign(s);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	for (unsigned i = 1; i < count; i++) {
		expect_all_waiting(s, i, count);
		expect_sent(s, "", 0);
		sign_it(s);
		expect_end(&s->client[i], ERR_OK);
		expect_screen_empty(s);
	}
}

static void test_one_pin_for_two(void **state)
{
	one_pin_for_all(*state, 2);
}

static void test_one_pin_for_four(void **state)
{
	one_pin_for_all(*state, 4);
}

/* First come, first served, also by one that comes in between. */
static void test_a_pin_for_each(void **state)
{
	struct token_scene *s = *state;

	all_want_a_pin(s, 3);
	for (unsigned i = 0; i < 4; i++) {
		enter(s, "1234");
		expect_sent(s, "1234", 0);
		sign_it(s);
		expect_end(&s->client[i], ERR_OK);
		expect_all_waiting(s, i + 1, i == 0 ? 3 : 4);
		if (i == 3)
			break;
		expect_tried_and_asked(s);
		if (i == 0) {
			ask(s, 3, 3, 0);
			expect_only_asked(s);
		}
	}
	expect_screen_empty(s);
}

/* Keys that are known to want one each time ask at once. */
static void test_keys_that_want_one_each_time(void **state)
{
	struct token_scene *s = *state;

	s->token.parallel = 2;
	s->token.key_flags = TOKEN_KEY_PIN_EACH;
	plug(s);
	(void)begin_usual(s, 0);
	(void)begin_usual(s, 1);
	expect_only_asked(s);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_tried_and_asked(s);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[1], ERR_OK);
}

/* A wrong one is the asker's to put right; when it may not any more the next is asked, and told
 * what is left. */
static void test_wrong(void **state)
{
	struct token_scene *s = *state;

	all_want_a_pin(s, 2);
	for (uint8_t left = 2; left > 0; left--) {
		enter(s, "1111");
		expect_sent(s, "1111", 0);
		fail_sign(s, ERR_PIN, left, 0);
		if (left == 2)
			expect_only_asked(s);
	}
	expect_end(&s->client[0], ERR_PIN);
	expect_waiting(&s->client[1]);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 1, 0);
	assert_false(screen_has(s, ASKPASS_SECRET, "wrong. "));
	expect_last_try_said(s, ASKPASS_SECRET);
	enter(s, "1234");
	expect_sent(s, "1234", TOKEN_LAST_TRY);
	sign_it(s);
	expect_end(&s->client[1], ERR_OK);
}

static void test_locked_by_the_one_before(void **state)
{
	struct token_scene *s = *state;

	all_want_a_pin(s, 2);
	enter(s, "1111");
	expect_sent(s, "1111", 0);
	fail_sign(s, ERR_PIN, 0, TOKEN_PIN_LOCKED);
	expect_end(&s->client[0], ERR_PIN_LOCKED);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 0, TOKEN_PIN_LOCKED);
	expect_end(&s->client[1], ERR_PIN_LOCKED);
	expect_screen_empty(s);
}

/* One no is not another's. */
static void test_denied(void **state)
{
	struct token_scene *s = *state;

	all_want_a_pin(s, 4);
	for (unsigned i = 0; i < 4; i++) {
		expect_all_waiting(s, i, 4);
		answer(s, ASKPASS_SECRET, i % 2 == 0 ? ERR_DENIED : ERR_TIMEOUT, "");
		expect_end(&s->client[i], i % 2 == 0 ? ERR_DENIED : ERR_TIMEOUT);
		if (i != 3)
			expect_tried_and_asked(s);
	}
	expect_screen_empty(s);
	expect_no_sign(s);
}

/* Of those that leave: the one that asks, that has entered, and that waits. */
static void test_cancelled(void **state)
{
	struct token_scene *s = *state;
	uint32_t entered;

	all_want_a_pin(s, 4);
	leave(&s->client[2]);
	expect_only_asked(s);
	leave(&s->client[0]);
	expect_tried_and_asked(s);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	entered = s->number;
	leave(&s->client[1]);
	expect_tried_and_asked(s);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[3], ERR_OK);
	s->number = entered;
	sign_it(s);
	ask(s, 4, 3, 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
}

/* What is allowed no longer passes it on; all at once, too. */
static void test_not_allowed_any_more(void **state)
{
	struct token_scene *s = *state;

	all_want_a_pin(s, 4);
	s->client[0].allowed = s->client[1].allowed = ERR_LOCKED;
	tokensigns_review(&s->ts);
	settle(&s->m.h);
	expect_end(&s->client[0], ERR_LOCKED);
	expect_end(&s->client[1], ERR_LOCKED);
	expect_tried_and_asked(s);
	s->client[2].allowed = s->client[3].allowed = ERR_LOCKED;
	tokensigns_review(&s->ts);
	settle(&s->m.h);
	expect_end(&s->client[2], ERR_LOCKED);
	expect_end(&s->client[3], ERR_LOCKED);
	expect_screen_empty(s);
	expect_no_sign(s);
}

/* With the token all of it goes, and it begins anew with the one that comes. */
static void test_gone(void **state)
{
	struct token_scene *s = *state;

	all_want_a_pin(s, 2);
	unplug(s);
	assert_int_equal(screens(s, ASKPASS_SECRET), 0);
	expect_no_sign(s);
	expect_all_waiting(s, 0, 2);
	plug(s);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	expect_only_asked(s);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_end(&s->client[1], ERR_OK);
	expect_screen_empty(s);
}

/* The token fails the one that asks: the next goes on. */
static void test_failed(void **state)
{
	struct token_scene *s = *state;

	all_want_a_pin(s, 2);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_TOKEN, UNKNOWN, 0);
	expect_end(&s->client[0], ERR_TOKEN);
	expect_tried_and_asked(s);
	ask(s, 2, 3, 0);
	expect_only_asked(s);
	enter(s, "");
	expect_end(&s->client[1], ERR_DENIED);
	expect_tried_and_asked(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TOKEN_TEST(test_one_pin_for_two),
	    TOKEN_TEST(test_one_pin_for_four),
	    TOKEN_TEST(test_a_pin_for_each),
	    TOKEN_TEST(test_keys_that_want_one_each_time),
	    TOKEN_TEST(test_wrong),
	    TOKEN_TEST(test_locked_by_the_one_before),
	    TOKEN_TEST(test_denied),
	    TOKEN_TEST(test_cancelled),
	    TOKEN_TEST(test_not_allowed_any_more),
	    TOKEN_TEST(test_gone),
	    TOKEN_TEST(test_failed),
	};

	return cmocka_run_group_tests(tests, token_group_setup, token_group_teardown);
}
