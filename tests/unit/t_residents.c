/* Resident keys that are offered by themselves: which device is asked for, once, and its PIN. */
#include "tests/support/residents_scene.h"

/* --- asked for once --------------------------------------------------------------- */

static void test_keys_come(void **state)
{
	struct residents_scene *s = *state;
	struct config_key *block = config_add_key(s->config);
	struct identity *id;
	struct helper_ask m;

	assert_int_equal(words_add(&block->patterns, bytes_str("ssh:")), ERR_OK);
	block->policy.set = KEY_LOCAL_ONLY;
	block->policy.rules.local_only = true;
	s->options.lifetime = 60;
	plug_able(s, 8);
	assert_non_null(shown(&s->d.h, ASKPASS_SECRET, 0, &m));
	assert_true(bytes_is(m.title, "Signet: PIN of a security key"));
	assert_true(bytes_is(m.text,
	    "Enter the PIN of your security key \"Maker Product\" to offer the SSH keys that it "
	    "keeps.\n\nSignet itself asks, and no other program, since its configuration says "
	    "ResidentKeys yes; once for this security key. Cancel to leave its keys out until it "
	    "is plugged in again. ResidentKeys no in the configuration ends these "
	    "questions.\n\n8 tries are left."));
	assert_int_equal(m.pid, 0);
	read_with(s, 1, 1, 2);
	assert_int_equal(store_count(s->store), 2);
	id = held(s, 1, 0);
	assert_non_null(id);
	assert_true(bytes_is(id->comment, "ssh:"));
	assert_true(id->rules.key.local_only);
	assert_int_equal(id->rules.expires, scene_now + 60000);
	assert_int_equal(devices_presence(s->d.ds, id->key), PRESENCE_HERE);
	expect_nothing_open(s);
	/* A key that was removed stays away, whatever else is said. */
	store_remove(s->store, id);
	residents_review(&s->rs);
	settle(&s->d.h);
	assert_int_equal(store_count(s->store), 1);
}

static void test_nothing_to_ask(void **state)
{
	static const uint32_t abilities[] = {
	    0, CAPABLE & ~FIDO_HAS_PIN, CAPABLE & ~FIDO_CAN_MANAGE, FIDO_CAN_CTAP2 | FIDO_HAS_UV};
	struct residents_scene *s = *state;

	for (unsigned i = 0; i < 4; i++) {
		PLUG(&s->d, 1);
		answer_looks(s, 1, abilities[i], FIDO_TRIES_UNKNOWN, FIDO_HELD_NO);
		expect_nothing_open(s);
		PLUG_NONE(&s->d);
	}
	/* One that will not say what it is, is left alone in the end. */
	PLUG(&s->d, 1);
	for (unsigned i = 0; i < 5; i++) {
		answer_failure(&s->d, "/dev/1", ERR_DEVICE);
		pass(&s->d.h, 8000);
	}
	expect_nothing_open(s);
}

static void test_known_again(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	read_with(s, 1, 1, 2);
	store_remove_all(s->store);
	PLUG_NONE(&s->d);
	PLUG(&s->d, 2);
	answer_looks(s, 2, CAPABLE, 8, FIDO_HELD_YES);
	expect_nothing_open(s);
	assert_int_equal(store_count(s->store), 2);
	/* Reload, and keys that others than a person removed. */
	store_remove_all(s->store);
	residents_offer(&s->rs, true);
	settle(&s->d.h);
	assert_int_equal(store_count(s->store), 2);
	store_remove_all(s->store);
	residents_offer_again(&s->rs);
	settle(&s->d.h);
	assert_int_equal(store_count(s->store), 2);
	/* Another one, which looks the same. */
	PLUG(&s->d, 3);
	answer_looks(s, 3, CAPABLE, 8, FIDO_HELD_NO);
	read_with(s, 3, 3, 1);
	assert_int_equal(store_count(s->store), 3);
}

/* None of its keys shows itself without the PIN: it is known by what it looks like. */
static void test_known_by_its_looks(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	enter(s, ERR_OK, "123456");
	answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	tell_keys(s, 1, 1, FIDO_TOUCH | FIDO_VERIFY | FIDO_RESIDENT_KEY);
	assert_int_equal(store_count(s->store), 1);
	PLUG(&s->d, 1, 2);
	answer_looks(s, 2, CAPABLE, 8, FIDO_HELD_NO);
	assert_int_equal(questions(s), 1); /* a second at the same time */
	PLUG_NONE(&s->d);
	expect_nothing_shown(&s->d.h);
	PLUG(&s->d, 3);
	answer_looks(s, 3, CAPABLE, 8, FIDO_HELD_NO);
	expect_nothing_open(s);
}

static void test_no_keys(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	read_with(s, 1, 1, 0);
	assert_int_equal(store_count(s->store), 0);
	expect_nothing_open(s);
	PLUG_NONE(&s->d);
	plug_able(s, 8);
	expect_nothing_open(s);
}

static void test_one_question_at_a_time(void **state)
{
	struct residents_scene *s = *state;

	PLUG(&s->d, 1, 2);
	answer_looks(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	answer_looks(s, 2, CAPABLE, 8, FIDO_HELD_NO);
	answer_looks(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	read_with(s, 1, 1, 1);
	answer_looks(s, 2, CAPABLE, 8, FIDO_HELD_NO);
	read_with(s, 2, 2, 1);
	assert_int_equal(store_count(s->store), 2);
	answer_looks(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	expect_nothing_open(s);
}

/* --- the PIN ---------------------------------------------------------------------- */

static void test_one_more_chance(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 2);
	assert_true(asked(s, "2 tries are left"));
	enter(s, ERR_OK, "1111");
	answer_look(s, 1, CAPABLE, 2, FIDO_HELD_NO);
	fail_read(s, ERR_PIN, 1);
	assert_true(asked(s, "That PIN was wrong. Enter the PIN"));
	assert_true(asked(s, "This is the last try"));
	enter(s, ERR_OK, "2222");
	answer_look(s, 1, CAPABLE, 1, FIDO_HELD_NO);
	expect_read(s, 1, "2222");
	fail_read(s, ERR_PIN, 1);
	expect_nothing_open(s);
	residents_review(&s->rs);
	settle(&s->d.h);
	expect_nothing_open(s);
	PLUG_NONE(&s->d);
	plug_able(s, 8);
	assert_int_equal(questions(s), 1);
}

/* Others spent tries while the person typed. */
static void test_the_last_try_is_told(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	enter(s, ERR_OK, "1111");
	answer_look(s, 1, CAPABLE, 1, FIDO_HELD_NO);
	assert_null(reading(s, NULL));
	assert_true(asked(s, "That PIN was not tried, since only one try is left by now. "));
	assert_true(asked(s, "This is the last try"));
	enter(s, ERR_OK, "123456");
	answer_look(s, 1, CAPABLE, 1, FIDO_HELD_NO);
	expect_read(s, 1, "123456");
	tell_keys(s, 1, 1, FIDO_TOUCH);
	answer_looks(s, 1, CAPABLE, 8, FIDO_HELD_YES);
	assert_int_equal(store_count(s->store), 1);
}

static void test_impossible_pins(void **state)
{
	struct residents_scene *s = *state;

	plug_able(s, 8);
	enter(s, ERR_OK, "123");
	assert_true(asked(s, "A PIN has 4 to 63 characters"));
	enter(s, ERR_OK, "123");
	expect_nothing_open(s);
}

static void test_blocked(void **state)
{
	static const struct {
		enum err why;
		uint8_t tries;
	} ends[] = {{ERR_PIN, 0}, {ERR_PIN_BLOCKED, FIDO_TRIES_UNKNOWN},
	    {ERR_PIN_AUTH_BLOCKED, FIDO_TRIES_UNKNOWN}, {ERR_DEVICE, FIDO_TRIES_UNKNOWN},
	    {ERR_UNSUPPORTED, FIDO_TRIES_UNKNOWN}};
	struct residents_scene *s = *state;

	plug_able(s, 0);
	expect_nothing_open(s);
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		PLUG_NONE(&s->d);
		plug_able(s, 8);
		enter(s, ERR_OK, "1111");
		answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
		fail_read(s, ends[i].why, ends[i].tries);
		expect_nothing_open(s);
	}
}

static void test_remembered(void **state)
{
	struct residents_scene *s = *state;

	s->options.remember_pin = 600;
	plug_able(s, 8);
	enter(s, ERR_OK, "123456");
	answer_look(s, 1, CAPABLE, 8, FIDO_HELD_NO);
	assert_null(device_pin(device_at(&s->d, "/dev/1")));
	tell_keys(s, 1, 1, FIDO_TOUCH);
	assert_true(bytes_is(blob_view(device_pin(device_at(&s->d, "/dev/1"))), "123456"));
}

static void test_used_from_memory(void **state)
{
	struct residents_scene *s = *state;

	s->lock.on = true;
	plug_able(s, 8);
	expect_nothing_open(s);
	device_pin_keep(device_at(&s->d, "/dev/1"), bytes_str("654321"), 600);
	s->lock.on = false;
	residents_review(&s->rs);
	settle(&s->d.h);
	answer_look(s, 1, CAPABLE, 2, FIDO_HELD_NO);
	expect_nothing_shown(&s->d.h);
	expect_read(s, 1, "654321");
	fail_read(s, ERR_PIN, 1);
	assert_true(asked(s, "The PIN that was remembered is wrong. "));
	assert_true(asked(s, "This is the last try"));
	assert_null(device_pin(device_at(&s->d, "/dev/1")));
}

/* The last try is a person's. */
static void test_not_the_last_from_memory(void **state)
{
	struct residents_scene *s = *state;

	s->lock.on = true;
	plug_able(s, 8);
	device_pin_keep(device_at(&s->d, "/dev/1"), bytes_str("654321"), 600);
	s->lock.on = false;
	residents_review(&s->rs);
	settle(&s->d.h);
	answer_look(s, 1, CAPABLE, 1, FIDO_HELD_NO);
	assert_null(reading(s, NULL));
	assert_true(asked(s, "This is the last try"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    RESIDENTS_TEST(test_keys_come),
	    RESIDENTS_TEST(test_nothing_to_ask),
	    RESIDENTS_TEST(test_known_again),
	    RESIDENTS_TEST(test_known_by_its_looks),
	    RESIDENTS_TEST(test_no_keys),
	    RESIDENTS_TEST(test_one_question_at_a_time),
	    RESIDENTS_TEST(test_one_more_chance),
	    RESIDENTS_TEST(test_the_last_try_is_told),
	    RESIDENTS_TEST(test_impossible_pins),
	    RESIDENTS_TEST(test_blocked),
	    RESIDENTS_TEST(test_remembered),
	    RESIDENTS_TEST(test_used_from_memory),
	    RESIDENTS_TEST(test_not_the_last_from_memory),
	};

	return cmocka_run_group_tests(tests, residents_group_setup, NULL);
}
