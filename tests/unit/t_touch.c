/* A signature by a security key: its stages, who may end it when, and what a device may say. */
#include "tests/support/touch_scene.h"

/* --- signatures */

static void check_signature(unsigned how, const char *name)
{
	struct touch_scene *s = NULL;
	struct builder message = {0}, blob = {0};
	struct touch_request r;
	struct client *c;
	struct fido_sign m;
	struct fido_signed answer = {.flags = FIDO_TOUCH, .counter = 0x01020304};
	struct builder sig = {0}, b = {0};
	bool ecdsa = (how & ECDSA) != 0;

	assert_int_equal(touch_setup((void **)&s), 0);
	(void)add_real_key(s, 0, how);
	plug_holder(s);
	keys_sshsig_message(&message);
	r = a_request(s, 0);
	r.data = builder_view(&message);
	c = begin(s, 0, &r);
	assert_non_null(signing(s, &m));
	assert_true(bytes_is(m.path, "/dev/1"));
	assert_int_equal(m.provider.len, 0);
	assert_int_equal(m.pin.len, 0);
	assert_true(bytes_equal(m.data, builder_view(&message)));
	assert_true(bytes_is(m.key.application, "ssh:"));
	assert_true(bytes_is(m.key.handle, "a handle"));
	assert_int_equal(m.key.flags, how & 0xff);
	assert_int_equal(m.key.algorithm, ecdsa ? FIDO_ECDSA : FIDO_ED25519);

	keys_sk_sign(touch_keys.software[ecdsa], "ssh:", r.data, FIDO_TOUCH, 0x01020304, &sig);
	answer.r = builder_view(&sig);
	if (ecdsa) {
		struct reader parts = reader_of(answer.r);

		assert_int_equal(reader_mpint(&parts, &answer.r), ERR_OK);
		assert_int_equal(reader_mpint(&parts, &answer.s), ERR_OK);
	}
	fido_signed_build(&b, &answer);
	say_and_end(s, signing(s, NULL), &b);
	expect_end(c, ERR_OK);
	/* ssh-keygen judges it, flags and counter included. */
	keys_sk_blob(touch_keys.software[ecdsa], name, &blob);
	assert_true(keys_sshsig_accepted(
	    &touch_keys.dir, builder_view(&blob), builder_view(&c->signature)));
	assert_memory_equal(c->signature.data + c->signature.len - 5, "\x01\x01\x02\x03\x04", 5);
	builder_clear(&sig);
	builder_clear(&message);
	builder_clear(&blob);
	assert_int_equal(touch_teardown((void **)&s), 0);
}

static void test_signatures_are_those_of_the_protocol(void **state)
{
	(void)state;
	check_signature(FIDO_TOUCH, touch_types[0]);
	/* Numbers with and without their highest bit, which one signature may or may not have. */
	for (unsigned i = 0; i < 16; i++)
		check_signature(FIDO_TOUCH | ECDSA, touch_types[1]);
}

/* The helper of a library finds the device itself, and nobody waits for one to be plugged in. */
static void test_a_library_signs(void **state)
{
	struct touch_scene *s = *state;
	struct touch_request r;
	struct client *c;
	struct fido_sign m;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	settle(&s->d.h);
	r = a_request(s, 0);
	r.provider = bytes_str("/usr/lib/libmine.so");
	c = begin(s, 0, &r);
	assert_non_null(signing(s, &m));
	assert_true(bytes_is(m.provider, "/usr/lib/libmine.so"));
	assert_int_equal(m.path.len, 0);
	(void)begin(s, 1, &r); /* waits in the library's line */
	pass(&s->d.h, LIMIT_NOTICE_MS);
	assert_true(screen_has(s, ASKPASS_NOTICE, "1 more request waits"));
	touch_it(s, 0);
	expect_end(c, ERR_OK);
	fail_with(s, signing(s, NULL), ERR_NO_DEVICE, FIDO_TRIES_UNKNOWN);
	expect_end(&s->client[1], ERR_NO_DEVICE);
	expect_screen_empty(s);
}

/* --- the notice */

static void test_a_touch_that_takes_long_is_told(void **state)
{
	struct touch_scene *s = *state;
	struct helper_ask m;
	struct touch_request r;
	struct client *c;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	r = a_request(s, 0);
	r.comment = bytes_str("my\x1b[2J\nkey");
	r.forwarded = true;
	c = begin(s, 0, &r);
	pass(&s->d.h, LIMIT_NOTICE_MS - 1);
	expect_screen_empty(s);
	pass(&s->d.h, 1);
	assert_non_null(screen(s, ASKPASS_NOTICE, 0, &m));
	assert_true(bytes_is(m.title, "Signet: touch your security key"));
	assert_true(bytes_is(m.text, "Touch your security key \"Maker Product\" to use key "
				     "\"my\\x1b[2J\\x0akey\".\nKey fingerprint SHA256:print.\n\n"
				     "Asked by ssh."));
	assert_int_equal(m.pid, 42);
	assert_int_equal(m.started, 5);
	assert_int_equal(m.flags, HELPER_ASK_FORWARDED);
	assert_int_equal(m.timeout, 0);
	pass(&s->d.h, 20000);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	touch_it(s, 0);
	expect_end(c, ERR_OK);
	expect_screen_empty(s);
}

/* At once when the device has spoken, though the helper takes its time to end. */
static void test_the_notice_goes_with_the_answer(void **state)
{
	struct touch_scene *s = *state;
	struct fido_failure f = {.why = ERR_UV, .tries = FIDO_TRIES_UNKNOWN};
	struct builder b = {0};
	struct helper *h;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	(void)begin_usual(s, 0);
	pass(&s->d.h, LIMIT_NOTICE_MS);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	h = signing(s, NULL);
	fido_failed_build(&b, &f);
	helper_say(h, b.data, b.len);
	settle(&s->d.h);
	expect_screen_empty(s);
	helper_close(h);
	settle(&s->d.h);
	expect_end(&s->client[0], ERR_UV);
	/* And none comes for an answer that came before it, but after which the helper lingers. */
	(void)begin_usual(s, 1);
	h = signing(s, NULL);
	pass(&s->d.h, LIMIT_NOTICE_MS - 1);
	helper_say(h, b.data, b.len);
	settle(&s->d.h);
	pass(&s->d.h, LIMIT_NOTICE_MS);
	expect_screen_empty(s);
	helper_close(h);
	settle(&s->d.h);
	expect_end(&s->client[1], ERR_UV);
	builder_clear(&b);
}

static void test_no_notice_where_no_touch_is_wanted(void **state)
{
	struct touch_scene *s = *state;

	(void)add_real_key(s, 0, 0);
	plug_holder(s);
	(void)begin_usual(s, 0);
	pass(&s->d.h, 10000);
	expect_screen_empty(s);
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
}

/* Nobody can be told: the device blinks all the same. */
static void test_a_notice_that_fails_is_not_repeated(void **state)
{
	struct touch_scene *s = *state;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	(void)begin_usual(s, 0);
	pass(&s->d.h, LIMIT_NOTICE_MS);
	answer_screen(s, ASKPASS_NOTICE, ERR_NO_PROMPT, "");
	pass(&s->d.h, 10000);
	expect_screen_empty(s);
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
}

/* --- many clients */

static void test_a_touch_serves_one_request(void **state)
{
	enum { MANY = 200 };
	struct touch_scene *s = *state;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	for (unsigned i = 0; i < MANY; i++)
		(void)begin_usual(s, i);
	assert_int_equal(s->ts.pending, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		char part[64];

		/* Their time runs only while it is their turn. */
		pass(&s->d.h, LIMIT_TOUCH_MS - 1000);
		assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
		(void)snprintf(part, sizeof(part), "%u more requests wait for it, a touch each.",
		    MANY - 1 - i);
		if (i < MANY - 2)
			assert_true(screen_has(s, ASKPASS_NOTICE, part));
		else if (i == MANY - 2)
			assert_true(screen_has(s, ASKPASS_NOTICE, "1 more request waits for it."));
		else
			assert_false(screen_has(s, ASKPASS_NOTICE, "more"));
		touch_it(s, 0);
		expect_end(&s->client[i], ERR_OK);
		if (i + 1 < MANY)
			expect_waiting(&s->client[i + 1]);
		let_helpers_end(s);
	}
}

static void test_one_that_is_not_touched_ends_alone(void **state)
{
	struct touch_scene *s = *state;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	(void)begin_usual(s, 0);
	(void)begin_usual(s, 1);
	pass(&s->d.h, LIMIT_TOUCH_MS);
	assert_true(s->d.h.count > 0);
	let_helpers_end(s);
	expect_end(&s->client[0], ERR_TOUCH_TIMEOUT);
	expect_waiting(&s->client[1]);
	assert_non_null(signing(s, NULL));
	touch_it(s, 0);
	expect_end(&s->client[1], ERR_OK);
}

static void test_who_leaves_gives_the_place_up(void **state)
{
	struct touch_scene *s = *state;
	struct helper *h;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	for (unsigned i = 0; i < 3; i++)
		(void)begin_usual(s, i);
	leave(&s->client[1]); /* in line */
	h = signing(s, NULL);
	pass(&s->d.h, LIMIT_NOTICE_MS);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	leave(&s->client[0]); /* at the device */
	expect_screen_empty(s);
	assert_true(h->hung_up);
	assert_int_equal(h->last, FIDO_CANCEL);
	/* It has the device until it is gone. */
	assert_null(helper_with(&s->d.h, FIDO_SIGN, 0));
	helper_close(h);
	settle(&s->d.h);
	assert_non_null(signing(s, NULL));
	touch_it(s, 0);
	expect_end(&s->client[2], ERR_OK);
	assert_int_equal(s->client[0].calls + s->client[1].calls, 0);
}

/* A helper that does not end is killed, and the next goes on. */
static void test_a_stubborn_helper_is_killed(void **state)
{
	struct touch_scene *s = *state;
	struct helper *h;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	(void)begin_usual(s, 0);
	(void)begin_usual(s, 1);
	h = signing(s, NULL);
	leave(&s->client[0]);
	assert_false(h->killed);
	pass(&s->d.h, LIMIT_CANCEL_MS);
	assert_true(h->killed);
	assert_non_null(signing(s, NULL));
}

/* --- what a helper may say */

static void test_every_failure_is_an_end(void **state)
{
	static const enum err codes[] = {ERR_MEMORY, ERR_SYSTEM, ERR_CRYPTO, ERR_FORMAT, ERR_LIMIT,
	    ERR_KEY_TYPE, ERR_CANCELLED, ERR_UNSUPPORTED, ERR_DEVICE, ERR_TOUCH_TIMEOUT, ERR_DENIED,
	    ERR_PIN_AUTH_BLOCKED, ERR_PIN_BLOCKED, ERR_PIN_UNSET, ERR_UV, ERR_PROVIDER};
	struct touch_scene *s = *state;
	unsigned n = 0;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	for (int e = 0; e < 256; e++) {
		bool listed = e == ERR_NO_DEVICE || e == ERR_DEVICE_GONE || e == ERR_DEVICE_BUSY ||
			      e == ERR_PIN || e == ERR_PIN_NEEDED;

		for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
			listed = listed || e == (int)codes[i];
		assert_true(listed == fido_failure_allowed((enum err)e));
	}
	for (; n < sizeof(codes) / sizeof(codes[0]); n++) {
		(void)begin_usual(s, n);
		fail_with(s, signing(s, NULL), codes[n], FIDO_TRIES_UNKNOWN);
		expect_end(&s->client[n], codes[n]);
		expect_screen_empty(s);
	}
}

/* Not there, or in use: looked at again after a pause, and not for ever. */
static void test_a_device_that_disappoints_is_given_time(void **state)
{
	static const enum err codes[][2] = {{ERR_NO_DEVICE, ERR_NO_DEVICE},
	    {ERR_DEVICE_GONE, ERR_NO_DEVICE}, {ERR_DEVICE_BUSY, ERR_DEVICE_BUSY}};
	struct touch_scene *s = *state;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	for (unsigned n = 0; n < 3; n++) {
		(void)begin_usual(s, n);
		for (unsigned round = 0; round < 4; round++) {
			expect_waiting(&s->client[n]);
			fail_with(s, signing(s, NULL), codes[n][0], FIDO_TRIES_UNKNOWN);
			assert_null(signing(s, NULL));
			PLUG(&s->d, 1); /* news of others do not shorten the pause */
			pass(&s->d.h, 999);
			assert_null(signing(s, NULL));
			pass(&s->d.h, 1);
		}
		expect_end(&s->client[n], codes[n][1]);
	}
	(void)begin_usual(s, 4);
	fail_with(s, signing(s, NULL), ERR_DEVICE_BUSY, FIDO_TRIES_UNKNOWN);
	pass(&s->d.h, 1000);
	touch_it(s, 0);
	expect_end(&s->client[4], ERR_OK);
}

static void hostile(struct touch_scene *s, unsigned n, struct builder *b, enum err expected)
{
	(void)begin_usual(s, n);
	say_and_end(s, signing(s, NULL), b);
	expect_end(&s->client[n], expected);
}

static void test_answers_that_make_no_sense(void **state)
{
	struct touch_scene *s = *state;
	struct builder b = {0};
	struct fido_signed m = {.r = bytes_str("r"), .s = bytes_str("s")};

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	fido_text_build(&b, FIDO_CHOSEN, bytes_str("/dev/1"));
	hostile(s, 0, &b, ERR_REPLY);
	fido_signed_build(&b, &m);
	hostile(s, 1, &b, ERR_DEVICE);
	build_signed(s, 0, FIDO_TOUCH, &b);
	b.data[b.len - 1] ^= 1; /* the counter */
	hostile(s, 2, &b, ERR_DEVICE);
	build_signed(s, 0, FIDO_TOUCH, &b);
	b.data[b.len - 5] ^= FIDO_VERIFY; /* the flags */
	hostile(s, 3, &b, ERR_DEVICE);
	build_signed(s, 0, FIDO_TOUCH, &b);
	builder_u8(&b, 0);
	hostile(s, 4, &b, ERR_REPLY);
	build_signed(s, 0, FIDO_TOUCH, &b);
	b.data[4] ^= 1; /* the version */
	hostile(s, 5, &b, ERR_VERSION);
	builder_put(&b, BYTES("\0\0\0\2\2\47", 6)); /* FIDO_FAILED without a reason */
	hostile(s, 6, &b, ERR_REPLY);
	builder_put(&b, BYTES("\xff\xff\xff\xff", 4)); /* too long for anything */
	hostile(s, 7, &b, ERR_REPLY);
	/* Nothing at all. */
	(void)begin_usual(s, 8);
	helper_close(signing(s, NULL));
	settle(&s->d.h);
	expect_end(&s->client[8], ERR_HELPER);
	/* It could not be started. */
	s->d.h.unable = true;
	(void)begin_usual(s, 9);
	expect_end(&s->client[9], ERR_HELPER_MISSING);
	s->d.h.unable = false;
	/* And the device is none the worse for it. */
	(void)begin_usual(s, 10);
	touch_it(s, 0);
	expect_end(&s->client[10], ERR_OK);
}

/* --- lost, and cancelled, in each stage */

static void test_cancelled_while_it_is_looked_for(void **state)
{
	struct touch_scene *s = *state;
	struct touch_request r;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	settle(&s->d.h);
	(void)begin_usual(s, 0);
	PLUG(&s->d, 1);
	expect_waiting(&s->client[0]);
	leave(&s->client[0]);
	assert_int_equal(s->ts.pending, 0);
	/* Before it has even begun. */
	r = a_request(s, 0);
	s->client[1].scene = s;
	s->client[1].touch = touch_begin(&s->ts, &r, touch_done, &s->client[1]);
	assert_non_null(s->client[1].touch);
	leave(&s->client[1]);
	/* While a device that was busy is given its pause. */
	(void)answer_all(&s->d, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	(void)answer_all(&s->d, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES);
	(void)begin_usual(s, 2);
	fail_with(s, signing(s, NULL), ERR_DEVICE_BUSY, FIDO_TRIES_UNKNOWN);
	leave(&s->client[2]);
	pass(&s->d.h, 2000);
	assert_null(signing(s, NULL));
}

static void test_pulled_out_during_a_touch(void **state)
{
	struct touch_scene *s = *state;
	struct helper *h;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	(void)begin_usual(s, 0);
	(void)begin_usual(s, 1);
	pass(&s->d.h, LIMIT_NOTICE_MS);
	h = signing(s, NULL);
	PLUG_NONE(&s->d);
	assert_true(h->hung_up);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 0);
	/* The one in line asks for it at once, the other when its helper is gone. */
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	helper_close(h);
	settle(&s->d.h);
	pass(&s->d.h, 1000);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	PLUG(&s->d, 2);
	(void)answer_all(&s->d, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	(void)answer_all(&s->d, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_YES);
	expect_screen_empty(s);
	touch_it(s, 0);
	touch_it(s, 0);
	expect_end(&s->client[0], ERR_OK);
	expect_end(&s->client[1], ERR_OK);
}

/* The device went, but the signature had come: the helper's end is nobody's business. */
static void test_pulled_out_after_the_answer(void **state)
{
	struct touch_scene *s = *state;
	struct builder b = {0};
	struct helper *h;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	(void)begin_usual(s, 0);
	h = signing(s, NULL);
	build_signed(s, 0, FIDO_TOUCH, &b);
	helper_say(h, b.data, b.len);
	builder_clear(&b);
	settle(&s->d.h);
	expect_end(&s->client[0], ERR_OK);
	PLUG_NONE(&s->d);
	assert_non_null(s->ts.first);
	helper_close(h);
	settle(&s->d.h);
	assert_null(s->ts.first);
	assert_int_equal(s->client[0].calls, 1);
}

/* --- allowed no longer */

static void test_what_is_allowed_no_longer_ends_at_once(void **state)
{
	struct touch_scene *s = *state;
	struct helper *h;

	(void)add_real_key(s, 0, FIDO_TOUCH);
	plug_holder(s);
	for (unsigned i = 0; i < 3; i++)
		(void)begin_usual(s, i);
	pass(&s->d.h, LIMIT_NOTICE_MS);
	h = signing(s, NULL);
	touches_review(&s->ts);
	settle(&s->d.h);
	expect_waiting(&s->client[0]);
	s->client[0].allowed = ERR_LOCKED;
	s->client[2].allowed = ERR_NOT_FOUND;
	settle(&s->d.h);
	expect_waiting(&s->client[0]);
	touches_review(&s->ts);
	touches_review(&s->ts);
	assert_int_equal(s->client[0].calls, 0); /* not from within the call */
	settle(&s->d.h);
	expect_end(&s->client[0], ERR_LOCKED);
	expect_waiting(&s->client[1]);
	expect_end(&s->client[2], ERR_NOT_FOUND);
	assert_true(h->hung_up);
	expect_screen_empty(s);
	touches_review(&s->ts); /* one is on its way out */
	settle(&s->d.h);
	helper_close(h);
	settle(&s->d.h);
	touch_it(s, 0);
	expect_end(&s->client[1], ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_signatures_are_those_of_the_protocol),
	    TOUCH_TEST(test_a_library_signs),
	    TOUCH_TEST(test_a_touch_that_takes_long_is_told),
	    TOUCH_TEST(test_the_notice_goes_with_the_answer),
	    TOUCH_TEST(test_no_notice_where_no_touch_is_wanted),
	    TOUCH_TEST(test_a_notice_that_fails_is_not_repeated),
	    TOUCH_TEST(test_a_touch_serves_one_request),
	    TOUCH_TEST(test_one_that_is_not_touched_ends_alone),
	    TOUCH_TEST(test_who_leaves_gives_the_place_up),
	    TOUCH_TEST(test_a_stubborn_helper_is_killed),
	    TOUCH_TEST(test_every_failure_is_an_end),
	    TOUCH_TEST(test_a_device_that_disappoints_is_given_time),
	    TOUCH_TEST(test_answers_that_make_no_sense),
	    TOUCH_TEST(test_cancelled_while_it_is_looked_for),
	    TOUCH_TEST(test_pulled_out_during_a_touch),
	    TOUCH_TEST(test_pulled_out_after_the_answer),
	    TOUCH_TEST(test_what_is_allowed_no_longer_ends_at_once),
	};

	return cmocka_run_group_tests(tests, touch_group_setup, touch_group_teardown);
}
