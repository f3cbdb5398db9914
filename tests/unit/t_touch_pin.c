/* PINs of security keys: when one is asked for, what is said, and what is never tried again. */
#include "tests/support/touch_scene.h"

enum { ABLE = FIDO_CAN_CTAP2 | FIDO_CAN_PIN | FIDO_HAS_PIN };

/* A key that wants its user verified: no device shows it unseen. */
static void plug_hiding(struct touch_scene *s)
{
	(void)add_real_key(s, 0, FIDO_TOUCH | FIDO_VERIFY);
	settle(&s->d.h);
	PLUG(&s->d, 1);
	assert_int_equal(answer_all(&s->d, "/dev/1", ABLE, FIDO_HELD_HIDDEN), 0);
	assert_int_equal(probes(&s->d), 0);
}

static void expect_sent(const struct touch_scene *s, const char *pin)
{
	struct fido_sign m;

	assert_non_null(signing(s, &m));
	assert_true(bytes_is(m.pin, pin));
}

static void fail_sign(struct touch_scene *s, enum err why, uint8_t tries)
{
	fail_with(s, signing(s, NULL), why, tries);
}

static void enter(struct touch_scene *s, const char *pin)
{
	answer_screen(s, ASKPASS_SECRET, ERR_OK, pin);
}

/* One more request, signed with this PIN, which is then remembered. */
static void remember(struct touch_scene *s, unsigned client, const char *pin)
{
	s->options.remember_pin = 600;
	(void)begin_usual(s, client);
	expect_sent(s, "");
	fail_sign(s, ERR_PIN_NEEDED, 8);
	enter(s, pin);
	expect_sent(s, pin);
	touch_it(s, 0);
	expect_end(&s->client[client], ERR_OK);
}

static void test_asked_when_the_device_wants_one(void **state)
{
	struct touch_scene *s = *state;
	struct helper_ask m;

	plug_hiding(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "");
	fail_sign(s, ERR_PIN_NEEDED, 8);
	assert_non_null(screen(s, ASKPASS_SECRET, 0, &m));
	assert_true(bytes_is(m.title, "Signet: PIN of a security key"));
	assert_true(
	    bytes_is(m.text, "Enter the PIN of your security key \"Maker Product\" to use key "
			     "\"a key\".\nKey fingerprint SHA256:print.\n\nAsked by ssh.\n\n"
			     "Only its PIN tells whether it holds this key. If another one "
			     "does, deny, and plug that one in.\n\n"
			     "8 tries are left."));
	assert_int_equal(m.pid, 42);
	enter(s, "1234");
	expect_sent(s, "1234");
	pass(&s->d.h, LIMIT_NOTICE_MS);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
	/* Not remembered unless that is wanted. */
	(void)begin_usual(s, 1);
	expect_sent(s, "");
}

static void test_one_more_chance(void **state)
{
	struct touch_scene *s = *state;

	plug_hiding(s);
	(void)begin_usual(s, 0);
	fail_sign(s, ERR_PIN_NEEDED, FIDO_TRIES_UNKNOWN);
	assert_false(screen_has(s, ASKPASS_SECRET, "tries are left"));
	assert_false(screen_has(s, ASKPASS_SECRET, "wrong"));
	enter(s, "1234");
	fail_sign(s, ERR_PIN, 1);
	assert_true(screen_has(s, ASKPASS_SECRET, "That PIN was wrong. Enter the PIN"));
	assert_true(screen_has(s, ASKPASS_SECRET, "This is the last try"));
	enter(s, "4321");
	expect_sent(s, "4321");
	fail_sign(s, ERR_PIN, 1);
	expect_end(&s->client[0], ERR_PIN);
	expect_screen_empty(s);
}

static void test_no_try_where_none_is_left(void **state)
{
	struct touch_scene *s = *state;

	plug_hiding(s);
	(void)begin_usual(s, 0);
	fail_sign(s, ERR_PIN_NEEDED, 0);
	expect_end(&s->client[0], ERR_PIN_BLOCKED);
	(void)begin_usual(s, 1);
	fail_sign(s, ERR_PIN_NEEDED, 1);
	enter(s, "1234");
	fail_sign(s, ERR_PIN, 0);
	expect_end(&s->client[1], ERR_PIN_BLOCKED);
	expect_screen_empty(s);
}

static void test_the_person_says_no(void **state)
{
	static const enum err answers[][2] = {{ERR_DENIED, ERR_DENIED}, {ERR_TIMEOUT, ERR_TIMEOUT},
	    {ERR_NO_PROMPT, ERR_PIN_NEEDED}, {ERR_OK, ERR_DENIED}};
	struct touch_scene *s = *state;

	plug_hiding(s);
	for (unsigned i = 0; i < 4; i++) {
		(void)begin_usual(s, i);
		fail_sign(s, ERR_PIN_NEEDED, 8);
		answer_screen(s, ASKPASS_SECRET, answers[i][0], "");
		expect_end(&s->client[i], answers[i][1]);
		assert_null(signing(s, NULL));
	}
}

/* What no device has for a PIN costs no try, and a program that answers so is not asked for ever.
 */
static void test_impossible_pins(void **state)
{
	struct touch_scene *s = *state;
	char pin[FIDO_PIN_MOST + 2];

	memset(pin, '1', sizeof(pin));
	pin[FIDO_PIN_MOST + 1] = '\0';
	plug_hiding(s);
	(void)begin_usual(s, 0);
	fail_sign(s, ERR_PIN_NEEDED, 8);
	enter(s, pin);
	assert_null(signing(s, NULL));
	assert_true(screen_has(s, ASKPASS_SECRET, "A PIN has 4 to 63 characters"));
	assert_true(screen_has(s, ASKPASS_SECRET, "8 tries are left."));
	enter(s, "123");
	expect_end(&s->client[0], ERR_PIN);
	assert_null(signing(s, NULL));
	/* The longest is one. */
	(void)begin_usual(s, 1);
	fail_sign(s, ERR_PIN_NEEDED, 8);
	pin[FIDO_PIN_MOST] = '\0';
	enter(s, pin);
	expect_sent(s, pin);
}

/* A device that wants one for everything; and one that is never content. */
static void test_wanted_though_the_key_does_not_say_so(void **state)
{
	struct touch_scene *s = *state;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	(void)begin_usual(s, 0);
	fail_sign(s, ERR_PIN_NEEDED, 8);
	enter(s, "1234");
	expect_sent(s, "1234");
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
	(void)begin_usual(s, 1);
	for (unsigned i = 0; i < 2; i++) {
		fail_sign(s, ERR_PIN_NEEDED, 8);
		enter(s, "1234");
		expect_sent(s, "1234");
	}
	fail_sign(s, ERR_PIN_NEEDED, 8);
	expect_end(&s->client[1], ERR_PIN_NEEDED);
	/* A remembered one does as well, once it is wanted. */
	remember(s, 2, "1234");
	(void)begin_usual(s, 3);
	expect_sent(s, "");
	fail_sign(s, ERR_PIN_NEEDED, 8);
	expect_screen_empty(s);
	expect_sent(s, "1234");
	touch_it(s, 0);
	expect_end(&s->client[3], ERR_OK);
}

static void test_remembered_for_a_time(void **state)
{
	struct touch_scene *s = *state;

	plug_hiding(s);
	remember(s, 0, "1234");
	pass(&s->d.h, 599000);
	(void)begin_usual(s, 1);
	expect_sent(s, "1234");
	touch_it(s, 0);
	expect_end(&s->client[1], ERR_OK);
	pass(&s->d.h, 1000); /* of the first time it was typed */
	(void)begin_usual(s, 2);
	expect_sent(s, "");
}

/* Forgotten at once: those in line do not spend a try each. */
static void test_a_wrong_one_is_not_remembered(void **state)
{
	struct touch_scene *s = *state;

	plug_hiding(s);
	remember(s, 0, "1234");
	for (unsigned i = 1; i < 4; i++)
		(void)begin_usual(s, i);
	expect_sent(s, "1234");
	fail_sign(s, ERR_PIN, 7);
	assert_true(screen_has(s, ASKPASS_SECRET, "The PIN that was remembered is wrong. "));
	assert_true(screen_has(s, ASKPASS_SECRET, "7 tries are left."));
	/* It was not the person's: both chances are left. */
	enter(s, "1111");
	fail_sign(s, ERR_PIN, 6);
	assert_true(screen_has(s, ASKPASS_SECRET, "That PIN was wrong. "));
	answer_screen(s, ASKPASS_SECRET, ERR_DENIED, "");
	expect_end(&s->client[1], ERR_DENIED);
	expect_sent(s, "");
	fail_sign(s, ERR_PIN_NEEDED, 6);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	enter(s, "2222");
	touch_it(s, 0);
	expect_end(&s->client[2], ERR_OK);
	expect_sent(s, "2222");
}

/* Its client leaves between the device's word and the helper's end. */
static void test_a_wrong_one_is_forgotten_though_its_client_left(void **state)
{
	struct touch_scene *s = *state;
	struct fido_failure f = {.why = ERR_PIN, .tries = 7};
	struct builder b = {0};
	struct helper *h;

	plug_hiding(s);
	remember(s, 0, "1234");
	(void)begin_usual(s, 1);
	(void)begin_usual(s, 2);
	h = signing(s, NULL);
	fido_failed_build(&b, &f);
	helper_say(h, b.data, b.len);
	builder_clear(&b);
	settle(&s->d.h);
	leave(&s->client[1]);
	helper_close(h);
	settle(&s->d.h);
	expect_sent(s, "");
}

/* Nobody knows what the device made of it: no more tries with it, unless it had come to the touch.
 */
static void test_doubtful_ones_are_forgotten(void **state)
{
	struct touch_scene *s = *state;

	plug_hiding(s);
	remember(s, 0, "1234");
	(void)begin_usual(s, 1);
	expect_sent(s, "1234");
	leave(&s->client[1]);
	let_helpers_end(s);
	(void)begin_usual(s, 2);
	expect_sent(s, "");
	leave(&s->client[2]);
	let_helpers_end(s);
	remember(s, 3, "1234");
	(void)begin_usual(s, 4);
	helper_close(signing(s, NULL));
	settle(&s->d.h);
	expect_end(&s->client[4], ERR_HELPER);
	remember(s, 5, "1234");
	(void)begin_usual(s, 6);
	fail_sign(s, ERR_DEVICE, FIDO_TRIES_UNKNOWN);
	remember(s, 7, "1234");
	(void)begin_usual(s, 8);
	expect_sent(s, "1234");
	pass(&s->d.h, LIMIT_NOTICE_MS);
	leave(&s->client[8]);
	let_helpers_end(s);
	(void)begin_usual(s, 9);
	expect_sent(s, "1234");
	fail_sign(s, ERR_TOUCH_TIMEOUT, FIDO_TRIES_UNKNOWN);
	expect_end(&s->client[9], ERR_TOUCH_TIMEOUT);
	/* A slow device: it blinked, and yet. */
	(void)begin_usual(s, 10);
	expect_sent(s, "1234");
	pass(&s->d.h, LIMIT_NOTICE_MS);
	fail_sign(s, ERR_PIN, 7);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	leave(&s->client[10]);
	(void)begin_usual(s, 11);
	expect_sent(s, "");
}

/* Asked for while others wait; gone with its client, and with its device. */
static void test_ended_while_it_is_asked_for(void **state)
{
	struct touch_scene *s = *state;

	plug_hiding(s);
	(void)begin_usual(s, 0);
	(void)begin_usual(s, 1);
	fail_sign(s, ERR_PIN_NEEDED, 8);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	leave(&s->client[0]);
	expect_screen_empty(s);
	fail_sign(s, ERR_PIN_NEEDED, 8);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	PLUG_NONE(&s->d);
	assert_int_equal(screens(s, ASKPASS_SECRET), 0);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	expect_waiting(&s->client[1]);
}

/* What was typed for one device is not tried on another. */
static void test_no_pin_goes_to_another_device(void **state)
{
	struct touch_scene *s = *state;
	struct helper *h;

	plug_hiding(s);
	(void)begin_usual(s, 0);
	fail_sign(s, ERR_PIN_NEEDED, 3);
	enter(s, "1234");
	fail_sign(s, ERR_PIN, 2);
	enter(s, "4321");
	h = signing(s, NULL);
	PLUG(&s->d, 2);
	helper_close(h);
	settle(&s->d.h);
	(void)answer_all(&s->d, "/dev/2", ABLE, FIDO_HELD_HIDDEN);
	pass(&s->d.h, 1000);
	expect_sent(s, "");
	/* Nor is anything said of the one before. */
	fail_sign(s, ERR_PIN_NEEDED, FIDO_TRIES_UNKNOWN);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
	assert_false(screen_has(s, ASKPASS_SECRET, "wrong"));
	assert_false(screen_has(s, ASKPASS_SECRET, "left"));
}

/* Only with its PIN a device tells that it does not hold the key. */
static void test_a_device_that_turns_out_to_be_another(void **state)
{
	struct touch_scene *s = *state;

	plug_hiding(s);
	(void)begin_usual(s, 0);
	fail_sign(s, ERR_PIN_NEEDED, 8);
	enter(s, "1234");
	fail_sign(s, ERR_NO_DEVICE, FIDO_TRIES_UNKNOWN);
	assert_null(signing(s, NULL));
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	pass(&s->d.h, 10000);
	PLUG(&s->d, 1); /* still there */
	assert_null(signing(s, NULL));
	PLUG(&s->d, 1, 2);
	(void)answer_all(&s->d, "/dev/2", ABLE, FIDO_HELD_HIDDEN);
	expect_screen_empty(s);
	assert_null(choosing(s));
	fail_sign(s, ERR_NO_DEVICE, FIDO_TRIES_UNKNOWN);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	/* Pulled out and plugged in again it is a new one. */
	PLUG(&s->d, 2);
	assert_null(signing(s, NULL));
	PLUG(&s->d, 2, 1);
	(void)answer_all(&s->d, "/dev/1", ABLE, FIDO_HELD_HIDDEN);
	expect_sent(s, "");
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TOUCH_TEST(test_asked_when_the_device_wants_one),
	    TOUCH_TEST(test_one_more_chance),
	    TOUCH_TEST(test_no_try_where_none_is_left),
	    TOUCH_TEST(test_the_person_says_no),
	    TOUCH_TEST(test_impossible_pins),
	    TOUCH_TEST(test_wanted_though_the_key_does_not_say_so),
	    TOUCH_TEST(test_remembered_for_a_time),
	    TOUCH_TEST(test_a_wrong_one_is_not_remembered),
	    TOUCH_TEST(test_a_wrong_one_is_forgotten_though_its_client_left),
	    TOUCH_TEST(test_doubtful_ones_are_forgotten),
	    TOUCH_TEST(test_ended_while_it_is_asked_for),
	    TOUCH_TEST(test_no_pin_goes_to_another_device),
	    TOUCH_TEST(test_a_device_that_turns_out_to_be_another),
	};

	return cmocka_run_group_tests(tests, touch_group_setup, touch_group_teardown);
}
