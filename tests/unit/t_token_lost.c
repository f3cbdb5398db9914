/* Tokens and helpers that go while they are used. */
#include "tests/support/token_users.h"

static void test_pulled_out(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0}, c = {0}, d = {0};
	struct token *t = plug(s, 2);
	uint32_t number;

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	begin(s, t, &c, 'c');
	expect_told(s, "ab");
	assert_int_equal(ask(&a, ""), ERR_OK);
	settle(&s->h);
	number = expect_sign(s, ONE).number;
	token_hold(t);
	TELL_NONE(s, ONE);
	expect_told(s, "a:gone b:gone c:gone ");
	assert_true(token_is_gone(t));
	begin(s, t, &d, 'd');
	assert_string_equal(told, "");
	expect_told(s, "d:gone ");
	/* The answer to what nobody waits for any more is no nonsense. */
	say_signed(s, ONE, number, "r");
	expect_told(s, "");
	assert_non_null(running(s, ONE));
	token_release(t);
}

/* It came back within one round: another one, with a line of its own. */
static void test_back_again(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0};
	struct token *t = plug(s, 1);

	begin(s, t, &a, 'a');
	expect_told(s, "a");
	assert_int_equal(ask(&a, ""), ERR_OK);
	TELL_NONE(s, ONE);
	TELL(s, ONE, {FAKE("token", "key")});
	expect_told(s, "a:gone ");
	begin(s, modules_token(s->ms, place_at(s, ONE, "token", "key")), &b, 'b');
	expect_told(s, "b");
	token_use_end(&b.use);
}

static void test_cut_while_it_is_lost(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0}, c = {0};
	struct token *t = plug(s, 1);

	a.cuts = &b;
	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	begin(s, t, &c, 'c');
	a.cuts = NULL;
	expect_told(s, "a");
	a.cuts = &b;
	TELL_NONE(s, ONE);
	expect_told(s, "a:gone c:gone ");
}

static void test_helper_crashes(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {.again = true}, b = {0}, c = {0};
	struct token *t = plug(s, 2);

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	begin(s, t, &c, 'c');
	expect_told(s, "ab");
	assert_int_equal(ask(&a, "1234"), ERR_OK);
	settle(&s->h);
	(void)expect_sign(s, ONE);
	crash(s, ONE);
	/* Asked while none is open; who did not ask is told nothing; who waits goes on waiting. */
	expect_told(s, "a:helper a:helper ");
	token_use_end(&b.use);
	token_use_end(&a.use);
	begin(s, t, &a, 'a');
	expect_told(s, "");
	assert_int_equal(starts_of(s, ONE), 2);
	TELL(s, ONE, {FAKE("token", "key"), .parallel = 2});
	expect_told(s, "ca");
	assert_int_equal(ask(&a, "1234"), ERR_OK);
	settle(&s->h);
	say_signed(s, ONE, expect_sign(s, ONE).number, "r");
	expect_told(s, "a:signed ");
	token_use_end(&a.use);
	token_use_end(&c.use);
}

static void test_helper_comes_back_without_the_token(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0};
	struct token *t = plug(s, 1);

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	expect_told(s, "a");
	crash(s, ONE);
	expect_told(s, "");
	TELL_NONE(s, ONE);
	expect_told(s, "a:gone b:gone ");
}

static void test_helper_does_not_come_back(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0};
	struct token *t = plug(s, 1);

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	expect_told(s, "a");
	assert_int_equal(ask(&a, ""), ERR_OK);
	crash(s, ONE);
	expect_told(s, "a:helper ");
	crash(s, ONE);
	expect_told(s, "a:gone b:gone ");
}

/* Only the one that was too slow took too long. */
static void test_no_answer_in_time(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0}, c = {0};
	struct token *t = plug(s, 3);
	struct token_sign m = {
	    .key = bytes_str("key"), .algorithm = bytes_str("x"), .data = bytes_str("data")};

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	begin(s, t, &c, 'c');
	expect_told(s, "abc");
	assert_int_equal(token_use_sign(&a.use, &m, true), ERR_OK);
	pass(&s->h, 1000);
	assert_int_equal(token_use_sign(&b.use, &m, false), ERR_OK);
	pass(&s->h, 1000);
	assert_int_equal(token_use_sign(&c.use, &m, false), ERR_OK);
	pass(&s->h, LIMIT_TOKEN_MS - 1001);
	assert_non_null(running(s, ONE));
	expect_told(s, "");
	pass(&s->h, 1);
	assert_null(running(s, ONE));
	expect_told(s, "a:helper b:timeout c:helper ");
	let_end(s);
	assert_int_equal(starts_of(s, ONE), 2);
	TELL(s, ONE, {FAKE("token", "key"), .parallel = 3});
	/* A person may take longer. */
	assert_int_equal(token_use_sign(&a.use, &m, true), ERR_OK);
	pass(&s->h, LIMIT_TOUCH_MS - 1);
	expect_told(s, "");
	pass(&s->h, 1);
	expect_told(s, "a:timeout ");
	token_use_end(&a.use);
	token_use_end(&b.use);
	token_use_end(&c.use);
}

/* Nor may it take longer for what nobody waits for. */
static void test_no_answer_to_what_was_given_up(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0};
	struct token *t = plug(s, 1);

	begin(s, t, &a, 'a');
	expect_told(s, "a");
	assert_int_equal(ask(&a, ""), ERR_OK);
	token_use_end(&a.use);
	begin(s, t, &b, 'b');
	pass(&s->h, LIMIT_TOKEN_MS);
	assert_null(running(s, ONE));
	expect_told(s, "");
	let_end(s);
	TELL(s, ONE, {FAKE("token", "key")});
	expect_told(s, "b");
	token_use_end(&b.use);
}

/* Who waits or has the turn holds the module, whatever becomes of its keys. */
static void test_keys_removed_meanwhile(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0};
	struct token *t = plug(s, 1);

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	modules_key_removed(s->ms, place_at(s, ONE, "token", "key"));
	expect_told(s, "a");
	assert_int_equal(ask(&a, ""), ERR_OK);
	settle(&s->h);
	say_signed(s, ONE, expect_sign(s, ONE).number, "r");
	expect_told(s, "a:signed ");
	token_use_end(&b.use);
	assert_non_null(running(s, ONE));
	token_use_end(&a.use);
	assert_null(running(s, ONE));
	assert_null(module_find(s->ms, bytes_str(ONE)));
}

/* Its helper is ended with what nobody waits for. */
static void test_given_up_with_the_module(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0};
	struct token *t = plug(s, 1);

	begin(s, t, &a, 'a');
	expect_told(s, "a");
	assert_int_equal(ask(&a, ""), ERR_OK);
	modules_key_removed(s->ms, place_at(s, ONE, "token", "key"));
	token_use_end(&a.use);
	settle(&s->h);
	assert_null(module_find(s->ms, bytes_str(ONE)));
	pass(&s->h, LIMIT_TOKEN_MS);
	expect_told(s, "");
}

static void test_freed_while_used(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0}, c = {.frees = true}, d = {0};
	struct token *t = plug(s, 3);
	uint32_t number;

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	begin(s, t, &c, 'c');
	begin(s, t, &d, 'd');
	expect_told(s, "abc");
	assert_int_equal(ask(&a, ""), ERR_OK);
	assert_int_equal(ask(&c, ""), ERR_OK);
	settle(&s->h);
	(void)expect_sign(s, ONE);
	number = expect_sign(s, ONE).number;
	say_signed(s, ONE, number, "r");
	expect_told(s, "c:signed ");
	assert_null(s->ms);
	assert_null(a.use.token);
	token_use_end(&a.use);
	token_use_end(&b.use);
	token_use_end(&d.use);
	assert_null(running(s, ONE));
}

static void test_freed_while_told(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {.frees = true}, b = {0}, c = {0};
	struct token *t = plug(s, 2);

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	begin(s, t, &c, 'c');
	expect_told(s, "ab");
	assert_int_equal(ask(&a, ""), ERR_OK);
	assert_int_equal(ask(&b, ""), ERR_OK);
	crash(s, ONE);
	expect_told(s, "a:helper ");
	assert_null(c.use.token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_pulled_out),
	    TEST(test_back_again),
	    TEST(test_cut_while_it_is_lost),
	    TEST(test_helper_crashes),
	    TEST(test_helper_comes_back_without_the_token),
	    TEST(test_helper_does_not_come_back),
	    TEST(test_no_answer_in_time),
	    TEST(test_no_answer_to_what_was_given_up),
	    TEST(test_keys_removed_meanwhile),
	    TEST(test_given_up_with_the_module),
	    TEST(test_freed_while_used),
	    TEST(test_freed_while_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
