/* Which keys each device holds: what is asked, when, and what is made of the answers. */
#include "tests/support/devices_scene.h"

enum { AT_ONCE = 64 };

static size_t holding(const struct scene *s, const struct key *key, bool *settled)
{
	struct device *found[FIDO_PATHS_MOST];

	return devices_holding(s->ds, key, found, FIDO_PATHS_MOST, settled);
}

static void expect_holding(const struct scene *s, const struct key *key, size_t n, bool settled)
{
	bool is;

	assert_int_equal(holding(s, key, &is), n);
	assert_int_equal(is, settled);
}

static void test_question_names_the_key(void **state)
{
	struct scene *s = *state;
	struct fido_credential c;
	struct fido_probe p;

	add_key(s, 3, FIDO_TOUCH | ECDSA | FIDO_RESIDENT_KEY);
	settle(&s->h);
	PLUG(s, 1);
	assert_non_null(probe_at(s, "/dev/1", &p));
	assert_int_equal(p.count, 1);
	assert_int_equal(fido_credential_next(&p.credentials, &c), ERR_OK);
	assert_int_equal(c.algorithm, FIDO_ECDSA);
	assert_true(bytes_is(c.application, "ssh:"));
	assert_true(bytes_is(c.handle, "handle 3"));
	assert_int_equal(c.flags, FIDO_TOUCH | FIDO_RESIDENT_KEY);
}

static void test_answers_are_for_their_keys(void **state)
{
	struct scene *s = *state;
	struct fido_info info = {.abilities = FIDO_CAN_CTAP2, .firmware = 7, .pin_tries = 8};
	uint8_t held[] = {FIDO_HELD_NO, FIDO_HELD_YES, FIDO_HELD_HIDDEN};
	struct builder b = {0};

	for (unsigned i = 0; i < 3; i++)
		add_key(s, i, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	expect_presence(s, s->key[0], PRESENCE_UNKNOWN);
	expect_holding(s, s->key[1], 0, false);
	fido_probed_build(&b, &info, BYTES(held, 3));
	answer_raw(s, "/dev/1", b.data, b.len);
	builder_clear(&b);
	expect_presence(s, s->key[0], PRESENCE_ABSENT);
	expect_presence(s, s->key[1], PRESENCE_HERE);
	expect_presence(s, s->key[2], PRESENCE_UNKNOWN);
	expect_holding(s, s->key[0], 0, true);
	expect_holding(s, s->key[1], 1, true);
	expect_holding(s, s->key[2], 1, true);
	assert_int_equal(device_info(device_at(s, "/dev/1"))->firmware, 7);
	assert_int_equal(device_info(device_at(s, "/dev/1"))->pin_tries, 8);
}

/* What is known to hold it goes before what may. */
static void test_known_before_hidden(void **state)
{
	struct scene *s = *state;
	struct device *found[FIDO_PATHS_MOST];
	struct key *key = add_key(s, 0, FIDO_TOUCH | ECDSA);
	bool settled;

	settle(&s->h);
	PLUG(s, 1, 2, 3, 4);
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_HIDDEN);
	answer_all(s, "/dev/4", FIDO_CAN_CTAP2, FIDO_HELD_HIDDEN);
	expect_holding(s, key, 2, false);
	assert_int_equal(devices_holding(s->ds, key, found, 1, &settled), 1);
	answer_all(s, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_YES);
	expect_presence(s, key, PRESENCE_HERE);
	expect_holding(s, key, 1, false);
	answer_all(s, "/dev/3", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	assert_int_equal(devices_holding(s->ds, key, found, FIDO_PATHS_MOST, &settled), 1);
	assert_true(settled);
	assert_ptr_equal(found[0], device_at(s, "/dev/2"));
	PLUG(s, 1, 3, 4);
	expect_presence(s, key, PRESENCE_UNKNOWN);
	expect_holding(s, key, 2, true);
}

static void test_key_that_comes_later_is_asked_about(void **state)
{
	struct scene *s = *state;

	add_key(s, 0, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1, 2);
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	add_key(s, 1, FIDO_TOUCH | ECDSA);
	add_key(s, 2, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES), 2);
	assert_int_equal(answer_all(s, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_NO), 1);
	assert_int_equal(answer_all(s, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_NO), 2);
	expect_presence(s, s->key[0], PRESENCE_ABSENT);
	expect_presence(s, s->key[1], PRESENCE_HERE);
	expect_presence(s, s->key[2], PRESENCE_HERE);
	assert_int_equal(probes(s), 0);
	/* One that it was asked about before is not asked about again. */
	assert_int_equal(devices_key_added(s->ds, s->key[1]), ERR_OK);
	settle(&s->h);
	assert_int_equal(probes(s), 0);
}

static void test_many_keys_in_several_questions(void **state)
{
	struct scene *s = *state;

	for (unsigned i = 0; i < 2 * AT_ONCE + 5; i++)
		add_key(s, i, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES), AT_ONCE);
	expect_presence(s, s->key[AT_ONCE - 1], PRESENCE_HERE);
	expect_presence(s, s->key[AT_ONCE], PRESENCE_UNKNOWN);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_NO), AT_ONCE);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES), 5);
	expect_presence(s, s->key[2 * AT_ONCE - 1], PRESENCE_ABSENT);
	expect_presence(s, s->key[2 * AT_ONCE + 4], PRESENCE_HERE);
	assert_int_equal(probes(s), 0);
}

/* --- what is not asked ----------------------------------------------------------------------- */

static void test_ed25519_is_not_asked_of_u2f(void **state)
{
	struct scene *s = *state;
	struct key *edwards = add_key(s, 0, FIDO_TOUCH);
	struct key *ecdsa = add_key(s, 1, FIDO_TOUCH | ECDSA);

	settle(&s->h);
	PLUG(s, 1, 2);
	assert_int_equal(answer_all(s, "/dev/1", 0, FIDO_HELD_YES), 1);
	expect_presence(s, ecdsa, PRESENCE_HERE);
	expect_presence(s, edwards, PRESENCE_UNKNOWN); /* the other one is still being asked */
	assert_int_equal(probes(s), 1);
	assert_int_equal(answer_all(s, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_NO), 1);
	assert_int_equal(answer_all(s, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_YES), 1);
	expect_presence(s, edwards, PRESENCE_HERE);
	PLUG(s, 1);
	expect_presence(s, edwards, PRESENCE_ABSENT);
	assert_int_equal(probes(s), 0);
}

/* What it can do is not known before the first answer, which then tells nothing else. */
static void test_ed25519_alone(void **state)
{
	struct scene *s = *state;

	add_key(s, 0, FIDO_TOUCH);
	settle(&s->h);
	PLUG(s, 1, 2);
	assert_int_equal(answer_all(s, "/dev/1", 0, FIDO_HELD_YES), 0);
	assert_int_equal(answer_all(s, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_YES), 0);
	assert_int_equal(answer_all(s, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_YES), 1);
	expect_holding(s, s->key[0], 1, true);
	assert_int_equal(probes(s), 0);
}

static void test_verified_keys_are_hidden_where_a_user_can_be_verified(void **state)
{
	struct scene *s = *state;
	struct key *edwards = add_key(s, 0, FIDO_TOUCH | FIDO_VERIFY);
	struct key *ecdsa = add_key(s, 1, FIDO_VERIFY | ECDSA);

	settle(&s->h);
	PLUG(s, 1, 2, 3, 4);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2 | FIDO_HAS_PIN, FIDO_HELD_NO), 0);
	assert_int_equal(answer_all(s, "/dev/2", FIDO_CAN_CTAP2 | FIDO_HAS_UV, FIDO_HELD_NO), 0);
	assert_int_equal(answer_all(s, "/dev/3", FIDO_CAN_CTAP2 | FIDO_CAN_PIN, FIDO_HELD_NO), 0);
	assert_int_equal(answer_all(s, "/dev/4", 0, FIDO_HELD_NO), 0);
	assert_int_equal(probes(s), 0);
	expect_presence(s, edwards, PRESENCE_UNKNOWN);
	expect_holding(s, edwards, 2, true);
	expect_holding(s, ecdsa, 2, true);
	PLUG(s, 3, 4);
	expect_presence(s, edwards, PRESENCE_ABSENT);
	expect_holding(s, ecdsa, 0, true);
	/* One that comes later is judged by what is known. */
	add_key(s, 2, FIDO_VERIFY);
	settle(&s->h);
	assert_int_equal(probes(s), 0);
	expect_holding(s, s->key[2], 0, true);
}

/* --- keys that go ---------------------------------------------------------------------------- */

static void test_key_that_goes_while_it_is_asked_about(void **state)
{
	struct scene *s = *state;

	for (unsigned i = 0; i < 3; i++)
		add_key(s, i, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	devices_key_removed(s->ds, s->key[1]);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES), 3);
	expect_presence(s, s->key[0], PRESENCE_HERE);
	expect_presence(s, s->key[1], PRESENCE_ABSENT);
	expect_presence(s, s->key[2], PRESENCE_HERE);
	assert_int_equal(probes(s), 0);
	assert_int_equal(devices_key_added(s->ds, s->key[1]), ERR_OK);
	settle(&s->h);
	assert_int_equal(probes(s), 1);
	expect_presence(s, s->key[1], PRESENCE_UNKNOWN);
}

static void test_keys_that_go_before_they_are_asked_about(void **state)
{
	struct scene *s = *state;

	for (unsigned i = 0; i < AT_ONCE + 4; i++)
		add_key(s, i, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	devices_key_removed(s->ds, s->key[0]);
	devices_key_removed(s->ds, s->key[AT_ONCE]);
	devices_key_removed(s->ds, s->key[AT_ONCE + 3]);
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_NO), 2);
	assert_int_equal(probes(s), 0);
}

/* The same public key with another handle is another one to a device. */
static void test_keys_differ_by_handle_and_flags(void **state)
{
	struct scene *s = *state;
	struct key *other = make_key(0, FIDO_TOUCH | FIDO_VERIFY | ECDSA);

	add_key(s, 0, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES);
	expect_presence(s, other, PRESENCE_ABSENT);
	devices_key_removed(s->ds, other);
	expect_presence(s, s->key[0], PRESENCE_HERE);
	key_unref(other);
	other = make_key(0, FIDO_TOUCH | ECDSA); /* the same, read a second time */
	expect_presence(s, other, PRESENCE_HERE);
	key_unref(other);
}

/* --- devices that do not answer -------------------------------------------------------------- */

static void expect_given_up(struct scene *s, void (*fails)(struct scene *s), size_t asked_before)
{
	static const unsigned pauses[] = {1000, 2000, 4000, 8000};

	for (unsigned i = 0; i < 4; i++) {
		fails(s);
		assert_int_equal(probes(s), 0);
		expect_holding(s, s->key[0], 0, false);
		pass(&s->h, pauses[i] - 1);
		assert_int_equal(probes(s), 0);
		pass(&s->h, 1);
		assert_int_equal(probes(s), 1);
	}
	fails(s);
	pass(&s->h, 1000000);
	assert_int_equal(probes(s), 0);
	assert_int_equal(s->h.count, asked_before + 4);
	expect_presence(s, s->key[0], PRESENCE_ABSENT);
	expect_holding(s, s->key[0], 0, true);
	assert_non_null(device_at(s, "/dev/1")); /* and is listed */
	/* A new key is a reason to ask again. */
	add_key(s, 1, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES), 1);
	expect_presence(s, s->key[1], PRESENCE_HERE);
}

static void with_one_device(struct scene *s, void (*fails)(struct scene *s))
{
	add_key(s, 0, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	expect_given_up(s, fails, s->h.count);
}

static void is_busy(struct scene *s)
{
	answer_failure(s, "/dev/1", ERR_DEVICE_BUSY);
}

static void test_busy_device(void **state)
{
	with_one_device(*state, is_busy);
}

static void falls(struct scene *s)
{
	struct fido_probe p;

	helper_close(probe_at(s, "/dev/1", &p));
	settle(&s->h);
}

static void test_helper_that_falls(void **state)
{
	with_one_device(*state, falls);
}

static void hangs(struct scene *s)
{
	struct fido_probe p;
	struct helper *h = probe_at(s, "/dev/1", &p);

	pass(&s->h, LIMIT_DEVICE_MS - 1);
	assert_false(h->hung_up);
	pass(&s->h, 1);
	assert_true(h->hung_up);
	pass(&s->h, LIMIT_CANCEL_MS);
	assert_true(h->killed);
}

static void test_device_that_never_answers(void **state)
{
	with_one_device(*state, hangs);
}

/* Written out by hand: length, version, kind, abilities, model, firmware, tries, answers. */
#define PROBED                                                                                     \
	"\2\41\0\0\0\1"                                                                            \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                                                         \
	"\0\0\0\0\0\0\0\1"                                                                         \
	"\10\10"

static void too_few_answers(struct scene *s)
{
	answer_raw(s, "/dev/1", "\0\0\0\44" PROBED "\0\0\0\0", 40);
}

static void test_too_few_answers(void **state)
{
	with_one_device(*state, too_few_answers);
}

static void too_many_answers(struct scene *s)
{
	answer_raw(s, "/dev/1", "\0\0\0\46" PROBED "\0\0\0\2\1\1", 42);
}

static void test_too_many_answers(void **state)
{
	with_one_device(*state, too_many_answers);
}

static void answer_twice(struct scene *s)
{
	answer_raw(s, "/dev/1", "\0\0\0\45" PROBED "\0\0\0\1\1\0\0\0\45" PROBED "\0\0\0\1\1", 82);
}

static void test_two_answers(void **state)
{
	with_one_device(*state, answer_twice);
}

static void answer_of_no_kind(struct scene *s)
{
	answer_raw(s, "/dev/1", "\0\0\0\45" PROBED "\0\0\0\1\3", 41);
}

static void test_answer_that_is_none(void **state)
{
	with_one_device(*state, answer_of_no_kind);
}

static void other_kind(struct scene *s)
{
	answer_raw(s, "/dev/1", "\0\0\0\6\2\46\0\0\0\1", 10);
}

static void test_answer_to_another_question(void **state)
{
	with_one_device(*state, other_kind);
}

/* The answer that fits, for comparison: else the tests above could not fail. */
static void test_answer_by_hand(void **state)
{
	struct scene *s = *state;

	add_key(s, 0, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	answer_raw(s, "/dev/1", "\0\0\0\45" PROBED "\0\0\0\1\1", 41);
	expect_presence(s, s->key[0], PRESENCE_HERE);
}

/* A slow device gets fewer questions at once. */
static void test_slow_device_with_many_keys(void **state)
{
	struct scene *s = *state;
	struct fido_probe p;

	for (unsigned i = 0; i < AT_ONCE; i++)
		add_key(s, i, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	hangs(s);
	pass(&s->h, 1000);
	assert_non_null(probe_at(s, "/dev/1", &p));
	assert_int_equal(p.count, AT_ONCE / 2);
	hangs(s);
	pass(&s->h, 2000);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES), AT_ONCE / 4);
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES), AT_ONCE / 4);
}

static void test_pulled_out_while_it_is_asked(void **state)
{
	struct scene *s = *state;
	struct fido_probe p;
	struct helper *h;

	add_key(s, 0, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	h = probe_at(s, "/dev/1", &p);
	PLUG_NONE(s);
	assert_true(h->hung_up);
	expect_presence(s, s->key[0], PRESENCE_ABSENT);
	pass(&s->h, LIMIT_CANCEL_MS);
	assert_true(h->killed);
	assert_int_equal(s->h.calls.open, 1); /* the watch */
}

static void test_pulled_out_in_a_pause(void **state)
{
	struct scene *s = *state;

	add_key(s, 0, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1);
	answer_failure(s, "/dev/1", ERR_DEVICE_BUSY);
	PLUG_NONE(s);
	pass(&s->h, 1000000);
	assert_int_equal(probes(s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_question_names_the_key),
	    TEST(test_answers_are_for_their_keys),
	    TEST(test_known_before_hidden),
	    TEST(test_key_that_comes_later_is_asked_about),
	    TEST(test_many_keys_in_several_questions),
	    TEST(test_ed25519_is_not_asked_of_u2f),
	    TEST(test_ed25519_alone),
	    TEST(test_verified_keys_are_hidden_where_a_user_can_be_verified),
	    TEST(test_key_that_goes_while_it_is_asked_about),
	    TEST(test_keys_that_go_before_they_are_asked_about),
	    TEST(test_keys_differ_by_handle_and_flags),
	    TEST(test_busy_device),
	    TEST(test_helper_that_falls),
	    TEST(test_device_that_never_answers),
	    TEST(test_too_few_answers),
	    TEST(test_too_many_answers),
	    TEST(test_two_answers),
	    TEST(test_answer_that_is_none),
	    TEST(test_answer_to_another_question),
	    TEST(test_answer_by_hand),
	    TEST(test_slow_device_with_many_keys),
	    TEST(test_pulled_out_while_it_is_asked),
	    TEST(test_pulled_out_in_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
