/* What cards and readers say to a PIN and to a signature, whatever the applet. */
#include "tests/support/wire_scene.h"

enum { FEATURES = 0x42000000 + 3400, PIN_CODE = 0x42330006 };

/* The card, whose applet is made up, and its reader. */
static struct scene {
	struct wire_card card;
	struct wire wire;
	struct card_token token;
	struct card_failure failure;
	uint8_t tries;
	bool verified;
	uint16_t said;           /* the status word of a signature */
	const char *features;    /* hex; NULL: the reader does not tell */
	const char *pad_reply;   /* hex: what it says of the PIN */
	struct wire_row rows[2]; /* VERIFY */
} s;

static enum err enter(struct wire *w, const struct card_token *t)
{
	(void)w, (void)t;
	return ERR_OK;
}

static enum err tell_tries(
    struct wire *w, const struct card_token *t, uint8_t *tries, bool *verified)
{
	(void)w, (void)t;
	*tries = s.tries;
	*verified = s.verified;
	return ERR_OK;
}

static enum err refuse(struct wire *w, const struct card_key *k, const struct pubkey *public,
    struct bytes tosign, struct card_signature *out)
{
	(void)k, (void)public, (void)tosign, (void)out;
	w->sw = s.said;
	return ERR_NOT_FOUND;
}

static const struct applet applet = {.enter = enter, .tries = tell_tries, .sign = refuse};

static enum err control(void *ctx, uint32_t code, struct bytes in, uint8_t *out, size_t *n)
{
	const char *reply = code == FEATURES ? s.features : s.pad_reply;

	(void)ctx, (void)in;
	assert_true(code == FEATURES || code == PIN_CODE);
	if (reply == NULL)
		return ERR_TOKEN;
	*n = wire_unhex(reply, out, *n);
	return ERR_OK;
}

static void begin(const char *verify_reply)
{
	wire_clear(&s.wire);
	s = (struct scene){.tries = 3, .rows = {{"00200080", verify_reply}, {NULL, NULL}}};
	s.wire = wire_to(&s.card, s.rows);
	s.wire.control = control;
	s.token = (struct card_token){
	    .applet = &applet, .tries = 3, .full = 5, .pin_ref = 0x80, .pin_pad = 8, .pin_most = 8};
}

static enum err verify(const char *reply)
{
	begin(reply);
	return card_verify(&s.wire, &s.token, bytes_str("123456"), 0, &s.failure);
}

static void test_what_cards_say_to_a_pin(void **state)
{
	(void)state;
	assert_int_equal(verify("9000"), ERR_OK);
	assert_int_equal(s.wire.pin, WIRE_PIN_NOW);
	assert_int_equal(s.token.tries, 5);
	assert_int_equal(verify("63c2"), ERR_PIN);
	assert_string_equal(s.failure.detail, "SW 63C2");
	assert_int_equal(s.wire.pin, WIRE_PIN_NONE);
	assert_int_equal(verify("63c0"), ERR_PIN_LOCKED);
	assert_int_equal(verify("6983"), ERR_PIN_LOCKED);
	assert_int_equal(verify("6982"), ERR_PIN);
	assert_int_equal(verify("6300"), ERR_PIN);
	assert_int_equal(verify("6700"), ERR_PIN);
	assert_int_equal(verify("6a80"), ERR_PIN);
	assert_int_equal(verify("6984"), ERR_PIN_NOT_SET);
	assert_int_equal(verify("6a88"), ERR_PIN_NOT_SET);
	assert_int_equal(verify("6f00"), ERR_TOKEN);
	assert_int_equal(verify(NULL), ERR_TOKEN_GONE);
}

/* Somebody entered it right since only one try was left. */
static void test_a_pin_that_counts_already(void **state)
{
	(void)state;
	begin("9000");
	s.token.tries = 1;
	s.verified = true;
	assert_int_equal(
	    card_verify(&s.wire, &s.token, bytes_str("123456"), 0, &s.failure), ERR_OK);
	assert_int_equal(s.failure.tries, 5);
}

static enum err enter_on_reader(const char *features, const char *reply)
{
	begin(NULL);
	s.features = features;
	s.pad_reply = reply;
	return card_verify(&s.wire, &s.token, BYTES_NONE, TOKEN_USE_PAD, &s.failure);
}

static void test_readers(void **state)
{
	static const char good[] = "0604"
				   "42330006";

	(void)state;
	assert_int_equal(enter_on_reader(good, "9000"), ERR_OK);
	assert_int_equal(enter_on_reader("0704"
					 "42330007"
					 "0604"
					 "42330006",
			     "63c1"),
	    ERR_PIN);
	for (unsigned i = 0; i < 4; i++) {
		char said[5];

		snprintf(said, sizeof(said), "640%u", i);
		assert_int_equal(enter_on_reader(good, said), ERR_PAD);
	}
	assert_int_equal(enter_on_reader(good, "900000"), ERR_TOKEN);
	assert_int_equal(enter_on_reader(good, "90"), ERR_TOKEN);
	assert_int_equal(enter_on_reader(good, NULL), ERR_TOKEN);
	/* It has no keys to enter one with, or says so in a way that makes no sense. */
	assert_int_equal(enter_on_reader(NULL, "9000"), ERR_PAD);
	assert_int_equal(enter_on_reader("", "9000"), ERR_PAD);
	assert_int_equal(enter_on_reader("0704"
					 "42330006",
			     "9000"),
	    ERR_PAD);
	assert_int_equal(enter_on_reader("0603"
					 "42330006",
			     "9000"),
	    ERR_PAD);
	assert_int_equal(enter_on_reader("0604"
					 "423300",
			     "9000"),
	    ERR_PAD);
}

static enum err sign(uint16_t said, uint32_t key_flags, bool no_pin, const char *pin)
{
	struct card_key k = {.flags = key_flags, .no_pin = no_pin};
	struct token_sign m = {.algorithm = bytes_str("ssh-ed25519"),
	    .data = bytes_str("to be signed"),
	    .pin = bytes_str(pin)};
	struct card_signature out;
	struct builder b = {0};
	enum err e;

	builder_cstring(&b, "ssh-ed25519");
	builder_cstring(&b, "a public key has thirty-two byte");
	assert_int_equal(builder_take(&b, &k.public), ERR_OK);
	s.said = said;
	e = card_sign(&s.wire, &s.token, &k, &m, &out, &s.failure);
	blob_clear(&k.public);
	return e;
}

static void test_what_cards_say_to_a_signature(void **state)
{
	static const uint16_t cannot[] = {
	    0x6700, 0x6a80, 0x6a81, 0x6a82, 0x6a86, 0x6a88, 0x6b00, 0x6d00};

	(void)state;
	begin("9000");
	for (size_t i = 0; i < sizeof(cannot) / sizeof(cannot[0]); i++)
		assert_int_equal(sign(cannot[i], 0, false, ""), ERR_TOKEN_SIGN);
	assert_int_equal(sign(0x6f00, 0, false, ""), ERR_TOKEN);
	assert_string_equal(s.failure.detail, "SW 6F00");
	assert_int_equal(sign(SW_CONDITIONS, 0, false, ""), ERR_TOKEN_SIGN);
	assert_int_equal(sign(SW_CONDITIONS, TOKEN_KEY_TOUCH, false, ""), ERR_TOUCH_TIMEOUT);
	/* Not authenticated: by a touch, or by a PIN that it did not get. */
	assert_int_equal(sign(SW_AUTHENTICATE, 0, true, ""), ERR_TOKEN_SIGN);
	assert_int_equal(sign(SW_AUTHENTICATE, 0, false, "123456"), ERR_TOKEN_SIGN);
	assert_int_equal(
	    sign(SW_AUTHENTICATE, TOKEN_KEY_TOUCH, false, "123456"), ERR_TOUCH_TIMEOUT);
	assert_int_equal(sign(SW_AUTHENTICATE, 0, false, ""), ERR_PIN_NEEDED);
	assert_int_equal(sign(SW_AUTHENTICATE, TOKEN_KEY_TOUCH, false, ""), ERR_PIN_NEEDED);
	s.verified = true;
	assert_int_equal(sign(SW_AUTHENTICATE, TOKEN_KEY_TOUCH, false, ""), ERR_TOUCH_TIMEOUT);
	s.verified = false;
	/* Blocked: the PIN only if it says so when it is asked for that. */
	assert_int_equal(sign(SW_BLOCKED, 0, true, ""), ERR_TOKEN);
	assert_int_equal(sign(SW_BLOCKED, 0, false, ""), ERR_TOKEN);
	s.tries = 0;
	assert_int_equal(sign(SW_BLOCKED, 0, false, ""), ERR_PIN_LOCKED);
	wire_clear(&s.wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_cards_say_to_a_pin),
	    cmocka_unit_test(test_a_pin_that_counts_already),
	    cmocka_unit_test(test_readers),
	    cmocka_unit_test(test_what_cards_say_to_a_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
