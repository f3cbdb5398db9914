/* PINs of tokens that are remembered. */
#include "tests/support/token_users.h"

#define PIN bytes_str("1234")

static void expect_pin(const struct token *t, bool kept)
{
	const struct blob *pin = token_pin(t);

	assert_int_equal(pin != NULL, kept);
	assert_true(pin == NULL || bytes_is(blob_view(pin), "1234"));
}

static void test_pin_is_kept_for_its_time(void **state)
{
	struct modules_scene *s = *state;
	struct token *t = plug(s, 1);

	expect_pin(t, false);
	token_pin_keep(t, PIN, 30);
	pass(&s->h, 29999);
	expect_pin(t, true);
	token_pin_keep(t, PIN, 30); /* anew */
	pass(&s->h, 29999);
	expect_pin(t, true);
	pass(&s->h, 1);
	expect_pin(t, false);
	token_pin_keep(t, PIN, 0);
	expect_pin(t, false);
	token_pin_keep(t, PIN, 30);
	token_pin_forget(t);
	expect_pin(t, false);
	token_pin_keep(t, PIN, UINT32_MAX);
	pass(&s->h, UINT64_C(1000) * UINT32_MAX + 1000);
	expect_pin(t, true);
	TELL(s, ONE, {FAKE("token", "key")});
	expect_pin(t, true);
	token_hold(t);
	TELL_NONE(s, ONE);
	expect_pin(t, false);
	token_pin_keep(t, PIN, 30); /* it is gone */
	expect_pin(t, false);
	token_release(t);
}

/* It went from one reader to another, and nobody saw it go. */
static void test_pin_does_not_move(void **state)
{
	struct modules_scene *s = *state;
	struct token *t = plug(s, 1);

	TELL(s, ONE, {FAKE("token", "key"), .place = "here"});
	token_pin_keep(t, PIN, 30);
	TELL(s, ONE, {FAKE("token", "key", "more"), .place = "here"});
	expect_pin(t, true);
	TELL(s, ONE, {FAKE("token", "key"), .place = "there"});
	expect_pin(t, false);
	assert_false(token_is_gone(t));
}

static void test_pin_of_impossible_length(void **state)
{
	static const char digits[TOKEN_PIN_MOST + 1] = "1";
	struct modules_scene *s = *state;
	struct token *t = plug(s, 1);

	token_pin_keep(t, BYTES(digits, TOKEN_PIN_MOST), 30);
	assert_int_equal(token_pin(t)->len, TOKEN_PIN_MOST);
	token_pin_keep(t, BYTES(digits, TOKEN_PIN_MOST + 1), 30);
	expect_pin(t, false);
	token_pin_keep(t, PIN, 30);
	token_pin_keep(t, BYTES_NONE, 30);
	expect_pin(t, false);
}

static void test_pin_goes_with_the_helper(void **state)
{
	struct modules_scene *s = *state;
	struct token *t = plug(s, 1);

	token_pin_keep(t, PIN, UINT32_MAX);
	crash(s, ONE);
	expect_pin(t, false);
	token_pin_keep(t, PIN, 30); /* who knows what is there now */
	expect_pin(t, false);
	TELL(s, ONE, {FAKE("token", "key")});
	token_pin_keep(t, PIN, 30);
	expect_pin(t, true);
	say_raw(s, ONE, "\0\0\0\2\2\377", 6);
	expect_pin(t, false);
}

static void test_all_pins_are_forgotten(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0}, c = {0};
	struct token *t = plug(s, 2), *other;
	struct module *m = hold_module(s, TWO);

	hear_openings(s);
	TELL(s, ONE, {FAKE("token", "key"), .parallel = 2}, {FAKE("other", "key")});
	other = modules_token(s->ms, place_at(s, ONE, "other", "key"));
	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	expect_told(s, "ab");
	token_pin_keep(t, PIN, 30);
	token_pin_keep(other, PIN, UINT32_MAX);
	modules_forget_pins(s->ms);
	settle(&s->h);
	expect_logout(s, ONE);
	expect_nothing(s, TWO); /* it is not open yet */
	expect_pin(t, false);
	expect_pin(other, false);
	/* Typed before. */
	token_pin_keep(t, PIN, 30);
	expect_pin(t, false);
	token_pin_keep(other, PIN, 30);
	expect_pin(other, true);
	token_use_end(&a.use);
	begin(s, t, &c, 'c');
	expect_told(s, "c");
	modules_forget_pins(s->ms);
	token_use_end(&c.use);
	token_pin_keep(t, PIN, 30);
	expect_pin(t, false);
	token_use_end(&b.use);
	token_pin_keep(t, PIN, 30);
	expect_pin(t, true);
	module_unref(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_pin_is_kept_for_its_time),
	    TEST(test_pin_does_not_move),
	    TEST(test_pin_of_impossible_length),
	    TEST(test_pin_goes_with_the_helper),
	    TEST(test_all_pins_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
