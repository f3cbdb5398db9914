/* PINs of tokens in the desktop's keyring: not unless the configuration wants them there. */
#include "tests/support/tokensign_scene.h"

#include "agent/config.h"
#include "agent/keyring.h"

static struct config config;
static struct config *the_config = &config;
static struct keyring keyring;

static void use_keyring(struct token_scene *s, bool pins)
{
	config = (struct config){.keyring_pins = pins};
	keyring = (struct keyring){.loop = s->m.h.loop, .calls = &s->m.h.calls};
	s->ts.keyring = &keyring;
	s->ts.config = &the_config;
}

/* How many helpers were started for it so far. */
static unsigned uses(const struct token_scene *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->m.h.count; i++)
		n += s->m.h.helper[i]->program == HELPER_KEYRING;
	return n;
}

/* The last of them, and its request. */
static struct helper *last_use(const struct token_scene *s, struct bytes *message)
{
	struct helper *h = NULL;

	for (size_t i = 0; i < s->m.h.count; i++) {
		if (s->m.h.helper[i]->program == HELPER_KEYRING)
			h = s->m.h.helper[i];
	}
	assert_non_null(h);
	assert_int_equal(
	    frame_next(BYTES(h->heard, h->len), KEYRING_REQUEST_MOST, message), FRAME_READY);
	return h;
}

static void assert_item(struct keyring_item item)
{
	assert_int_equal(item.kind, KEYRING_PIN);
	assert_true(bytes_is(item.name, "Work card"));
	assert_true(bytes_is(item.id, "token"));
}

static void tell(struct token_scene *s, struct helper *h, struct builder *b)
{
	helper_say(h, b->data, b->len);
	builder_clear(b);
	settle(&s->m.h);
	helper_close(h);
	settle(&s->m.h);
}

/* It is looked up; NULL: it is not there. */
static void give_stored(struct token_scene *s, const char *pin)
{
	struct keyring_item item;
	struct bytes message;
	struct builder b = {0};
	bool prompt;
	struct helper *h = last_use(s, &message);

	assert_int_equal(keyring_lookup_parse(message, &item, &prompt), ERR_OK);
	assert_item(item);
	assert_int_equal(screens(s, ASKPASS_SECRET), 0);
	if (pin != NULL)
		keyring_secret_build(&b, bytes_str(pin));
	else
		keyring_failed_build(&b, ERR_NOT_FOUND);
	tell(s, h, &b);
}

static void expect_stored(struct token_scene *s, const char *pin)
{
	struct keyring_item item;
	struct bytes message, label, secret;
	struct builder b = {0};
	struct helper *h = last_use(s, &message);

	assert_int_equal(keyring_store_parse(message, &item, &label, &secret), ERR_OK);
	assert_item(item);
	assert_true(bytes_is(secret, pin));
	assert_true(bytes_is(label, "PIN of token \"Work card\" (Signet)"));
	keyring_done_build(&b);
	tell(s, h, &b);
}

static void expect_forgotten(struct token_scene *s)
{
	struct keyring_item item;
	struct bytes message;
	struct builder b = {0};
	struct helper *h = last_use(s, &message);

	assert_int_equal(keyring_forget_parse(message, &item), ERR_OK);
	assert_item(item);
	keyring_done_build(&b);
	tell(s, h, &b);
}

static void test_never_unless_wanted(void **state)
{
	struct token_scene *s = *state;

	use_keyring(s, false);
	plug(s);
	ask(s, 0, 3, 0);
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	ask(s, 1, 3, 0);
	enter(s, "1111");
	expect_sent(s, "1111", 0);
	fail_sign(s, ERR_PIN, 2, 0);
	leave(&s->client[1]);
	assert_int_equal(uses(s), 0);
}

static void test_typed_and_stored(void **state)
{
	struct token_scene *s = *state;

	use_keyring(s, true);
	plug(s);
	ask(s, 0, 3, 0);
	give_stored(s, NULL);
	enter(s, "1111");
	expect_sent(s, "1111", 0);
	fail_sign(s, ERR_PIN, 2, 0);
	assert_int_equal(uses(s), 1); /* what was wrong is not stored, nor looked up again */
	enter(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	assert_int_equal(uses(s), 2);
	expect_stored(s, "1234");
	/* From then on nobody is asked. */
	ask(s, 1, 3, 0);
	give_stored(s, "1234");
	expect_sent(s, "1234", 0);
	sign_it(s);
	expect_end(&s->client[1], ERR_OK);
	assert_int_equal(uses(s), 3); /* it is not stored again */
	expect_screen_empty(s);
}

static void test_a_wrong_one_is_forgotten(void **state)
{
	struct token_scene *s = *state;

	use_keyring(s, true);
	plug(s);
	ask(s, 0, 3, 0);
	give_stored(s, "1234");
	expect_sent(s, "1234", 0);
	fail_sign(s, ERR_PIN, 2, 0);
	assert_int_equal(uses(s), 2);
	expect_forgotten(s);
	assert_true(screen_has(s, ASKPASS_SECRET, "The PIN that was remembered is wrong. "));
	assert_true(screen_has(s, ASKPASS_SECRET, "2 tries are left."));
	enter(s, "9999");
	expect_sent(s, "9999", 0);
	sign_it(s);
	expect_end(&s->client[0], ERR_OK);
	expect_stored(s, "9999");
}

/* The last tries are the person's. */
static void test_not_for_the_last_try(void **state)
{
	static const struct {
		uint8_t tries;
		uint32_t flags;
		bool used;
	} rows[] = {
	    {1, 0, false},
	    {1, TOKEN_PIN_FINAL, false},
	    {2, TOKEN_PIN_FINAL, false},
	    {UNKNOWN, TOKEN_PIN_FINAL, false},
	    {UNKNOWN, TOKEN_PIN_LOW, false},
	    {UNKNOWN, 0, true},
	    {2, TOKEN_PIN_LOW, true},
	    {2, 0, true},
	};
	struct token_scene *s = *state;
	unsigned before = 0;

	use_keyring(s, true);
	plug(s);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(s, i, rows[i].tries, rows[i].flags);
		assert_int_equal(uses(s) - before, rows[i].used);
		assert_int_equal(screens(s, ASKPASS_SECRET), !rows[i].used);
		leave(&s->client[i]);
		before = uses(s);
	}
	/* A token with a keypad takes it there. */
	(void)begin_usual(s, 20);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, 3, TOKEN_HAS_PAD);
	assert_int_equal(uses(s), before);
}

/* Whoever is refused, or loses the token, is not looked up for any more. */
static void test_taken_back(void **state)
{
	struct token_scene *s = *state;
	struct bytes message;
	struct helper *h;

	use_keyring(s, true);
	plug(s);
	ask(s, 0, 3, 0);
	h = last_use(s, &message);
	s->client[0].allowed = ERR_SCREEN;
	tokensigns_review(&s->ts);
	settle(&s->m.h);
	expect_end(&s->client[0], ERR_SCREEN);
	assert_true(h->hung_up);
	helper_close(h);
	ask(s, 1, 3, 0);
	h = last_use(s, &message);
	unplug(s);
	assert_true(h->hung_up);
	helper_close(h);
	settle(&s->m.h);
	expect_waiting(&s->client[1]);
	assert_int_equal(keyring.open, 0);
}

static void test_one_that_cannot_be_a_pin(void **state)
{
	struct token_scene *s = *state;
	char longest[TOKEN_PIN_MOST + 2];

	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	use_keyring(s, true);
	plug(s);
	ask(s, 0, 3, 0);
	give_stored(s, longest);
	expect_no_sign(s);
	assert_int_equal(screens(s, ASKPASS_SECRET), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TOKEN_TEST(test_never_unless_wanted),
	    TOKEN_TEST(test_typed_and_stored),
	    TOKEN_TEST(test_a_wrong_one_is_forgotten),
	    TOKEN_TEST(test_not_for_the_last_try),
	    TOKEN_TEST(test_taken_back),
	    TOKEN_TEST(test_one_that_cannot_be_a_pin),
	};

	return cmocka_run_group_tests(tests, token_group_setup, token_group_teardown);
}
