/* The helpers of modules: their life, and what they tell. */
#include "tests/support/modules_scene.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, modules_setup, modules_teardown)

static void expect_presence(struct modules_scene *s, const char *token, enum presence p)
{
	assert_int_equal(modules_presence(s->ms, place_at(s, ONE, token, "key")), p);
}

static void test_runs_as_long_as_it_is_held(void **state)
{
	struct modules_scene *s = *state;
	struct module *m, *same;

	assert_null(module_find(s->ms, bytes_str(ONE)));
	m = hold_module(s, ONE);
	same = hold_module(s, ONE);
	assert_ptr_equal(m, same);
	assert_ptr_equal(module_find(s->ms, bytes_str(ONE)), m);
	assert_true(bytes_is(module_path(m), ONE));
	assert_non_null(running(s, ONE));
	assert_int_equal(module_trouble(m), ERR_OK);
	module_unref(m);
	assert_non_null(running(s, ONE));
	module_unref(same);
	assert_null(module_find(s->ms, bytes_str(ONE)));
	assert_null(running(s, ONE));
	let_end(s);
	assert_int_equal(s->h.calls.open, 0);
	assert_int_equal(starts_of(s, ONE), 1);
}

/* Removed and added again at once: the helper goes on. */
static void test_given_up_and_taken_again(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	hear_openings(s);
	module_unref(m);
	m = hold_module(s, ONE);
	assert_int_equal(starts_of(s, ONE), 1);
	assert_non_null(running(s, ONE));
	module_unref(m);
	assert_null(running(s, ONE));
}

static void test_modules_and_cards_at_once(void **state)
{
	struct modules_scene *s = *state;
	struct module *one = module_get(s->ms, bytes_str(ONE), TOKEN_OPEN_NETWORK);
	struct module *cards = hold_module(s, MODULE_CARDS);

	assert_non_null(running(s, ONE));
	assert_int_equal(s->process[0].flags, TOKEN_OPEN_NETWORK);
	assert_int_equal(running(s, MODULE_CARDS)->program, HELPER_CARD);
	assert_int_equal(s->process[1].flags, 0);
	TELL(s, ONE, {FAKE("token", "key")});
	TELL(s, MODULE_CARDS, {.id = ""}, {FAKE("piv", "9a"), .type = TOKEN_PIV});
	assert_true(bytes_is(token_about(module_next_token(one, NULL))->id, "token"));
	assert_int_equal(token_about(module_next_token(cards, NULL))->type, TOKEN_READER);
	crash(s, ONE);
	assert_int_equal(starts_of(s, MODULE_CARDS), 1);
	assert_int_equal(starts_of(s, ONE), 2);
	module_unref(one);
	assert_non_null(running(s, MODULE_CARDS));
	module_unref(cards);
}

static void test_so_many_modules(void **state)
{
	struct modules_scene *s = *state;
	struct module *m[LIMIT_MODULES];
	char path[32];

	for (unsigned i = 0; i < LIMIT_MODULES; i++) {
		(void)snprintf(path, sizeof(path), "/lib/%u.so", i);
		m[i] = hold_module(s, path);
	}
	assert_null(module_get(s->ms, bytes_str(ONE), 0));
	assert_ptr_equal(module_get(s->ms, bytes_str("/lib/3.so"), 0), m[3]);
	module_unref(m[3]);
	module_unref(m[3]);
	/* Its room is free at once. */
	m[3] = hold_module(s, ONE);
	assert_null(module_get(s->ms, bytes_str(TWO), 0));
	assert_null(module_get(s->ms, BYTES_NONE, 0));
	for (unsigned i = 0; i < LIMIT_MODULES; i++)
		module_unref(m[i]);
}

/* --- what is there --------------------------------------------------------------------------- */

static void test_inventory(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);
	struct token *a, *b;
	struct token_key key;

	assert_null(module_next_token(m, NULL));
	TELL(s, ONE, {FAKE("a", "1", "2"), .parallel = 3, .tries = 2, .flags = TOKEN_PIN_LOW},
	    {FAKE("b", NULL)});
	a = module_next_token(m, NULL);
	b = module_next_token(m, a);
	assert_null(module_next_token(m, b));
	assert_int_equal(token_about(a)->parallel, 3);
	assert_int_equal(token_about(a)->tries, 2);
	assert_int_equal(token_about(a)->flags, TOKEN_PIN_LOW);
	assert_int_equal(token_about(a)->keys.left, 0);
	assert_int_equal(token_nth_key(a, 1, &key), ERR_OK);
	assert_true(bytes_is(key.id, "2"));
	assert_true(bytes_equal(key.public, some_public()));
	assert_int_equal(token_nth_key(a, 2, &key), ERR_NOT_FOUND);
	assert_int_equal(token_nth_key(b, 0, &key), ERR_NOT_FOUND);
	assert_int_equal(token_find_key(a, bytes_str("1"), &key), ERR_OK);
	assert_true(bytes_is(key.label, "1"));
	assert_int_equal(token_find_key(b, bytes_str("1"), &key), ERR_NOT_FOUND);
	assert_ptr_equal(modules_token(s->ms, place_at(s, ONE, "b", "any")), b);
	assert_null(modules_token(s->ms, place_at(s, ONE, "c", "any")));
	assert_null(modules_token(s->ms, place_at(s, TWO, "b", "any")));
	module_unref(m);
}

/* The same token stays what it is, wherever it is now and whatever it shows. */
static void test_tokens_are_known_by_their_id(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);
	struct token *a, *b, *c;
	struct token_key key;

	TELL(s, ONE, {FAKE("a", "1")}, {FAKE("b", "1")}, {FAKE("c", "1")});
	a = token_hold(module_next_token(m, NULL));
	b = token_hold(module_next_token(m, a));
	c = token_hold(module_next_token(m, b));
	token_pin_keep(b, bytes_str("1234"), 60);
	token_pin_keep(c, bytes_str("1234"), 60);
	TELL(s, ONE, {FAKE("new", "1")}, {FAKE("b", "2"), .place = "Elsewhere"}, {FAKE("a", "1")});
	assert_true(token_is_gone(c));
	assert_null(token_pin(c));
	assert_null(token_pin(b)); /* it left its reader */
	assert_false(token_is_gone(a));
	assert_true(bytes_is(token_about(module_next_token(m, NULL))->id, "new"));
	assert_ptr_equal(module_next_token(m, b), a);
	assert_null(module_next_token(m, a));
	assert_true(bytes_is(token_about(b)->place, "Elsewhere"));
	assert_int_equal(token_find_key(b, bytes_str("2"), &key), ERR_OK);
	assert_int_equal(token_find_key(b, bytes_str("1"), &key), ERR_NOT_FOUND);
	/* What a token that is gone told last is there as long as it is held. */
	assert_true(bytes_is(token_about(c)->id, "c"));
	assert_int_equal(token_find_key(c, bytes_str("1"), &key), ERR_OK);
	TELL(s, ONE, {FAKE("c", "1")});
	assert_true(token_is_gone(c));
	assert_ptr_not_equal(module_next_token(m, NULL), c);
	module_unref(m);
	settle(&s->h);
	assert_true(token_is_gone(a));
	token_release(a);
	token_release(b);
	token_release(c);
	token_release(NULL);
}

static void test_presence(void **state)
{
	struct modules_scene *s = *state;
	struct module *m;

	expect_presence(s, "token", PRESENCE_UNKNOWN);
	m = hold_module(s, ONE);
	expect_presence(s, "token", PRESENCE_UNKNOWN);
	TELL_NONE(s, ONE);
	expect_presence(s, "token", PRESENCE_ABSENT);
	assert_int_equal(s->changes, 1);
	TELL(s, ONE, {FAKE("token", "other"), .type = TOKEN_PIV});
	expect_presence(s, "token", PRESENCE_ABSENT);
	/* A login may show it. */
	TELL(s, ONE, {FAKE("token", "other")});
	expect_presence(s, "token", PRESENCE_UNKNOWN);
	expect_presence(s, "other token", PRESENCE_ABSENT);
	TELL(s, ONE, {FAKE("token", "other", "key")});
	expect_presence(s, "token", PRESENCE_HERE);
	assert_int_equal(s->changes, 4);
	assert_int_equal(modules_presence(s->ms, bytes_str("nonsense")), PRESENCE_UNKNOWN);
	module_unref(m);
	settle(&s->h);
	expect_presence(s, "token", PRESENCE_UNKNOWN);
}

static void test_trouble_that_is_told(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);
	static const struct fake_token none = {.id = NULL};

	tell_tokens(s, ONE, &none, ERR_NO_READER);
	assert_int_equal(module_trouble(m), ERR_NO_READER);
	expect_presence(s, "token", PRESENCE_ABSENT);
	TELL(s, ONE, {FAKE("token", "key")});
	assert_int_equal(module_trouble(m), ERR_OK);
	assert_int_equal(starts_of(s, ONE), 1);
	module_unref(m);
}

static void test_listeners(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	TELL_NONE(s, ONE);
	assert_int_equal(s->changes, 1);
	modules_unlisten(s->ms, &s->listener);
	modules_unlisten(s->ms, &s->listener);
	TELL_NONE(s, ONE);
	assert_int_equal(s->changes, 1);
	modules_listen(s->ms, &s->listener);
	modules_listen(s->ms, &s->listener);
	TELL_NONE(s, ONE);
	assert_int_equal(s->changes, 2);
	module_unref(m);
}

/* --- keys in the store ----------------------------------------------------------------------- */

static void test_keys_hold_their_module(void **state)
{
	struct modules_scene *s = *state;
	struct bytes key = place_at(s, ONE, "token", "key"), other = place_at(s, ONE, "token", "2");

	modules_key_removed(s->ms, key);
	assert_int_equal(modules_key_added(s->ms, key), ERR_OK);
	assert_int_equal(modules_key_added(s->ms, key), ERR_OK);
	assert_int_equal(modules_key_added(s->ms, other), ERR_OK);
	assert_int_equal(modules_key_added(s->ms, bytes_str("nonsense")), ERR_FORMAT);
	assert_non_null(running(s, ONE));
	modules_key_removed(s->ms, key);
	modules_key_removed(s->ms, other);
	modules_key_removed(s->ms, other); /* not there any more */
	assert_non_null(running(s, ONE));
	modules_key_removed(s->ms, key);
	assert_null(running(s, ONE));
	assert_null(module_find(s->ms, bytes_str(ONE)));
}

static void test_places(void **state)
{
	struct modules_scene *s = *state;
	struct bytes good = place_at(s, ONE, "token", "key");
	struct place p;
	char long_id[TOKEN_ID_MOST + 2];

	assert_int_equal(place_parse(good, &p), ERR_OK);
	assert_true(bytes_is(p.module, ONE));
	assert_true(bytes_is(p.token, "token"));
	assert_true(bytes_is(p.key, "key"));
	for (size_t n = 0; n < good.len; n++)
		assert_int_equal(place_parse(BYTES(good.data, n), &p), ERR_FORMAT);
	/* There is a NUL behind it. */
	assert_int_equal(place_parse(BYTES(good.data, good.len + 1), &p), ERR_FORMAT);
	assert_int_equal(place_parse(place_at(s, "", "token", "key"), &p), ERR_FORMAT);
	assert_int_equal(place_parse(place_at(s, ONE, "", "key"), &p), ERR_FORMAT);
	assert_int_equal(place_parse(place_at(s, ONE, "token", ""), &p), ERR_FORMAT);
	memset(long_id, 'x', sizeof(long_id));
	long_id[TOKEN_ID_MOST + 1] = '\0';
	assert_int_equal(place_parse(place_at(s, ONE, long_id, "key"), &p), ERR_FORMAT);
	assert_int_equal(place_parse(place_at(s, ONE, "token", long_id), &p), ERR_FORMAT);
	long_id[TOKEN_ID_MOST] = '\0';
	assert_int_equal(place_parse(place_at(s, ONE, long_id, long_id), &p), ERR_OK);
}

static void test_awaited(void **state)
{
	struct modules_scene *s = *state;
	struct bytes key = place_at(s, ONE, "token", "key"), two = place_at(s, TWO, "token", "key");
	struct module *m = hold_module(s, ONE), *other = hold_module(s, TWO);

	modules_await(s->ms, place_at(s, "/lib/none.so", "token", "key"));
	modules_await_no_more(s->ms, two);
	modules_await(s->ms, key); /* before it is open */
	expect_nothing(s, ONE);
	TELL_NONE(s, ONE);
	TELL_NONE(s, TWO);
	expect_watch(s, ONE, true);
	modules_await(s->ms, key);
	settle(&s->h);
	expect_nothing(s, ONE);
	module_unref(m); /* held by who waits */
	crash(s, ONE);
	TELL_NONE(s, ONE);
	expect_watch(s, ONE, true);
	modules_await_no_more(s->ms, key);
	settle(&s->h);
	expect_nothing(s, ONE);
	m = module_ref(module_find(s->ms, bytes_str(ONE)));
	modules_await_no_more(s->ms, key);
	settle(&s->h);
	expect_watch(s, ONE, false);
	expect_nothing(s, TWO);
	module_unref(m);
	module_unref(other);
}

/* --- helpers that end ------------------------------------------------------------------------ */

/* The next one comes after so long, and not before. */
static void expect_pause(struct modules_scene *s, uint64_t ms)
{
	unsigned before = starts_of(s, ONE);

	assert_null(running(s, ONE));
	pass(&s->h, ms - 1);
	assert_int_equal(starts_of(s, ONE), before);
	pass(&s->h, 1);
	assert_int_equal(starts_of(s, ONE), before + 1);
	assert_non_null(running(s, ONE));
}

static void test_started_again(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	TELL(s, ONE, {FAKE("token", "key")});
	crash(s, ONE);
	/* At once, and what was there is there still. */
	assert_int_equal(starts_of(s, ONE), 2);
	expect_presence(s, "token", PRESENCE_HERE);
	assert_int_equal(s->changes, 1);
	TELL(s, ONE, {FAKE("token", "key")});
	crash(s, ONE);
	expect_presence(s, "token", PRESENCE_HERE);
	expect_pause(s, 1000);
	TELL_NONE(s, ONE);
	expect_presence(s, "token", PRESENCE_ABSENT);
	crash(s, ONE);
	expect_pause(s, 2000);
	TELL(s, ONE, {FAKE("token", "key")});
	crash(s, ONE);
	/* Too long to rely on it. */
	expect_presence(s, "token", PRESENCE_UNKNOWN);
	assert_null(module_next_token(m, NULL));
	assert_int_equal(module_trouble(m), ERR_HELPER);
	expect_pause(s, 4000);
	TELL(s, ONE, {FAKE("token", "key")});
	assert_int_equal(module_trouble(m), ERR_OK);
	pass(&s->h, 59999);
	crash(s, ONE);
	expect_pause(s, 8000);
	TELL(s, ONE, {FAKE("token", "key")});
	pass(&s->h, 60000);
	crash(s, ONE);
	assert_int_equal(starts_of(s, ONE), 7);
	expect_presence(s, "token", PRESENCE_HERE);
	module_unref(m);
}

static void test_that_never_opens(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);
	static const unsigned pauses[] = {1, 2, 4, 8, 16, 32, 60, 60};

	for (unsigned i = 0; i < 8; i++) {
		crash(s, ONE);
		assert_int_equal(module_trouble(m), ERR_HELPER);
		expect_presence(s, "token", PRESENCE_UNKNOWN);
		expect_pause(s, (uint64_t)pauses[i] * 1000);
	}
	assert_int_equal(s->changes, 8);
	module_unref(m);
}

static void test_that_does_not_come_back(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	TELL(s, ONE, {FAKE("token", "key")});
	crash(s, ONE);
	expect_presence(s, "token", PRESENCE_HERE);
	crash(s, ONE);
	expect_presence(s, "token", PRESENCE_UNKNOWN);
	assert_null(module_next_token(m, NULL));
	module_unref(m);
}

static void test_no_inventory_in_time(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	hear_openings(s);
	pass(&s->h, LIMIT_TOKEN_MS - 1);
	assert_non_null(running(s, ONE));
	pass(&s->h, 1);
	assert_null(running(s, ONE));
	let_end(s);
	assert_int_equal(module_trouble(m), ERR_TOKEN_TIMEOUT);
	module_unref(m);
}

static void test_that_cannot_be_loaded(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	hear_openings(s);
	say_failed(s, ONE, 0, ERR_MODULE);
	let_end(s);
	assert_int_equal(module_trouble(m), ERR_MODULE);
	expect_pause(s, 1000);
	TELL_NONE(s, ONE);
	assert_int_equal(module_trouble(m), ERR_OK);
	module_unref(m);
}

static void test_that_cannot_be_started(void **state)
{
	struct modules_scene *s = *state;
	struct module *m;

	s->h.unable = true;
	m = hold_module(s, ONE);
	settle(&s->h);
	assert_int_equal(module_trouble(m), ERR_HELPER_MISSING);
	s->h.unable = false;
	pass(&s->h, 1000);
	assert_non_null(running(s, ONE));
	module_unref(m);
}

/* One that hangs when it is to end is killed, and only then comes the next. */
static void test_that_does_not_end(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	TELL(s, ONE, {FAKE("token", "key")});
	say_failed(s, ONE, 17, ERR_TOKEN);
	assert_null(running(s, ONE));
	assert_int_equal(starts_of(s, ONE), 1);
	pass(&s->h, LIMIT_CANCEL_MS);
	assert_true(s->h.helper[0]->killed);
	assert_int_equal(starts_of(s, ONE), 2);
	expect_presence(s, "token", PRESENCE_HERE);
	module_unref(m);
}

/* --- helpers that misbehave ------------------------------------------------------------------ */

static void expect_ended(struct modules_scene *s, struct module *m, enum err trouble)
{
	assert_null(running(s, ONE));
	let_end(s);
	assert_int_equal(module_trouble(m), trouble);
	pass(&s->h, 60000);
	assert_non_null(running(s, ONE));
}

static void test_nonsense(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);
	struct builder b = {0};

	hear_openings(s);
	say_raw(s, ONE, "\0\0\0\2\2\377", 6); /* no message */
	expect_ended(s, m, ERR_REPLY);
	say_raw(s, ONE, "\0\0\0\2\1\121", 6); /* of another version */
	expect_ended(s, m, ERR_VERSION);
	say_raw(s, ONE, "\0\0\0\2\2\121", 6); /* no fields */
	expect_ended(s, m, ERR_REPLY);
	say_raw(s, ONE, "\0\20\0\1", 4); /* too long */
	expect_ended(s, m, ERR_REPLY);
	token_watch_build(&b, true); /* a request */
	say(s, ONE, &b);
	expect_ended(s, m, ERR_REPLY);
	TELL(s, ONE, {FAKE("same", "1")}, {FAKE("same", "1")});
	expect_ended(s, m, ERR_REPLY);
	module_unref(m);
}

static void test_answers_that_nobody_asked_for(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	hear_openings(s);
	say_signed(s, ONE, 1, "r");
	expect_ended(s, m, ERR_REPLY);
	say_selected(s, ONE, 1, NULL, NULL);
	expect_ended(s, m, ERR_REPLY);
	say_failed(s, ONE, 1, ERR_TOKEN);
	expect_ended(s, m, ERR_REPLY);
	/* It was opened already. */
	TELL_NONE(s, ONE);
	say_failed(s, ONE, 0, ERR_MODULE);
	expect_ended(s, m, ERR_REPLY);
	module_unref(m);
}

static void test_flood(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	hear_openings(s);
	for (unsigned i = 0; i < 128; i++)
		TELL_NONE(s, ONE);
	pass(&s->h, 10000);
	for (unsigned i = 0; i < 128; i++)
		TELL_NONE(s, ONE);
	assert_non_null(running(s, ONE));
	TELL_NONE(s, ONE);
	assert_null(running(s, ONE));
	module_unref(m);
}

/* --- the end --------------------------------------------------------------------------------- */

static void test_freed_while_held(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);
	struct token *t;

	assert_int_equal(modules_key_added(s->ms, place_at(s, ONE, "token", "key")), ERR_OK);
	modules_await(s->ms, place_at(s, ONE, "token", "key"));
	TELL(s, ONE, {FAKE("token", "key")});
	t = token_hold(module_next_token(m, NULL));
	token_pin_keep(t, bytes_str("1234"), 600);
	modules_unlisten(s->ms, &s->listener);
	modules_free(s->ms);
	s->ms = NULL;
	assert_true(token_is_gone(t));
	assert_null(token_pin(t));
	settle(&s->h);
	assert_null(running(s, ONE));
	token_release(t);
	module_unref(m);
	module_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_runs_as_long_as_it_is_held),
	    TEST(test_given_up_and_taken_again),
	    TEST(test_modules_and_cards_at_once),
	    TEST(test_so_many_modules),
	    TEST(test_inventory),
	    TEST(test_tokens_are_known_by_their_id),
	    TEST(test_presence),
	    TEST(test_trouble_that_is_told),
	    TEST(test_listeners),
	    TEST(test_keys_hold_their_module),
	    TEST(test_places),
	    TEST(test_awaited),
	    TEST(test_started_again),
	    TEST(test_that_never_opens),
	    TEST(test_that_does_not_come_back),
	    TEST(test_no_inventory_in_time),
	    TEST(test_that_cannot_be_loaded),
	    TEST(test_that_cannot_be_started),
	    TEST(test_that_does_not_end),
	    TEST(test_nonsense),
	    TEST(test_answers_that_nobody_asked_for),
	    TEST(test_flood),
	    TEST(test_freed_while_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
