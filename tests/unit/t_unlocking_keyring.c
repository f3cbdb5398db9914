/* Passphrases from the keyring and to it, and helpers that answer nonsense. */
#include "tests/support/unlock_scene.h"

static void test_the_keyring_has_it(void **state)
{
	struct unlock_scene *s = *state;

	(void)begin(s, 0);
	try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	keyring_gives(s, "kept");
	try_fits(s, "kept");
	expect_end(&s->client[0], ERR_OK);
	assert_int_equal(s->client[0].how, UNLOCK_KEYRING);
	expect_unlocked(s, true);
	expect_nothing_shown(&s->h);
	assert_int_equal(started(s, HELPER_KEYRING), 1);
}

static void test_a_stale_one_is_tried_once_and_replaced(void **state)
{
	struct unlock_scene *s = *state;

	(void)begin(s, 0);
	try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	keyring_gives(s, "stale");
	try_fails(s, "stale", ERR_PASSPHRASE);
	assert_true(shown_has(&s->h, ASKPASS_SECRET, "The passphrase in the keyring is wrong. "));
	assert_true(shown_has(&s->h, ASKPASS_SECRET, "The one that you enter replaces it there."));
	enter(s, "wrong");
	/* Not before it fits. */
	assert_null(running(s, HELPER_KEYRING, 0));
	try_fails(s, "wrong", ERR_PASSPHRASE);
	enter(s, "fresh");
	try_fits(s, "fresh");
	expect_end(&s->client[0], ERR_OK);
	expect_nothing_shown(&s->h);
	expect_stored(s, "fresh");
	assert_int_equal(started(s, HELPER_KEYRING), 2);
}

/* To after the unlocking with what was typed. */
static void unlock_typed(struct unlock_scene *s, unsigned number)
{
	(void)begin_asked(s, number);
	enter(s, "typed");
	try_fits(s, "typed");
	expect_end(&s->client[number], ERR_OK);
}

static void test_remember(void **state)
{
	struct unlock_scene *s = *state;
	struct helper_ask m;

	unlock_typed(s, 0);
	assert_non_null(shown(&s->h, ASKPASS_CONFIRM, 0, &m));
	assert_true(bytes_is(m.title, "Signet: remember a passphrase"));
	assert_true(shown_has(&s->h, ASKPASS_CONFIRM,
	    "Remember the passphrase of the key file \"" FILE_PATH "\" in the keyring?\n"));
	/* No terminal is asked, and no process is named whose terminal that could be. */
	assert_int_equal(m.flags, HELPER_ASK_FORWARDED);
	assert_int_equal(m.pid, 0);
	assert_null(running(s, HELPER_KEYRING, 0));
	answer_shown(&s->h, ASKPASS_CONFIRM, ERR_OK, "");
	expect_stored(s, "typed");
	assert_null(s->us.reminders);
}

static void test_a_no_holds(void **state)
{
	struct unlock_scene *s = *state;

	unlock_typed(s, 0);
	answer_shown(&s->h, ASKPASS_CONFIRM, ERR_TIMEOUT, "");
	assert_null(s->us.reminders);
	store_relock_all(s->store);
	unlock_typed(s, 1);
	assert_int_equal(shown_count(&s->h, ASKPASS_CONFIRM), 1);
	answer_shown(&s->h, ASKPASS_CONFIRM, ERR_DENIED, "");
	store_relock_all(s->store);
	unlock_typed(s, 2);
	expect_nothing_shown(&s->h);
	assert_null(running(s, HELPER_KEYRING, 0));
}

/* While it waits for its answer, the passphrase waits too. */
static void test_no_question_stays(void **state)
{
	struct unlock_scene *s = *state;

	unlock_typed(s, 0);
	store_relock_all(s->store);
	unlock_typed(s, 1);
	let_ending_helpers_end(&s->h);
	assert_int_equal(shown_count(&s->h, ASKPASS_CONFIRM), 1);
	for (unsigned i = 0; i < 2; i++) {
		if (i == 0)
			s->lock.on = true;
		else
			s->session.locked = true;
		unlockings_review(&s->us);
		settle(&s->h);
		assert_null(s->us.reminders);
		expect_nothing_shown(&s->h);
		let_ending_helpers_end(&s->h);
		s->lock.on = s->session.locked = false;
		store_relock_all(s->store);
		unlock_typed(s, 2 + i);
	}
	/* Other reasons to look again leave it alone. */
	unlockings_review(&s->us);
	settle(&s->h);
	assert_int_equal(shown_count(&s->h, ASKPASS_CONFIRM), 1);
}

static void test_rules(void **state)
{
	struct unlock_scene *s = *state;

	s->config.keyring = KEYRING_RULE_YES;
	unlock_typed(s, 0);
	expect_nothing_shown(&s->h);
	expect_stored(s, "typed");
	store_relock_all(s->store);
	s->config.keyring = KEYRING_RULE_NO;
	(void)begin(s, 1);
	try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	assert_null(running(s, HELPER_KEYRING, 0));
	enter(s, "typed");
	try_fits(s, "typed");
	expect_end(&s->client[1], ERR_OK);
	expect_nothing_shown(&s->h);
	assert_null(running(s, HELPER_KEYRING, 0));
}

/* Without one, or with one that stays locked, a person is asked, and nothing is stored. */
static void test_no_keyring(void **state)
{
	static const enum err answers[] = {
	    ERR_NO_KEYRING, ERR_KEYRING_LOCKED, ERR_KEYRING, ERR_TIMEOUT};
	struct unlock_scene *s = *state;
	unsigned n = 0;

	for (unsigned rule = KEYRING_RULE_ASK; rule <= KEYRING_RULE_YES; rule++) {
		s->config.keyring = rule;
		for (unsigned i = 0; i < 4; i++) {
			(void)begin(s, n);
			try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
			keyring_fails(s, answers[i] != ERR_TIMEOUT ? answers[i] : ERR_KEYRING);
			assert_false(shown_has(&s->h, ASKPASS_SECRET, "keyring"));
			enter(s, "typed");
			try_fits(s, "typed");
			expect_end(&s->client[n++], ERR_OK);
			expect_nothing_shown(&s->h);
			assert_null(running(s, HELPER_KEYRING, 0));
			store_relock_all(s->store);
		}
	}
	/* One that hangs. */
	(void)begin(s, n);
	try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	pass(&s->h, LIMIT_PROMPT_MS + LIMIT_DEVICE_MS);
	pass(&s->h, LIMIT_CANCEL_MS);
	assert_int_equal(shown_count(&s->h, ASKPASS_SECRET), 1);
}

/* --- nonsense --- */

static void say_raw(struct unlock_scene *s, const void *p, size_t n)
{
	struct helper *h = expect_try(s, NULL);

	helper_say(h, p, n);
	settle(&s->h);
	helper_close(h);
	let_check(s);
}

static void test_nonsense(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum err why;
	} table[] = {
#define RAW(text, why) {text, sizeof(text) - 1, why}
	    RAW("\0\0\0\2\2\163", ERR_REPLY),                       /* another kind */
	    RAW("\0\0\0\3\2\162\377", ERR_REPLY),                   /* no such error */
	    RAW("\0\0\0\3\2\162\0", ERR_REPLY),                     /* it "failed" with success */
	    RAW("\0\0\0\4\2\162\1\1", ERR_REPLY),                   /* surplus */
	    RAW("\0\0\0\3\7\162\1", ERR_VERSION),                   /* a newer helper */
	    RAW("\0\0\0\6\2\161\0\0\0\0", ERR_REPLY),               /* cut off */
	    RAW("\0\0\0\12\2\161\0\0\0\0\0\0\0\0", ERR_REPLY),      /* no key */
	    RAW("\377\377\377\377", ERR_REPLY),                     /* a length over the limit */
	    RAW("\0\0\0\3\2\162\1\0\0\0\3\2\162\1", ERR_REPLY),     /* two answers */
	    RAW("", ERR_HELPER),                                    /* none */
	    RAW("\0\0\0\13\2\161\0\0\0\1x\0\0\0\0", ERR_TRUNCATED), /* a key that is none */
#undef RAW
	};
	struct unlock_scene *s = *state;

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct client *c = begin(s, 0);

		say_raw(s, table[i].bytes, table[i].n);
		expect_end(c, table[i].why);
		expect_unlocked(s, false);
		expect_nothing_shown(&s->h);
	}
	assert_int_equal(doubts, 0);
}

/* Errors that do not fit what was sent must not lead to questions without end. */
static void test_errors_out_of_place(void **state)
{
	struct unlock_scene *s = *state;

	(void)begin(s, 0);
	try_fails(s, NULL, ERR_PASSPHRASE);
	expect_end(&s->client[0], ERR_REPLY);
	(void)begin_asked(s, 1);
	enter(s, "typed");
	try_fails(s, "typed", ERR_PASSPHRASE_NEEDED);
	expect_end(&s->client[1], ERR_REPLY);
	(void)begin(s, 2);
	try_fails(s, NULL, ERR_FILE_COST);
	expect_end(&s->client[2], ERR_FILE_COST);
	(void)begin(s, 3);
	pass(&s->h, LIMIT_UNLOCK_MS);
	pass(&s->h, LIMIT_CANCEL_MS);
	expect_end(&s->client[3], ERR_TIMEOUT);
	s->h.unable = true;
	(void)begin(s, 4);
	expect_end(&s->client[4], ERR_HELPER_MISSING);
	expect_nothing_shown(&s->h);
	expect_unlocked(s, false);
}

static void test_the_file_is_another(void **state)
{
	struct unlock_scene *s = *state;
	struct builder b = {0};

	(void)begin(s, 0);
	try_fails(s, NULL, ERR_FILE_GONE);
	expect_end(&s->client[0], ERR_FILE_GONE);
	assert_int_equal(doubts, 1);
	(void)begin(s, 1);
	try_fails(s, NULL, ERR_FILE_CHANGED);
	expect_end(&s->client[1], ERR_FILE_CHANGED);
	assert_int_equal(doubts, 2);
	/* It was decrypted: what it holds is learnt. */
	(void)begin(s, 1);
	unlock_other_build(&b, blob_view(&unlock_blob[1]));
	say_and_close(&s->h, expect_try(s, NULL), &b);
	expect_end(&s->client[1], ERR_FILE_CHANGED);
	assert_int_equal(doubts, 2);
	assert_int_equal(learnings, 1);
	/* The helper itself is not believed. */
	(void)begin(s, 2);
	try_gives(s, NULL, builder_view(&unlock_wire[1]));
	expect_end(&s->client[2], ERR_FILE_CHANGED);
	assert_int_equal(doubts, 3);
	/* The public half of one, the private half of the other. */
	(void)begin(s, 3);
	builder_put(&b, builder_view(&unlock_wire[0]));
	b.data[b.len - 64] ^= 1;
	try_gives(s, NULL, builder_view(&b));
	assert_true(s->client[3].result != ERR_OK);
	builder_clear(&b);
	/* Surplus. */
	(void)begin(s, 4);
	builder_put(&b, builder_view(&unlock_wire[0]));
	builder_u8(&b, 0);
	try_gives(s, NULL, builder_view(&b));
	expect_end(&s->client[4], ERR_SURPLUS);
	builder_clear(&b);
	expect_unlocked(s, false);
	assert_int_equal(doubts, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    UNLOCK_TEST(test_the_keyring_has_it),
	    UNLOCK_TEST(test_a_stale_one_is_tried_once_and_replaced),
	    UNLOCK_TEST(test_remember),
	    UNLOCK_TEST(test_a_no_holds),
	    UNLOCK_TEST(test_no_question_stays),
	    UNLOCK_TEST(test_rules),
	    UNLOCK_TEST(test_no_keyring),
	    UNLOCK_TEST(test_nonsense),
	    UNLOCK_TEST(test_errors_out_of_place),
	    UNLOCK_TEST(test_the_file_is_another),
	};

	return cmocka_run_group_tests(tests, unlock_group_setup, unlock_group_teardown);
}
