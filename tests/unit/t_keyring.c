/* The core's keyring, with this test as signet-keyring. */
#include "tests/support/helpers_scene.h"

#include <stdio.h>

#include "agent/keyring.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"

static const struct keyring_item item = {
    KEYRING_PASSPHRASE, {(const uint8_t *)"/home/me/k", 10}, {(const uint8_t *)"SHA256:x", 8}};

struct scene {
	struct helpers_scene h;
	struct keyring k;
	struct keyring_call *lookup;
	unsigned calls;
	enum err result;
	char secret[64];
	bool again; /* done starts another lookup */
};

static struct {
	char text[2048];
} logged;

static void take_line(enum log_level level, const char *line)
{
	size_t used = strlen(logged.text);

	(void)snprintf(logged.text + used, sizeof(logged.text) - used, "%d %s\n", (int)level, line);
}

static void done(void *ctx, enum err result, struct bytes secret)
{
	struct scene *s = ctx;

	s->calls++;
	s->lookup = NULL;
	s->result = result;
	assert_true(secret.len < sizeof(s->secret));
	assert_true(secret.len == 0 || result == ERR_OK);
	memset(s->secret, 0, sizeof(s->secret));
	if (secret.len != 0)
		memcpy(s->secret, secret.data, secret.len);
	if (s->again) {
		s->again = false;
		s->lookup = keyring_lookup(&s->k, &item, done, s);
	}
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	scene_open(&s->h);
	s->k = (struct keyring){.loop = s->h.loop, .calls = &s->h.calls};
	logged.text[0] = '\0';
	log_start("t", LOG_LEVEL_DEBUG);
	log_to(take_line);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	keyring_lookup_end(s->lookup);
	good = s->k.open == 0 && s->k.first == NULL;
	good = scene_close(&s->h) && good;
	log_to(NULL);
	free(s);
	return good ? 0 : -1;
}

static void look_up(struct scene *s)
{
	s->calls = 0;
	s->lookup = keyring_lookup(&s->k, &item, done, s);
	assert_non_null(s->lookup);
	assert_int_equal(s->calls, 0);
	settle(&s->h);
}

/* The newest helper, and what it was asked. */
static struct helper *newest(const struct scene *s, struct bytes *message)
{
	struct helper *h = s->h.helper[s->h.count - 1];

	assert_int_equal(h->program, HELPER_KEYRING);
	assert_int_equal(
	    frame_next(BYTES(h->heard, h->len), KEYRING_REQUEST_MOST, message), FRAME_READY);
	return h;
}

static struct helper *asked(const struct scene *s)
{
	struct bytes message;

	return newest(s, &message);
}

static void say(struct scene *s, struct builder *b)
{
	helper_say(asked(s), b->data, b->len);
	builder_clear(b);
	settle(&s->h);
}

static void say_failed(struct scene *s, enum err why)
{
	struct builder b = {0};

	keyring_failed_build(&b, why);
	say(s, &b);
}

static void let_end(struct scene *s)
{
	assert_true(asked(s)->hung_up);
	helper_close(asked(s));
	settle(&s->h);
	assert_int_equal(s->h.calls.open, 0);
}

static void expect(struct scene *s, enum err result, const char *secret)
{
	assert_int_equal(s->calls, 1);
	assert_string_equal(err_text(s->result), err_text(result));
	assert_string_equal(s->secret, secret);
	assert_int_equal(s->k.open, 0);
	let_end(s);
	assert_int_equal(s->calls, 1);
}

static void test_a_secret(void **state)
{
	struct scene *s = *state;
	struct keyring_item got;
	struct bytes message;
	struct builder b = {0};
	bool prompt = false;

	look_up(s);
	newest(s, &message);
	assert_int_equal(keyring_lookup_parse(message, &got, &prompt), ERR_OK);
	assert_true(prompt);
	assert_int_equal(got.kind, KEYRING_PASSPHRASE);
	assert_true(bytes_equal(got.name, item.name) && bytes_equal(got.id, item.id));
	assert_int_equal(s->k.open, 1);
	assert_true(keyring_is_there(&s->k));
	keyring_secret_build(&b, bytes_str("pass word"));
	say(s, &b);
	expect(s, ERR_OK, "pass word");
	assert_string_equal(logged.text, "");
}

static void test_failures(void **state)
{
	static const struct {
		enum err why;
		bool there;
	} rows[] = {
	    {ERR_NOT_FOUND, true},
	    {ERR_KEYRING_LOCKED, true},
	    {ERR_NO_KEYRING, false},
	    {ERR_KEYRING, false},
	    {ERR_TIMEOUT, false},
	    {ERR_MEMORY, false},
	};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		look_up(s);
		say_failed(s, rows[i].why);
		expect(s, rows[i].why, "");
		assert_int_equal(keyring_is_there(&s->k), rows[i].there);
	}
}

static unsigned times_said(const char *words)
{
	unsigned n = 0;

	for (const char *p = logged.text; (p = strstr(p, words)) != NULL; p++)
		n++;
	return n;
}

/* Said once, until one answered again. */
static void test_absence_is_told_once(void **state)
{
	static const char words[] = "2 no keyring answers: passphrases are asked for\n";
	struct scene *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		look_up(s);
		say_failed(s, ERR_NO_KEYRING);
		expect(s, ERR_NO_KEYRING, "");
	}
	assert_int_equal(times_said(words), 1);
	assert_string_equal(logged.text, words);
	look_up(s);
	say_failed(s, ERR_NOT_FOUND);
	expect(s, ERR_NOT_FOUND, "");
	s->h.unable = true;
	look_up(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_HELPER_MISSING);
	look_up(s);
	assert_int_equal(times_said(words), 2);
	assert_false(keyring_is_there(&s->k));
}

/* What makes no sense is no secret; the helper is let go of. */
static void test_nonsense(void **state)
{
	struct scene *s = *state;
	struct builder b = {0};

	look_up(s);
	keyring_done_build(&b); /* to a lookup */
	say(s, &b);
	expect(s, ERR_KEYRING, "");
	look_up(s);
	keyring_failed_build(&b, ERR_OK);
	say(s, &b);
	expect(s, ERR_KEYRING, "");
	look_up(s);
	keyring_secret_build(&b, BYTES("a\0b", 3));
	say(s, &b);
	expect(s, ERR_KEYRING, "");
	look_up(s);
	keyring_secret_build(&b, bytes_str("x"));
	b.data[FRAME_HEADER]++; /* of another version */
	say(s, &b);
	expect(s, ERR_VERSION, "");
	assert_null(strstr(logged.text, "pass"));
	/* Ones whose end is waited for. */
	look_up(s);
	keyring_secret_build(&b, bytes_str("x"));
	keyring_done_build(&b);
	say(s, &b);
	let_end(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_KEYRING);
	look_up(s);
	builder_u32(&b, KEYRING_ANSWER_MOST + 1);
	say(s, &b);
	let_end(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_KEYRING);
	look_up(s);
	helper_close(asked(s)); /* it died */
	settle(&s->h);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_KEYRING);
}

/* The person has her time; after that the helper is ended, and killed if it does not. */
static void test_it_hangs(void **state)
{
	struct scene *s = *state;

	look_up(s);
	pass(&s->h, LIMIT_PROMPT_MS);
	assert_false(asked(s)->hung_up);
	pass(&s->h, LIMIT_DEVICE_MS);
	assert_true(asked(s)->hung_up);
	assert_int_equal(s->calls, 0);
	pass(&s->h, LIMIT_CANCEL_MS);
	assert_true(asked(s)->killed);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_TIMEOUT);
	assert_int_equal(s->k.open, 0);
}

static void test_cancelled(void **state)
{
	struct scene *s = *state;

	keyring_lookup_end(NULL);
	look_up(s);
	keyring_lookup_end(s->lookup);
	s->lookup = NULL;
	assert_int_equal(s->k.open, 0);
	settle(&s->h);
	let_end(s);
	assert_int_equal(s->calls, 0);
}

/* Whoever is told may ask again at once. */
static void test_another_from_within(void **state)
{
	struct scene *s = *state;

	s->again = true;
	look_up(s);
	say_failed(s, ERR_NOT_FOUND);
	assert_int_equal(s->calls, 1);
	assert_non_null(s->lookup);
	assert_int_equal(s->k.open, 1);
	assert_int_equal(s->h.count, 2);
	helper_close(s->h.helper[0]);
	settle(&s->h);
	say_failed(s, ERR_NOT_FOUND);
	assert_int_equal(s->calls, 2);
	let_end(s);
}

static void test_store_and_forget(void **state)
{
	struct scene *s = *state;
	struct keyring_item got, every = item;
	struct bytes message, label, secret;
	struct builder b = {0};
	uint8_t big[KEYRING_SECRET_MOST + 1];

	assert_true(keyring_store(&s->k, &item, bytes_str("Label"), bytes_str("hidden")));
	settle(&s->h);
	newest(s, &message);
	assert_int_equal(keyring_store_parse(message, &got, &label, &secret), ERR_OK);
	assert_true(bytes_equal(got.name, item.name) && bytes_equal(got.id, item.id));
	assert_true(bytes_is(label, "Label") && bytes_is(secret, "hidden"));
	keyring_done_build(&b);
	say(s, &b);
	let_end(s);
	assert_string_equal(logged.text, "");
	every.id = BYTES_NONE;
	assert_true(keyring_forget(&s->k, &every));
	settle(&s->h);
	newest(s, &message);
	assert_int_equal(keyring_forget_parse(message, &got), ERR_OK);
	assert_int_equal(got.id.len, 0);
	say_failed(s, ERR_KEYRING);
	let_end(s);
	assert_non_null(strstr(logged.text, "1 /home/me/k: not forgotten by the keyring: "));
	assert_true(keyring_store(&s->k, &item, bytes_str("Label"), bytes_str("hidden")));
	settle(&s->h);
	say_failed(s, ERR_KEYRING_LOCKED);
	let_end(s);
	assert_non_null(strstr(logged.text, "1 /home/me/k: not stored in the keyring: "));
	assert_null(strstr(logged.text, "hidden"));
	/* What nobody could look up is not stored. */
	memset(big, 'a', sizeof(big));
	assert_false(keyring_store(&s->k, &item, bytes_str("L"), BYTES_NONE));
	assert_false(keyring_store(&s->k, &item, bytes_str("L"), BYTES("a\0b", 3)));
	assert_false(keyring_store(&s->k, &item, bytes_str("L"), BYTES(big, sizeof(big))));
	assert_int_equal(s->k.open, 0);
}

/* Kind of the request that a helper was started with. */
static uint8_t asked_of(const struct scene *s, size_t n)
{
	const struct helper *h = s->h.helper[n];
	struct bytes message;
	uint8_t kind = 0;

	assert_int_equal(
	    frame_next(BYTES(h->heard, h->len), KEYRING_REQUEST_MOST, &message), FRAME_READY);
	assert_int_equal(helper_message_kind(message, &kind), ERR_OK);
	return kind;
}

static void say_done(struct scene *s)
{
	struct helper *h = asked(s);
	struct builder b = {0};

	keyring_done_build(&b);
	say(s, &b);
	helper_close(h);
	settle(&s->h);
}

/* What was stored last is there in the end, and is what the next lookup finds. */
static void test_in_order(void **state)
{
	struct scene *s = *state;
	struct keyring_item other = item;

	other.name = bytes_str("/home/me/other");
	assert_true(keyring_forget(&s->k, &item));
	assert_true(keyring_store(&s->k, &item, bytes_str("L"), bytes_str("new")));
	look_up(s);
	assert_int_equal(s->h.count, 1);
	assert_int_equal(asked_of(s, 0), KEYRING_FORGET);
	assert_int_equal(s->k.open, 3);
	say_done(s);
	assert_int_equal(s->h.count, 2);
	assert_int_equal(asked_of(s, 1), KEYRING_STORE);
	/* Of another item it need not wait. */
	assert_true(keyring_forget(&s->k, &other));
	settle(&s->h);
	assert_int_equal(s->h.count, 3);
	say_done(s);
	assert_int_equal(s->h.count, 3);
	/* One that fails holds up nothing. */
	helper_close(s->h.helper[1]);
	settle(&s->h);
	assert_int_equal(s->h.count, 4);
	assert_int_equal(asked_of(s, 3), KEYRING_LOOKUP);
	assert_int_equal(s->calls, 0);
	say_failed(s, ERR_NOT_FOUND);
	expect(s, ERR_NOT_FOUND, "");
	/* One that is cancelled in line is not begun. */
	assert_true(keyring_forget(&s->k, &item));
	look_up(s);
	keyring_lookup_end(s->lookup);
	s->lookup = NULL;
	say_done(s);
	assert_int_equal(s->h.count, 5);
	assert_int_equal(s->k.open, 0);
}

/* What waits to be stored goes, what waits to be forgotten is forgotten later. */
static void test_the_screen_is_locked(void **state)
{
	struct scene *s = *state;

	assert_true(keyring_forget(&s->k, &item));
	assert_true(keyring_store(&s->k, &item, bytes_str("L"), bytes_str("hidden")));
	assert_true(keyring_forget(&s->k, &item));
	look_up(s);
	keyring_screen(&s->k, true);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_SCREEN);
	assert_int_equal(s->k.open, 2);
	assert_true(keyring_is_there(&s->k));
	assert_non_null(strstr(logged.text, "1 /home/me/k: not stored in the keyring: "));
	say_done(s);
	assert_int_equal(s->h.count, 1);
	assert_null(keyring_lookup(&s->k, &item, done, s));
	keyring_screen(&s->k, false);
	settle(&s->h);
	assert_int_equal(s->h.count, 2);
	assert_int_equal(asked_of(s, 1), KEYRING_FORGET);
	say_done(s);
	assert_int_equal(s->k.open, 0);
}

static void test_not_too_many(void **state)
{
	struct scene *s = *state;

	for (unsigned i = 0; i < KEYRING_CALLS_MOST; i++)
		assert_true(keyring_forget(&s->k, &item)); /* one after another */
	assert_false(keyring_forget(&s->k, &item));
	assert_null(keyring_lookup(&s->k, &item, done, s));
	for (size_t done_n = 0; done_n < KEYRING_CALLS_MOST; done_n++) {
		settle(&s->h);
		helper_close(s->h.helper[done_n]);
	}
	settle(&s->h);
	assert_int_equal(s->k.open, 0);
	look_up(s);
	say_failed(s, ERR_NOT_FOUND);
	expect(s, ERR_NOT_FOUND, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_secret),
	    TEST(test_failures),
	    TEST(test_absence_is_told_once),
	    TEST(test_nonsense),
	    TEST(test_it_hangs),
	    TEST(test_cancelled),
	    TEST(test_another_from_within),
	    TEST(test_store_and_forget),
	    TEST(test_in_order),
	    TEST(test_the_screen_is_locked),
	    TEST(test_not_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
