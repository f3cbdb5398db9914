/* Signatures by keys that are in tokens: the request, the notice, the signature, and who waits. */
#include "tests/support/tokensign_scene.h"

static void test_signs(void **state)
{
	struct token_scene *s = *state;
	struct token_sign m;

	for (unsigned i = 0; i < SOFT_KEYS; i++) {
		static const char *const names[] = {
		    "ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256"};
		struct touch_request r;
		struct reader reader;
		struct bytes name;

		s->soft = (enum soft_key)i;
		plug(s);
		r = a_request(s);
		(void)begin(s, i, &r);
		assert_int_equal(s->ts.pending, 1);
		assert_true(next_sign(s, &m));
		assert_true(bytes_is(m.algorithm, names[i]));
		assert_true(bytes_is(m.data, TOKEN_DATA));
		assert_true(bytes_is(m.token, "token") && bytes_is(m.key, "key"));
		assert_int_equal(m.pin.len, 0);
		assert_int_equal(m.flags, 0);
		pass(&s->m.h, 5000); /* slow, but nobody is awaited */
		expect_screen_empty(s);
		sign_it(s);
		expect_end(&s->client[i], ERR_OK);
		assert_int_equal(s->ts.pending, 0);
		reader = reader_of(builder_view(&s->client[i].signature));
		assert_int_equal(reader_string(&reader, &name), ERR_OK);
		assert_true(bytes_is(name, names[i]));
		expect_no_sign(s);
	}
}

/* Somebody else judges them. */
static void test_ssh_takes_the_signature(void **state)
{
	struct token_scene *s = *state;

	for (unsigned i = 0; i < SOFT_KEYS; i++) {
		struct builder message = {0}, sig = {0};
		struct bytes n1, n2;
		struct touch_request r;

		s->soft = (enum soft_key)i;
		plug(s);
		keys_sshsig_message(&message);
		r = a_request(s);
		r.data = builder_view(&message);
		(void)begin(s, i, &r);
		expect_sent(s, "", 0);
		make_numbers(s, r.data, &sig, &n1, &n2);
		say_numbers(s, n1, n2);
		expect_end(&s->client[i], ERR_OK);
		assert_true(keys_sshsig_accepted(
		    &token_keys.dir, key_blob(r.key), builder_view(&s->client[i].signature)));
		builder_clear(&message);
		builder_clear(&sig);
	}
}

/* RSA: as long as the modulus, though the token dropped a leading zero. */
static void test_short_rsa(void **state)
{
	struct token_scene *s = *state;
	struct builder sig = {0};
	struct bytes n1 = {0}, n2;
	struct touch_request r;
	char data[16];

	s->soft = RSA2048;
	plug(s);
	for (unsigned i = 0; i < 10000; i++) {
		(void)snprintf(data, sizeof(data), "%u", i);
		builder_reset(&sig);
		make_numbers(s, bytes_str(data), &sig, &n1, &n2);
		if (n1.data[0] == 0)
			break;
	}
	assert_int_equal(n1.data[0], 0);
	r = a_request(s);
	r.data = bytes_str(data);
	(void)begin(s, 0, &r);
	expect_sent(s, "", 0);
	say_numbers(s, BYTES(n1.data + 1, n1.len - 1), n2);
	expect_end(&s->client[0], ERR_OK);
	assert_int_equal(s->client[0].signature.len, sig.len);
	assert_memory_equal(s->client[0].signature.data, sig.data, sig.len);
	builder_clear(&sig);
}

/* Signatures of something else, of another length, and none at all. */
static void test_bad_signatures(void **state)
{
	struct token_scene *s = *state;
	uint8_t junk[300];

	memset(junk, 7, sizeof(junk));
	for (unsigned i = 0; i < SOFT_KEYS; i++) {
		static const size_t lengths[] = {1, 32, 64, 256, 257, 300};
		struct builder sig = {0};
		struct bytes r, t;

		s->soft = (enum soft_key)i;
		plug(s);
		for (unsigned k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
			(void)begin_usual(s, k);
			expect_sent(s, "", 0);
			say_numbers(s, BYTES(junk, lengths[k]), BYTES_NONE);
			expect_end(&s->client[k], ERR_TOKEN);
		}
		(void)begin_usual(s, 10);
		expect_sent(s, "", 0);
		make_numbers(s, bytes_str("something else"), &sig, &r, &t);
		say_numbers(s, r, t);
		expect_end(&s->client[10], ERR_TOKEN);
		builder_clear(&sig);
	}
}

/* --- touch --- */

static void test_notice_of_a_touch(void **state)
{
	struct token_scene *s = *state;
	struct helper_ask m;

	s->token.key_flags = TOKEN_KEY_TOUCH;
	plug(s);
	for (unsigned i = 0; i < 3; i++)
		(void)begin_usual(s, i);
	expect_sent(s, "", 0);
	expect_no_sign(s);
	pass(&s->m.h, LIMIT_NOTICE_MS - 1);
	expect_screen_empty(s);
	pass(&s->m.h, 1);
	assert_non_null(shown(&s->m.h, ASKPASS_NOTICE, 0, &m));
	assert_true(bytes_is(m.title, "Signet: touch your token"));
	assert_true(
	    bytes_is(m.text, "Touch your token \"Work card\" to use key \"a key\".\nKey "
			     "fingerprint SHA256:print.\n\n"
			     "Asked by ssh.\n\n2 more requests wait for it, a touch each."));
	assert_int_equal(m.pid, 42);
	/* Longer than what waits for nobody may take. */
	pass(&s->m.h, LIMIT_TOKEN_MS);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_screen_empty(s);
	expect_sent(s, "", 0);
	pass(&s->m.h, LIMIT_NOTICE_MS);
	assert_true(screen_has(s, ASKPASS_NOTICE, "1 more request waits"));
	fail_sign(s, ERR_TOUCH_TIMEOUT, TOKEN_TRIES_UNKNOWN, 0);
	expect_end(&s->client[1], ERR_TOUCH_TIMEOUT);
	expect_screen_empty(s);
	expect_sent(s, "", 0);
	pass(&s->m.h, LIMIT_NOTICE_MS);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	assert_false(screen_has(s, ASKPASS_NOTICE, "wait"));
	leave(&s->client[2]);
	expect_screen_empty(s);
}

/* A name is the token's own choice. */
static void test_names_are_escaped(void **state)
{
	struct token_scene *s = *state;

	s->token.key_flags = TOKEN_KEY_TOUCH;
	s->token.name = "x\" to use key \"another";
	plug(s);
	(void)begin_usual(s, 0);
	pass(&s->m.h, LIMIT_NOTICE_MS);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
	assert_false(screen_has(s, ASKPASS_NOTICE, "use key \"another"));
}

/* Nobody sees the notice: it goes on. */
static void test_nobody_sees_the_notice(void **state)
{
	struct token_scene *s = *state;

	s->token.key_flags = TOKEN_KEY_TOUCH;
	plug(s);
	(void)begin_usual(s, 0);
	expect_sent(s, "", 0);
	pass(&s->m.h, LIMIT_NOTICE_MS);
	answer(s, ASKPASS_NOTICE, ERR_NO_PROMPT, "");
	expect_waiting(&s->client[0]);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
}

/* --- insertion --- */

static void test_waits_for_it_with_a_question(void **state)
{
	struct token_scene *s = *state;
	struct touch_request r = a_request(s);
	struct helper_ask m;
	enum token_message kind;
	struct bytes heard;
	bool waits;

	s->options.insert_wait = 90;
	unplug(s);
	r.comment = bytes_str("a\nkey");
	(void)begin(s, 0, &r);
	assert_non_null(shown(&s->m.h, ASKPASS_CONFIRM, 0, &m));
	assert_true(bytes_is(m.title, "Signet: plug in a token"));
	assert_true(bytes_is(m.text,
	    "Plug in the token (or insert the card) that holds key \"a\\x0akey\".\n"
	    "Key fingerprint SHA256:print.\n\nAsked by ssh.\n\n"
	    "Signet goes on by itself when it is there. Deny or cancel to refuse at once."));
	assert_int_equal(m.timeout, 90);
	expect_watch(&s->m, ONE, true);
	TELL(&s->m, ONE, {.id = "another", .keys = {"key"}});
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	plug(s);
	expect_screen_empty(s);
	/* Nobody waits any more; and the request. */
	assert_true(hear(&s->m, helper_of(&s->m, ONE), &heard));
	assert_int_equal(token_message_of(heard, &kind), ERR_OK);
	assert_int_equal(token_watch_parse(heard, &waits), ERR_OK);
	assert_false(waits);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
}

static void test_answers_of_the_person(void **state)
{
	static const enum err answers[][2] = {{ERR_DENIED, ERR_DENIED},
	    {ERR_TIMEOUT, ERR_TOKEN_ABSENT}, {ERR_NO_PROMPT, ERR_TOKEN_ABSENT},
	    {ERR_SYSTEM, ERR_TOKEN_ABSENT}};
	struct token_scene *s = *state;

	unplug(s);
	for (unsigned i = 0; i < 4; i++) {
		(void)begin_usual(s, i);
		answer(s, ASKPASS_CONFIRM, answers[i][0], "");
		expect_end(&s->client[i], answers[i][1]);
		expect_screen_empty(s);
	}
}

static void test_nobody_waits(void **state)
{
	struct token_scene *s = *state;
	struct touch_request r = a_request(s);

	unplug(s);
	r.forwarded = true;
	(void)begin(s, 0, &r);
	expect_end(&s->client[0], ERR_TOKEN_ABSENT);
	s->options.insert_wait_forwarded = true;
	(void)begin(s, 1, &r);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	s->options.insert_wait = 0;
	(void)begin_usual(s, 2);
	expect_end(&s->client[2], ERR_TOKEN_ABSENT);
	expect_waiting(&s->client[1]);
}

/* One question for all; all go on when it comes. */
static void test_one_question_a_key(void **state)
{
	struct token_scene *s = *state;

	unplug(s);
	for (unsigned i = 0; i < 20; i++)
		(void)begin_usual(s, i);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	leave(&s->client[0]);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	s->token.parallel = 4;
	plug(s);
	expect_screen_empty(s);
	for (unsigned i = 1; i < 20; i++) {
		expect_sent(s, "", 0);
		sign_it(s);
	}
	for (unsigned i = 1; i < 20; i++)
		expect_end(&s->client[i], ERR_OK);
}

/* A helper that is starting is waited for without a word, but not for ever. */
static void test_waits_for_the_helper(void **state)
{
	struct token_scene *s = *state;

	(void)begin_usual(s, 0);
	pass(&s->m.h, 4000);
	expect_screen_empty(s);
	plug(s);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_screen_empty(s);
}

static void test_waits_for_no_helper_for_ever(void **state)
{
	struct token_scene *s = *state;

	(void)begin_usual(s, 0);
	pass(&s->m.h, 10000);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
	plug(s);
	expect_screen_empty(s);
	expect_sent(s, "", 0);
	/* And when it tells that the token is not there, the question comes at once. */
	leave(&s->client[0]);
	sign_it(s);
	unplug(s);
	(void)begin_usual(s, 1);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
}

static void test_absent_is_asked_for_at_once(void **state)
{
	struct token_scene *s = *state;

	(void)begin_usual(s, 0);
	pass(&s->m.h, 1000);
	expect_screen_empty(s);
	unplug(s);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
}

/* Nobody is sent to plug in what nobody would see; what stands in the way otherwise is said. */
static void test_trouble(void **state)
{
	struct token_scene *s = *state;

	tell_tokens(&s->m, ONE, (const struct fake_token[]){{.id = NULL}}, ERR_NO_READER);
	(void)begin_usual(s, 0);
	assert_true(screen_has(s, ASKPASS_CONFIRM,
	    "It might not be seen: no card can be seen: the service pcscd does not run, or polkit "
	    "keeps this session from it."));
	(void)begin_usual(s, 1);
	s->m.h.unable = true;
	crash(&s->m, ONE);
	for (unsigned i = 0; i < 100 && s->client[0].calls == 0; i++)
		pass(&s->m.h, 1000);
	expect_end(&s->client[0], ERR_HELPER_MISSING);
	expect_end(&s->client[1], ERR_HELPER_MISSING);
	(void)begin_usual(s, 2);
	expect_end(&s->client[2], ERR_HELPER_MISSING);
	expect_screen_empty(s);
}

/* --- the end at any stage --- */

static void to_finding(struct token_scene *s)
{
	(void)begin_usual(s, 0);
}

static void to_insert(struct token_scene *s)
{
	unplug(s);
	(void)begin_usual(s, 0);
	assert_int_equal(screens(s, ASKPASS_CONFIRM), 1);
}

static void to_line(struct token_scene *s)
{
	plug(s);
	(void)begin_usual(s, 1);
	(void)begin_usual(s, 0);
}

static void to_pin(struct token_scene *s)
{
	s->token.key_flags = TOKEN_KEY_PIN_EACH;
	plug(s);
	(void)begin_usual(s, 0);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
}

static void to_signing(struct token_scene *s)
{
	s->token.key_flags = TOKEN_KEY_TOUCH;
	plug(s);
	(void)begin_usual(s, 0);
	pass(&s->m.h, LIMIT_NOTICE_MS);
	assert_int_equal(screens(s, ASKPASS_NOTICE), 1);
}

static void (*const stages[])(struct token_scene *s) = {
    to_finding, to_insert, to_line, to_pin, to_signing};

enum { STAGES = sizeof(stages) / sizeof(stages[0]) };

static void test_clients_leave(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STAGES; i++) {
		struct token_scene *s;

		assert_int_equal(token_setup((void **)&s), 0);
		stages[i](s);
		leave(&s->client[0]);
		assert_int_equal(s->client[0].calls, 0);
		expect_screen_empty(s);
		assert_int_equal(s->ts.pending, stages[i] == to_line);
		assert_int_equal(token_teardown((void **)&s), 0);
	}
}

/* At once: before it did anything. */
static void test_client_leaves_at_once(void **state)
{
	struct token_scene *s = *state;
	struct touch_request r = a_request(s);

	plug(s);
	tokensign_cancel(tokensign_begin(&s->ts, &r, s->place, token_done, &s->client[0]));
	tokensign_cancel(NULL);
	settle(&s->m.h);
	assert_int_equal(s->client[0].calls, 0);
	expect_no_sign(s);
}

static void test_review(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STAGES; i++) {
		struct token_scene *s;

		assert_int_equal(token_setup((void **)&s), 0);
		stages[i](s);
		tokensigns_review(&s->ts);
		settle(&s->m.h);
		expect_waiting(&s->client[0]);
		s->client[0].allowed = ERR_LOCKED;
		tokensigns_review(&s->ts);
		tokensigns_review(&s->ts);
		assert_int_equal(s->client[0].calls, 0);
		settle(&s->m.h);
		expect_end(&s->client[0], ERR_LOCKED);
		expect_screen_empty(s);
		if (stages[i] == to_line)
			expect_waiting(&s->client[1]);
		assert_int_equal(token_teardown((void **)&s), 0);
	}
}

/* The turn goes to the next when its holder leaves, once the token is free again. */
static void test_the_next_goes_on(void **state)
{
	struct token_scene *s = *state;

	plug(s);
	(void)begin_usual(s, 0);
	(void)begin_usual(s, 1);
	expect_sent(s, "", 0);
	leave(&s->client[0]);
	expect_no_sign(s);
	sign_it(s);
	assert_int_equal(s->client[0].calls, 0);
	expect_sent(s, "", 0);
	sign_it(s);
	expect_end(&s->client[1], ERR_OK);
}

/* What the token says of a key that it does not sign with. */
static void test_refusals_of_the_token(void **state)
{
	static const enum err whys[] = {ERR_TOKEN, ERR_TOKEN_BUSY, ERR_TOKEN_SIGN, ERR_TOKEN_KEYS,
	    ERR_PIN_NOT_SET, ERR_PIN_LOCKED, ERR_PAD, ERR_UNSUPPORTED, ERR_PIN};
	struct token_scene *s = *state;

	plug(s);
	for (unsigned i = 0; i < sizeof(whys) / sizeof(whys[0]); i++) {
		(void)begin_usual(s, i);
		expect_sent(s, "", 0);
		fail_sign(s, whys[i], 3, 0);
		expect_end(&s->client[i], whys[i]);
		expect_no_sign(s);
	}
}

/* A place that no key is at. */
static void test_a_place_that_is_none(void **state)
{
	struct token_scene *s = *state;

	s->place = bytes_str("nowhere");
	(void)begin_usual(s, 0);
	assert_int_equal(s->client[0].calls, 1);
	assert_int_not_equal(s->client[0].result, ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TOKEN_TEST(test_signs),
	    TOKEN_TEST(test_ssh_takes_the_signature),
	    TOKEN_TEST(test_short_rsa),
	    TOKEN_TEST(test_bad_signatures),
	    TOKEN_TEST(test_notice_of_a_touch),
	    TOKEN_TEST(test_names_are_escaped),
	    TOKEN_TEST(test_nobody_sees_the_notice),
	    TOKEN_TEST(test_waits_for_it_with_a_question),
	    TOKEN_TEST(test_answers_of_the_person),
	    TOKEN_TEST(test_nobody_waits),
	    TOKEN_TEST(test_one_question_a_key),
	    TOKEN_TEST(test_waits_for_the_helper),
	    TOKEN_TEST(test_waits_for_no_helper_for_ever),
	    TOKEN_TEST(test_absent_is_asked_for_at_once),
	    TOKEN_TEST(test_trouble),
	    cmocka_unit_test(test_clients_leave),
	    TOKEN_TEST(test_client_leaves_at_once),
	    cmocka_unit_test(test_review),
	    TOKEN_TEST(test_the_next_goes_on),
	    TOKEN_TEST(test_refusals_of_the_token),
	    TOKEN_TEST(test_a_place_that_is_none),
	};

	return cmocka_run_group_tests(tests, token_group_setup, token_group_teardown);
}
