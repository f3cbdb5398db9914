/* Whose turn it is on each token, and what its helper is asked then. */
#include "tests/support/token_users.h"

/* --- lines ----------------------------------------------------------------------------------- */

static void test_one_after_the_other(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0}, c = {0};
	struct token *t = plug(s, 1);

	token_use_end(&a.use); /* in no line */
	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	begin(s, t, &c, 'c');
	assert_string_equal(told, ""); /* never from within */
	expect_told(s, "a");
	assert_int_equal(token_waiting(t), 2);
	token_use_end(&b.use);
	assert_int_equal(token_waiting(t), 1);
	token_use_end(&a.use);
	assert_string_equal(told, "");
	expect_told(s, "c");
	assert_int_equal(token_waiting(t), 0);
	token_use_end(&c.use);
	token_use_end(&c.use);
	expect_told(s, "");
}

static void test_four_at_once(void **state)
{
	struct modules_scene *s = *state;
	struct user u[6] = {0};
	struct token *t = plug(s, 4);
	uint32_t number[4];

	for (unsigned i = 0; i < 6; i++)
		begin(s, t, &u[i], (char)('a' + i));
	expect_told(s, "abcd");
	assert_int_equal(token_waiting(t), 2);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(ask(&u[i], ""), ERR_OK);
	settle(&s->h);
	for (unsigned i = 0; i < 4; i++)
		number[i] = expect_sign(s, ONE).number;
	/* In any order. */
	say_signed(s, ONE, number[2], "r");
	say_signed(s, ONE, number[0], "r");
	expect_told(s, "c:signed a:signed ");
	token_use_end(&u[2].use);
	expect_told(s, "e");
	say_signed(s, ONE, number[3], "r");
	say_signed(s, ONE, number[1], "r");
	expect_told(s, "d:signed b:signed ");
	/* Fewer ways than turns: nobody loses his, but no more are given. */
	TELL(s, ONE, {FAKE("token", "key"), .parallel = 2});
	token_use_end(&u[0].use);
	token_use_end(&u[1].use);
	expect_told(s, "");
	token_use_end(&u[3].use);
	expect_told(s, "f");
	token_use_end(&u[4].use);
	token_use_end(&u[5].use);
}

static void test_tokens_have_lines_of_their_own(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0}, c = {0};
	struct token *t = plug(s, 1), *other;

	TELL(s, ONE, {FAKE("token", "key")}, {FAKE("other", "key")});
	other = modules_token(s->ms, place_at(s, ONE, "other", "key"));
	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	begin(s, other, &c, 'c');
	expect_told(s, "ac");
	token_use_end(&b.use);
	token_use_end(&a.use);
	token_use_end(&c.use);
}

static void test_ended_and_cut_while_granted(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {.ends = true}, b = {0}, c = {.ends = true};
	struct token *t = plug(s, 1);

	a.cuts = &b;
	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	begin(s, t, &c, 'c');
	expect_told(s, "ac");
}

enum { MANY = 1000 };

static struct user crowd[MANY];

static void test_a_thousand_in_order(void **state)
{
	struct modules_scene *s = *state;
	struct token *t = plug(s, 1);

	memset(crowd, 0, sizeof(crowd));
	for (unsigned i = 0; i < MANY; i++)
		begin(s, t, &crowd[i], 'x');
	assert_int_equal(token_waiting(t), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		expect_told(s, "x");
		assert_true(crowd[i].use.has);
		token_use_end(&crowd[i].use);
	}
	expect_told(s, "");
}

/* --- requests -------------------------------------------------------------------------------- */

static void test_signature(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0};
	struct token *t = plug(s, 1);
	struct token_sign m = {.key = bytes_str("key"),
	    .algorithm = bytes_str("ssh-ed25519"),
	    .data = bytes_str("some data"),
	    .pin = bytes_str("1234"),
	    .flags = TOKEN_LAST_TRY};
	struct token_sign heard;

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	assert_int_equal(token_use_sign(&a.use, &m, false), ERR_LIMIT); /* not its turn yet */
	expect_told(s, "a");
	assert_int_equal(token_use_sign(&b.use, &m, false), ERR_LIMIT);
	assert_int_equal(token_use_sign(&a.use, &m, false), ERR_OK);
	assert_int_equal(token_use_sign(&a.use, &m, false), ERR_LIMIT); /* one at a time */
	settle(&s->h);
	heard = expect_sign(s, ONE);
	expect_nothing(s, ONE);
	assert_true(bytes_is(heard.token, "token"));
	assert_true(bytes_is(heard.key, "key"));
	assert_true(bytes_is(heard.algorithm, "ssh-ed25519"));
	assert_true(bytes_is(heard.data, "some data"));
	assert_true(bytes_is(heard.pin, "1234"));
	assert_int_equal(heard.flags, TOKEN_LAST_TRY);
	say_failed(s, ONE, heard.number, ERR_PIN);
	expect_told(s, "a:pin ");
	/* Its turn still. */
	assert_int_equal(ask(&a, "5678"), ERR_OK);
	settle(&s->h);
	say_signed(s, ONE, expect_sign(s, ONE).number, "r");
	expect_told(s, "a:signed ");
	token_use_end(&a.use);
	expect_told(s, "b");
	token_use_end(&b.use);
	assert_int_equal(token_use_sign(&b.use, &m, false), ERR_LIMIT);
}

static void test_request_that_is_too_big(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0};
	struct token *t = plug(s, 1);
	char *big = calloc(1, LIMIT_TOKEN_MESSAGE);
	struct token_sign m = {
	    .key = bytes_str("key"), .algorithm = bytes_str("x"), .pin = BYTES(big, 256)};

	begin(s, t, &a, 'a');
	expect_told(s, "a");
	assert_int_equal(token_use_sign(&a.use, &m, false), ERR_TOO_LONG);
	m.pin = BYTES_NONE;
	m.data = BYTES(big, LIMIT_TOKEN_MESSAGE);
	assert_int_equal(token_use_sign(&a.use, &m, false), ERR_TOO_LONG);
	free(big);
	settle(&s->h);
	expect_nothing(s, ONE);
	/* The turn is kept. */
	assert_int_equal(ask(&a, ""), ERR_OK);
	settle(&s->h);
	say_signed(s, ONE, expect_sign(s, ONE).number, "r");
	expect_told(s, "a:signed ");
	token_use_end(&a.use);
}

/* Whoever gave up is not told, and the token does one thing at a time all the same. */
static void test_given_up_while_it_signs(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0}, b = {0};
	struct token *t = plug(s, 1);
	uint32_t number;

	begin(s, t, &a, 'a');
	begin(s, t, &b, 'b');
	expect_told(s, "a");
	assert_int_equal(ask(&a, ""), ERR_OK);
	token_use_end(&a.use);
	expect_told(s, "");
	number = expect_sign(s, ONE).number;
	/* The same use again, in line behind. */
	begin(s, t, &a, 'A');
	say_signed(s, ONE, number, "r");
	expect_told(s, "b");
	token_use_end(&b.use);
	expect_told(s, "A");
	token_use_end(&a.use);
}

static void test_given_up_when_it_is_answered(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {.ends = true}, b = {0}, c = {0};
	struct token *t = plug(s, 2);
	uint32_t number;

	begin(s, t, &b, 'b');
	begin(s, t, &c, 'c');
	expect_told(s, "bc");
	assert_int_equal(ask(&b, ""), ERR_OK);
	b.cuts = &c;
	begin(s, t, &a, 'a');
	settle(&s->h);
	number = expect_sign(s, ONE).number;
	say_signed(s, ONE, number, "r");
	expect_told(s, "b:signed a");
	/* It was answered: the number says nothing any more. */
	say_signed(s, ONE, number, "r");
	assert_int_equal(starts_of(s, ONE), 1);
	assert_null(running(s, ONE));
	token_use_end(&b.use);
}

static void test_wrong_kind_of_answer(void **state)
{
	struct modules_scene *s = *state;
	struct user a = {0};
	struct token *t = plug(s, 1);

	begin(s, t, &a, 'a');
	expect_told(s, "a");
	assert_int_equal(ask(&a, ""), ERR_OK);
	settle(&s->h);
	say_selected(s, ONE, expect_sign(s, ONE).number, NULL, NULL);
	assert_null(running(s, ONE));
	expect_told(s, "a:helper ");
	token_use_end(&a.use);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_one_after_the_other),
	    TEST(test_four_at_once),
	    TEST(test_tokens_have_lines_of_their_own),
	    TEST(test_ended_and_cut_while_granted),
	    TEST(test_a_thousand_in_order),
	    TEST(test_signature),
	    TEST(test_request_that_is_too_big),
	    TEST(test_given_up_while_it_signs),
	    TEST(test_given_up_when_it_is_answered),
	    TEST(test_wrong_kind_of_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
