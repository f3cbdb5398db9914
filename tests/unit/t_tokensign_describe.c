/* What a token's signature is for is found out when a person is to be asked, and not before. */
#include "tests/support/tokensign_scene.h"

static unsigned described;
static enum err describing;

static enum err note_describe(void *ctx)
{
	(void)ctx;
	described++;
	return describing;
}

static struct client *begin_unknown(struct token_scene *s)
{
	struct touch_request r = a_request(s);

	described = 0;
	describing = ERR_OK;
	r.purpose = BYTES_NONE;
	r.started = 0;
	r.describe = note_describe;
	return begin(s, 0, &r);
}

static void describe(struct token_scene *s)
{
	tokensign_describe(s->client[0].sign, bytes_str("\n\nAsked by scp."), 7);
	settle(&s->m.h);
}

static void test_nobody_is_wanted(void **state)
{
	struct token_scene *s = *state;
	struct client *c;

	plug(s);
	c = begin_unknown(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(c, ERR_OK);
	assert_int_equal(described, 0);
}

static void test_before_a_pin_is_asked_for(void **state)
{
	struct token_scene *s = *state;
	struct client *c;
	struct helper_ask m;

	plug(s);
	c = begin_unknown(s);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	assert_int_equal(described, 1);
	expect_screen_empty(s);
	describe(s);
	assert_non_null(shown(&s->m.h, ASKPASS_SECRET, 0, &m));
	assert_true(screen_has(s, ASKPASS_SECRET, "Asked by scp."));
	assert_int_equal(m.started, 7);
	enter(s, "111111");
	expect_sent(s, "111111", 0);
	fail_sign(s, ERR_PIN, 2, 0);
	assert_true(screen_has(s, ASKPASS_SECRET, "Asked by scp."));
	enter(s, "123456");
	expect_sent(s, "123456", 0);
	sign_it(s);
	expect_end(c, ERR_OK);
	assert_int_equal(described, 1);
}

static void test_before_it_is_to_be_plugged_in(void **state)
{
	struct token_scene *s = *state;
	struct client *c;

	unplug(s);
	c = begin_unknown(s);
	assert_int_equal(described, 1);
	expect_screen_empty(s);
	describe(s);
	assert_true(screen_has(s, ASKPASS_CONFIRM, "Asked by scp."));
	plug(s);
	expect_screen_empty(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(c, ERR_OK);
}

static void test_it_comes_before_the_words_do(void **state)
{
	struct token_scene *s = *state;
	struct client *c;

	unplug(s);
	c = begin_unknown(s);
	plug(s);
	expect_sent(s, "", 0);
	describe(s);
	expect_screen_empty(s);
	expect_waiting(c);
	sign_it(s);
	expect_end(c, ERR_OK);
	assert_int_equal(described, 1);
}

static void test_it_goes_while_a_pin_is_to_be_asked_for(void **state)
{
	struct token_scene *s = *state;
	struct client *c;

	plug(s);
	c = begin_unknown(s);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	unplug(s);
	describe(s);
	assert_int_equal(screens(s, ASKPASS_SECRET), 0);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	expect_waiting(c);
	assert_int_equal(described, 1);
}

static void test_they_cannot_be_found_out(void **state)
{
	struct token_scene *s = *state;
	struct touch_request r = a_request(s);
	struct client *c;

	plug(s);
	c = begin_unknown(s);
	describing = ERR_MEMORY;
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, 0);
	expect_end(c, ERR_MEMORY);
	expect_screen_empty(s);
	/* The turn was given back. */
	c = begin(s, 1, &r);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(c, ERR_OK);
}

static void test_the_client_leaves_before(void **state)
{
	struct token_scene *s = *state;
	struct client *c;

	unplug(s);
	c = begin_unknown(s);
	assert_int_equal(described, 1);
	leave(c);
	expect_screen_empty(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TOKEN_TEST(test_nobody_is_wanted),
	    TOKEN_TEST(test_before_a_pin_is_asked_for),
	    TOKEN_TEST(test_before_it_is_to_be_plugged_in),
	    TOKEN_TEST(test_it_comes_before_the_words_do),
	    TOKEN_TEST(test_it_goes_while_a_pin_is_to_be_asked_for),
	    TOKEN_TEST(test_they_cannot_be_found_out),
	    TOKEN_TEST(test_the_client_leaves_before),
	};

	return cmocka_run_group_tests_name(
	    "tokensign, described", tests, token_group_setup, token_group_teardown);
}
