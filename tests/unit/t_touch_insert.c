/* Keys whose device is not plugged in, and keys that several devices may hold. */
#include "tests/support/touch_scene.h"

enum { ABLE = FIDO_CAN_CTAP2 | FIDO_CAN_PIN | FIDO_HAS_PIN };

static void plug_none(struct touch_scene *s)
{
	(void)add_real_key(s, 0, FIDO_TOUCH);
	settle(&s->d.h);
	PLUG_NONE(&s->d);
}

static void come(struct touch_scene *s, uint32_t abilities, enum fido_held held)
{
	plug_with(s, abilities, held);
}

static void test_waits_for_it_with_a_question(void **state)
{
	struct touch_scene *s = *state;
	struct touch_request r;
	struct helper_ask m;

	s->options.insert_wait = 90;
	plug_none(s);
	r = a_request(s, 0);
	r.comment = bytes_str("a\nkey");
	(void)begin(s, 0, &r);
	assert_non_null(screen(s, ASKPASS_CONFIRM, 0, &m));
	assert_true(bytes_is(m.title, "Signet: plug in a security key"));
	assert_true(bytes_is(m.text, "Plug in the security key that holds key \"a\\x0akey\".\n"
				     "Key fingerprint SHA256:print.\n\nAsked by ssh.\n\n"
				     "Signet goes on by itself when it is there. Deny or cancel to "
				     "refuse at once."));
	assert_int_equal(m.timeout, 90);
	assert_int_equal(m.flags, 0);
	pass(&s->d.h, 10000);
	/* Another key's device changes nothing. */
	come(s, ABLE, FIDO_HELD_NO);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	PLUG_NONE(&s->d);
	PLUG(&s->d, 2);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1); /* until it has said what it holds */
	while (probes(&s->d) != 0)
		(void)answer_all(&s->d, "/dev/2", ABLE, FIDO_HELD_YES);
	expect_screen_empty(s);
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
}

static struct helper *watch(const struct touch_scene *s)
{
	return helper_with(&s->d.h, FIDO_WATCH, 0);
}

/* A watch that keeps ending would be started after a minute; while somebody waits it is after a
 * second. */
static void test_watch_that_ends(void **state)
{
	struct touch_scene *s = *state;

	s->options.insert_wait = 90;
	plug_none(s);
	for (unsigned i = 0; i < 8; i++) {
		helper_close(watch(s));
		settle(&s->d.h);
		if (i < 7)
			pass(&s->d.h, 60000);
	}
	pass(&s->d.h, 10000);
	assert_null(watch(s));
	(void)begin_usual(s, 0);
	settle(&s->d.h);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	assert_non_null(watch(s));
	helper_close(watch(s));
	settle(&s->d.h);
	pass(&s->d.h, 999);
	assert_null(watch(s));
	pass(&s->d.h, 1);
	PLUG_NONE(&s->d);
	PLUG(&s->d, 2);
	while (probes(&s->d) != 0)
		(void)answer_all(&s->d, "/dev/2", ABLE, FIDO_HELD_YES);
	expect_screen_empty(s);
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
}

static void test_answers_of_the_person(void **state)
{
	static const enum err answers[][2] = {{ERR_DENIED, ERR_DENIED},
	    {ERR_TIMEOUT, ERR_NO_DEVICE}, {ERR_NO_PROMPT, ERR_NO_DEVICE},
	    {ERR_SYSTEM, ERR_NO_DEVICE}};
	struct touch_scene *s = *state;

	plug_none(s);
	for (unsigned i = 0; i < 4; i++) {
		(void)begin_usual(s, i);
		answer_screen(s, ASKPASS_CONFIRM, answers[i][0], "");
		expect_end(&s->client[i], answers[i][1]);
		expect_screen_empty(s);
	}
	/* A prompt that cannot be started. */
	s->d.h.unable = true;
	(void)begin_usual(s, 5);
	expect_end(&s->client[5], ERR_NO_DEVICE);
}

/* "Yes" before it is there: asked again, but neither at once nor for ever. */
static void test_yes_before_it_is_there(void **state)
{
	struct touch_scene *s = *state;
	struct helper_ask m;
	unsigned asked = 0;

	s->options.insert_wait = 10;
	plug_none(s);
	(void)begin_usual(s, 0);
	while (s->client[0].calls == 0 && asked < 100) {
		assert_non_null(screen(s, ASKPASS_CONFIRM, 0, &m));
		assert_int_equal(m.timeout, 10 - asked);
		answer_screen(s, ASKPASS_CONFIRM, ERR_OK, "");
		asked++;
		expect_screen_empty(s);
		pass(&s->d.h, 999);
		expect_screen_empty(s);
		pass(&s->d.h, 1);
	}
	assert_int_equal(asked, 10);
	expect_end(&s->client[0], ERR_NO_DEVICE);
}

static void test_nobody_waits(void **state)
{
	struct touch_scene *s = *state;
	struct touch_request r;

	plug_none(s);
	r = a_request(s, 0);
	r.forwarded = true;
	(void)begin(s, 0, &r);
	expect_end(&s->client[0], ERR_NO_DEVICE);
	s->options.insert_wait_forwarded = true;
	(void)begin(s, 1, &r);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	s->options.insert_wait = 0;
	(void)begin_usual(s, 2);
	expect_end(&s->client[2], ERR_NO_DEVICE);
	expect_waiting(&s->client[1]);
}

/* Nobody is sent to plug in what nobody would see. */
static void test_without_the_helper_nobody_waits(void **state)
{
	struct touch_scene *s = *state;

	s->d.h.unable = true;
	(void)add_real_key(s, 0, FIDO_TOUCH);
	settle(&s->d.h);
	(void)begin_usual(s, 0);
	expect_end(&s->client[0], ERR_HELPER_MISSING);
}

/* One question for all, and one answer. */
static void test_one_question_a_key(void **state)
{
	struct touch_scene *s = *state;
	struct touch_request r;

	plug_none(s);
	for (unsigned i = 0; i < 200; i++)
		(void)begin_usual(s, i);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	(void)add_real_key(s, 1, FIDO_TOUCH | ECDSA);
	r = a_request(s, 1);
	(void)begin(s, 200, &r);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 2);
	answer_screen(s, ASKPASS_CONFIRM, ERR_DENIED, "");
	for (unsigned i = 0; i < 200; i++)
		expect_end(&s->client[i], ERR_DENIED);
	expect_waiting(&s->client[200]);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
}

static void test_all_go_on_when_it_comes(void **state)
{
	struct touch_scene *s = *state;
	size_t helpers;

	plug_none(s);
	for (unsigned i = 0; i < 50; i++)
		(void)begin_usual(s, i);
	helpers = s->d.h.count;
	come(s, ABLE, FIDO_HELD_YES);
	expect_screen_empty(s);
	assert_int_equal(s->d.h.count, helpers + 3); /* two questions to it, a signature */
	for (unsigned i = 0; i < 50; i++)
		touch_it(s, 0);
	for (unsigned i = 0; i < 50; i++)
		expect_end(&s->client[i], ERR_OK);
}

/* Its words were on the screen: the next asks in its own. */
static void test_the_asker_leaves(void **state)
{
	struct touch_scene *s = *state;
	struct touch_request r;
	struct helper_ask m;

	plug_none(s);
	for (unsigned i = 0; i < 3; i++) {
		r = a_request(s, 0);
		r.pid = 100 + i;
		(void)begin(s, i, &r);
	}
	leave(&s->client[1]);
	assert_non_null(screen(s, ASKPASS_CONFIRM, 0, &m));
	assert_int_equal(m.pid, 100);
	pass(&s->d.h, 20000);
	leave(&s->client[0]);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	assert_non_null(screen(s, ASKPASS_CONFIRM, 0, &m));
	assert_int_equal(m.pid, 102);
	assert_int_equal(m.timeout, 40); /* of the time that there was */
	leave(&s->client[2]);
	expect_screen_empty(s);
	assert_null(s->insertions.first);
}

/* Many leave in one round: their questions are not all put, one after the other. */
static void test_askers_leave_together(void **state)
{
	struct touch_scene *s = *state;
	size_t helpers;

	plug_none(s);
	for (unsigned i = 0; i < 10; i++)
		(void)begin_usual(s, i);
	helpers = s->d.h.count;
	for (unsigned i = 0; i < 9; i++) {
		touch_cancel(s->client[i].touch);
		s->client[i].touch = NULL;
	}
	settle(&s->d.h);
	assert_int_equal(s->d.h.count, helpers + 1);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
}

/* Who has no terminal is refused alone: others may have one. */
static void test_nobody_can_be_asked_for_one(void **state)
{
	struct touch_scene *s = *state;
	struct touch_request r;
	struct helper_ask m;

	plug_none(s);
	for (unsigned i = 0; i < 3; i++) {
		r = a_request(s, 0);
		r.pid = 100 + i;
		(void)begin(s, i, &r);
	}
	answer_screen(s, ASKPASS_CONFIRM, ERR_NO_PROMPT, "");
	expect_end(&s->client[0], ERR_NO_DEVICE);
	assert_non_null(screen(s, ASKPASS_CONFIRM, 0, &m));
	assert_int_equal(m.pid, 101);
	answer_screen(s, ASKPASS_CONFIRM, ERR_DENIED, "");
	expect_end(&s->client[1], ERR_DENIED);
	expect_end(&s->client[2], ERR_DENIED);
}

/* --- several devices */

static void plug_two_hiding(struct touch_scene *s)
{
	(void)add_real_key(s, 0, FIDO_TOUCH | FIDO_VERIFY);
	settle(&s->d.h);
	PLUG(&s->d, 1, 2);
	(void)answer_all(&s->d, "/dev/1", ABLE, FIDO_HELD_HIDDEN);
	(void)answer_all(&s->d, "/dev/2", ABLE, FIDO_HELD_HIDDEN);
}

static void say_chosen(struct touch_scene *s, const char *path)
{
	struct builder b = {0};

	fido_text_build(&b, FIDO_CHOSEN, bytes_str(path));
	say_and_end(s, choosing(s), &b);
}

static void test_a_touch_chooses_the_device(void **state)
{
	struct touch_scene *s = *state;
	struct bytes paths[FIDO_PATHS_MOST];
	struct fido_sign m;
	size_t n;

	plug_two_hiding(s);
	(void)begin_usual(s, 0);
	assert_non_null(choosing(s));
	assert_int_equal(fido_choose_parse(request_of(choosing(s)), paths, &n), ERR_OK);
	assert_int_equal(n, 2);
	assert_true(bytes_is(paths[0], "/dev/1") && bytes_is(paths[1], "/dev/2"));
	pass(&s->d.h, LIMIT_NOTICE_MS);
	assert_true(
	    screen_has(s, ASKPASS_NOTICE, "Touch the security key that holds key \"a key\"."));
	say_chosen(s, "/dev/2");
	expect_screen_empty(s);
	assert_non_null(signing(s, &m));
	assert_true(bytes_is(m.path, "/dev/2"));
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
}

static void test_a_choice_that_was_not_asked_for(void **state)
{
	struct touch_scene *s = *state;
	struct builder b = {0};

	plug_two_hiding(s);
	(void)begin_usual(s, 0);
	say_chosen(s, "/dev/3");
	expect_end(&s->client[0], ERR_REPLY);
	(void)begin_usual(s, 1);
	build_signed(s, 0, FIDO_TOUCH, &b); /* and a signature is no choice */
	say_and_end(s, choosing(s), &b);
	expect_end(&s->client[1], ERR_REPLY);
	(void)begin_usual(s, 2);
	fail_with(s, choosing(s), ERR_TOUCH_TIMEOUT, FIDO_TRIES_UNKNOWN);
	expect_end(&s->client[2], ERR_TOUCH_TIMEOUT);
	(void)begin_usual(s, 3); /* nor does it want a PIN */
	fail_with(s, choosing(s), ERR_PIN_NEEDED, 8);
	expect_end(&s->client[3], ERR_REPLY);
	expect_screen_empty(s);
}

static void test_ended_while_one_is_chosen(void **state)
{
	struct touch_scene *s = *state;
	struct helper *h;

	plug_two_hiding(s);
	(void)begin_usual(s, 0);
	(void)begin_usual(s, 1);
	h = choosing(s);
	leave(&s->client[0]);
	assert_int_equal(h->last, FIDO_CANCEL);
	assert_null(choosing(s));
	helper_close(h);
	settle(&s->d.h);
	h = choosing(s);
	assert_non_null(h);
	/* One of them goes: the other is the only one that may hold it. */
	PLUG(&s->d, 1);
	assert_true(h->hung_up);
	helper_close(h);
	settle(&s->d.h);
	assert_null(choosing(s));
	pass(&s->d.h, 1000);
	touch_it(s, 0);
	expect_end(&s->client[1], ERR_OK);
}

/* The chosen one goes before its helper has ended. */
static void test_the_chosen_one_is_lost(void **state)
{
	struct touch_scene *s = *state;
	struct builder b = {0};
	struct helper *h;
	struct fido_sign m;

	plug_two_hiding(s);
	(void)begin_usual(s, 0);
	h = choosing(s);
	fido_text_build(&b, FIDO_CHOSEN, bytes_str("/dev/2"));
	helper_say(h, b.data, b.len);
	builder_clear(&b);
	settle(&s->d.h);
	PLUG(&s->d, 1);
	helper_close(h);
	settle(&s->d.h);
	pass(&s->d.h, 1000);
	assert_non_null(signing(s, &m));
	assert_true(bytes_is(m.path, "/dev/1"));
}

/* A device that is being asked may be the one; a dumb one is waited for, but not for ever. */
static void test_waits_for_what_devices_say(void **state)
{
	struct touch_scene *s = *state;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	settle(&s->d.h);
	PLUG(&s->d, 1);
	(void)begin_usual(s, 0);
	pass(&s->d.h, 1000);
	expect_waiting(&s->client[0]);
	expect_screen_empty(s);
	for (unsigned i = 0; i < 200 && screens(s, ASKPASS_CONFIRM) == 0; i++) {
		expect_waiting(&s->client[0]);
		pass(&s->d.h, 1000);
		let_helpers_end(s);
	}
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
}

/* The watch never says anything. */
static void test_waits_for_no_watch_for_ever(void **state)
{
	struct touch_scene *s = *state;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	settle(&s->d.h);
	(void)begin_usual(s, 0);
	pass(&s->d.h, 1500);
	expect_screen_empty(s);
	pass(&s->d.h, 1500);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	come(s, ABLE, FIDO_HELD_YES);
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
}

/* Of two that hold it, the one with the shorter line. */
static void test_two_that_hold_it(void **state)
{
	struct touch_scene *s = *state;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	settle(&s->d.h);
	PLUG(&s->d, 1, 2);
	while (probes(&s->d) != 0) {
		struct fido_probe p;

		(void)answer_all(&s->d, probe_at(&s->d, "/dev/1", &p) != NULL ? "/dev/1" : "/dev/2",
		    ABLE, FIDO_HELD_YES);
	}
	(void)begin_usual(s, 0);
	(void)begin_usual(s, 1);
	(void)begin_usual(s, 2);
	assert_non_null(helper_with(&s->d.h, FIDO_SIGN, 0));
	assert_non_null(helper_with(&s->d.h, FIDO_SIGN, 1));
	assert_null(helper_with(&s->d.h, FIDO_SIGN, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TOUCH_TEST(test_waits_for_it_with_a_question),
	    TOUCH_TEST(test_watch_that_ends),
	    TOUCH_TEST(test_answers_of_the_person),
	    TOUCH_TEST(test_yes_before_it_is_there),
	    TOUCH_TEST(test_nobody_waits),
	    TOUCH_TEST(test_without_the_helper_nobody_waits),
	    TOUCH_TEST(test_one_question_a_key),
	    TOUCH_TEST(test_all_go_on_when_it_comes),
	    TOUCH_TEST(test_the_asker_leaves),
	    TOUCH_TEST(test_askers_leave_together),
	    TOUCH_TEST(test_nobody_can_be_asked_for_one),
	    TOUCH_TEST(test_a_touch_chooses_the_device),
	    TOUCH_TEST(test_a_choice_that_was_not_asked_for),
	    TOUCH_TEST(test_ended_while_one_is_chosen),
	    TOUCH_TEST(test_the_chosen_one_is_lost),
	    TOUCH_TEST(test_waits_for_what_devices_say),
	    TOUCH_TEST(test_waits_for_no_watch_for_ever),
	    TOUCH_TEST(test_two_that_hold_it),
	};

	return cmocka_run_group_tests(tests, touch_group_setup, touch_group_teardown);
}
