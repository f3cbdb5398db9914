/* Resident keys that are offered by themselves: the person who says no or is not there, and what
 * else uses the device. */
#include "tests/support/residents_scene.h"

/* --- nobody, and no --------------------------------------------------------------- */

static void test_no_is_remembered(void **state)
{
	static const struct {
		enum err result;
		const char *answer;
	} noes[] = {{ERR_DENIED, ""}, {ERR_OK, ""}};
	struct residents_scene *s = *state;

	for (unsigned i = 0; i < 2; i++) {
		plug_able(s, 8);
		enter(s, noes[i].result, noes[i].answer);
		residents_review(&s->rs);
		pass(&s->d.h, 3600000);
		residents_offer_again(&s->rs);
		settle(&s->d.h);
		expect_nothing_open(s);
		residents_offer(&s->rs, true);
		settle(&s->d.h);
		answer_looks(s, 1, CAPABLE, 8, FIDO_HELD_NO);
		assert_int_equal(questions(s), 1);
		enter(s, ERR_DENIED, "");
		PLUG_NONE(&s->d);
	}
}

static void test_nobody_to_ask(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	enter(s, ERR_NO_PROMPT, "");
	expect_nothing_open(s);
	pass(&s->d.h, PAUSE_MS - 1);
	expect_nothing_open(s);
	pass(&s->d.h, 1);
	answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	enter(s, ERR_ASKER, "");
	pass(&s->d.h, PAUSE_MS);
	expect_nothing_open(s);
	pass(&s->d.h, PAUSE_MS);
	answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	enter(s, ERR_NO_PROMPT, "");
	residents_review(&s->rs);
	settle(&s->d.h);
	answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	read_with(s, 1, 1, 1);
	assert_int_equal(store_count(s->store), 1);
}

static void test_nobody_answers(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	for (unsigned i = 0; i < 4; i++) {
		enter(s, ERR_TIMEOUT, "");
		pass(&s->d.h, 3600000);
		expect_nothing_open(s);
		residents_review(&s->rs);
		settle(&s->d.h);
		answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	}
	read_with(s, 1, 1, 1);
}

static void test_screen(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	prompts_screen(&s->prompts, true);
	settle(&s->d.h);
	let_ending_helpers_end(&s->d.h);
	pass(&s->d.h, 3600000);
	expect_nothing_open(s);
	prompts_screen(&s->prompts, false);
	residents_review(&s->rs);
	settle(&s->d.h);
	answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	read_with(s, 1, 1, 1);
}

static void lock(struct residents_scene *s, bool on)
{
	s->lock.on = on;
	residents_review(&s->rs);
	settle(&s->d.h);
	let_ending_helpers_end(&s->d.h);
}

/* In each stage; the PIN that was typed is gone. */
static void test_agent_locked(void **state)
{
	struct residents_scene *s = *state;

	for (unsigned stage = 0; stage < 3; stage++) {
		plug_able(s, 8);
		if (stage != 0)
			enter(s, ERR_OK, "123456");
		if (stage == 2)
			answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
		lock(s, true);
		expect_nothing_open(s);
		pass(&s->d.h, 3600000);
		expect_nothing_open(s);
		lock(s, false);
		answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
		assert_int_equal(questions(s), 1);
		assert_false(asked(s, "wrong"));
		lock(s, true);
		PLUG_NONE(&s->d);
		lock(s, false);
	}
	/* Known ones bring nothing before. */
	plug_able(s, 8);
	read_with(s, 1, 1, 1);
	PLUG_NONE(&s->d);
	store_remove_all(s->store);
	lock(s, true);
	PLUG(&s->d, 2);
	answer_looks(s, 2, CAPABLE, 8, FIDO_HELD_YES);
	assert_int_equal(store_count(s->store), 0);
	lock(s, false);
	assert_int_equal(store_count(s->store), 1);
}

/* --- beside others ---------------------------------------------------------------- */

static void test_keys_held_by_hand(void **state)
{
	struct residents_scene *s = *state;
	struct key *mine = make_key(1, FIDO_TOUCH);

	assert_int_equal(store_put(s->store, mine, key_blob(mine), bytes_str("by hand"),
			     &(struct rules){.key.confirm = CONFIRM_ALWAYS}),
	    ERR_OK);
	plug_able(s, 8);
	read_with(s, 1, 1, 2);
	assert_int_equal(store_count(s->store), 2);
	assert_true(bytes_is(held(s, 1, 0)->comment, "by hand"));
	assert_int_equal(held(s, 1, 0)->rules.key.confirm, CONFIRM_ALWAYS);
	residents_offer(&s->rs, false);
	settle(&s->d.h);
	assert_int_equal(store_count(s->store), 1);
	assert_ptr_equal(held(s, 1, 0)->key, mine);
}

static void granted(struct turn *t)
{
	(void)t;
}

/* Signatures go on while a person thinks. */
static void test_turns(void **state)
{
	struct residents_scene *s = *state;
	struct turn t = {.granted = granted, .lost = granted};
	struct device *d;

	plug_able(s, 8);
	d = device_at(&s->d, "/dev/1");
	assert_int_equal(device_waiting(d), 0);
	turn_take(s->d.ds, &t, &d, 1);
	settle(&s->d.h);
	assert_true(t.has);
	enter(s, ERR_OK, "123456");
	assert_int_equal(probes(&s->d), 0);     /* it waits for its turn */
	assert_int_equal(device_waiting(d), 0); /* which wants no touch */
	turn_leave(&t);
	settle(&s->d.h);
	answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	expect_read(s, 1, "123456");
	turn_take(s->d.ds, &t, &d, 1);
	settle(&s->d.h);
	assert_false(t.has);
	tell_keys(s, 1, 1, FIDO_TOUCH);
	turn_leave(&t);
	answer_looks(s, 1, CAPABLE, 8, FIDO_HELD_YES);
}

static void test_busy(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	enter(s, ERR_OK, "123456");
	for (unsigned i = 0; i < 4; i++) {
		answer_failure(&s->d, "/dev/1", ERR_DEVICE_BUSY);
		expect_nothing_open(s);
		pass(&s->d.h, UINT64_C(1000) << i);
	}
	answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	expect_read(s, 1, "123456");
	for (unsigned i = 0; i < 4; i++) {
		fail_read(s, ERR_DEVICE_BUSY, FIDO_TRIES_UNKNOWN);
		pass(&s->d.h, 1000);
		answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	}
	expect_read(s, 1, "123456");
	tell_keys(s, 1, 1, FIDO_TOUCH);
	answer_looks(s, 1, CAPABLE, 8, FIDO_HELD_YES);
	assert_int_equal(store_count(s->store), 1);
}

/* For ever: later again, without the PIN. */
static void test_busy_for_long(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	enter(s, ERR_OK, "123456");
	for (unsigned i = 0; i < 5; i++) {
		answer_failure(&s->d, "/dev/1", ERR_DEVICE_BUSY);
		expect_nothing_open(s);
		if (i != 4)
			pass(&s->d.h, UINT64_C(1000) << i);
	}
	pass(&s->d.h, PAUSE_MS);
	answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	assert_int_equal(questions(s), 1);
}

static void test_pulled_out(void **state)
{
	struct residents_scene *s = *state;

	for (unsigned stage = 0; stage < 5; stage++) {
		if (stage == 0)
			PLUG(&s->d, 1);
		else
			plug_able(s, 8);
		if (stage >= 2)
			enter(s, ERR_OK, "123456");
		if (stage == 3)
			answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
		if (stage == 4)
			answer_failure(&s->d, "/dev/1", ERR_DEVICE_BUSY);
		PLUG_NONE(&s->d);
		let_ending_helpers_end(&s->d.h);
		expect_nothing_open(s);
		assert_null(s->rs.first);
		assert_null(s->rs.at);
	}
	plug_able(s, 8);
	read_with(s, 1, 1, 1);
}

static void test_switched_off(void **state)
{
	struct residents_scene *s = *state;

	for (unsigned stage = 0; stage < 4; stage++) {
		plug_able(s, 8);
		if (stage >= 1)
			enter(s, ERR_OK, "123456");
		if (stage >= 2)
			answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
		if (stage == 3) {
			tell_keys(s, 1, 1, FIDO_TOUCH);
			assert_int_equal(store_count(s->store), 1);
		}
		residents_offer(&s->rs, false);
		settle(&s->d.h);
		let_ending_helpers_end(&s->d.h);
		expect_nothing_open(s);
		assert_null(s->rs.first);
		assert_int_equal(store_count(s->store), 0);
		assert_null(helper_with(&s->d.h, FIDO_WATCH, 0));
		residents_offer(&s->rs, true);
		settle(&s->d.h);
	}
}

/* What makes no sense ends this, and nothing else. */
static void test_hostile_helpers(void **state)
{
	struct residents_scene *s = *state;
	struct fido_key off = {
	    .credential = {FIDO_ED25519, bytes_str("ssh:"), bytes_str("handle"), FIDO_TOUCH},
	};
	uint8_t point[32] = {1};
	struct builder b = {0};

	for (unsigned i = 0; i < 4; i++) {
		plug_able(s, 8);
		enter(s, ERR_OK, "123456");
		answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
		if (i == 0) {
			helper_close(reading(s, NULL));
			settle(&s->d.h);
		} else if (i == 1) {
			helper_say(reading(s, NULL), "\0\0\0\2\1\1", 6);
			settle(&s->d.h);
			let_ending_helpers_end(&s->d.h);
		} else if (i == 2) {
			pass(&s->d.h, LIMIT_TOUCH_MS);
			let_ending_helpers_end(&s->d.h);
		} else {
			off.public = BYTES(point, sizeof(point));
			fido_keys_build(&b, &off, 1);
			b.data[4]++; /* the version */
			say_and_close(&s->d.h, reading(s, NULL), &b);
		}
		expect_nothing_open(s);
		assert_int_equal(store_count(s->store), 0);
		PLUG_NONE(&s->d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    RESIDENTS_TEST(test_no_is_remembered),
	    RESIDENTS_TEST(test_nobody_to_ask),
	    RESIDENTS_TEST(test_nobody_answers),
	    RESIDENTS_TEST(test_screen),
	    RESIDENTS_TEST(test_agent_locked),
	    RESIDENTS_TEST(test_keys_held_by_hand),
	    RESIDENTS_TEST(test_turns),
	    RESIDENTS_TEST(test_busy),
	    RESIDENTS_TEST(test_busy_for_long),
	    RESIDENTS_TEST(test_pulled_out),
	    RESIDENTS_TEST(test_switched_off),
	    RESIDENTS_TEST(test_hostile_helpers),
	};

	return cmocka_run_group_tests(tests, residents_group_setup, NULL);
}
