/* Cards that were used before and not switched off since: what is asked of them, and what is not.
 */
#include "tests/support/wire_scene.h"

#include "proto/base/mem.h"

/* A point of P-256, made by openssl. */
#define POINT                                                                                      \
	"04c26fb0788b0bd6ef9d46bcb6906cce679e79ea82f86ffb32bdcef53bb4e6095dbca81f8bae1e94"         \
	"e33b3bc0a9fbfd7da4ffa847576d9fe700a62205f0fcf386dc"
/* sha256sum of "data". */
#define DIGEST "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"

#define SELECT_PIV  "00a404000ba000000308000010000100"
#define GET_CHUID   "00cb3fff055c035fc10200"
#define CHUID       "53123410000102030405060708090a0b0c0d0e0f"
#define OTHER_CHUID "53123410ff0102030405060708090a0b0c0d0e0f"
#define TRIES       "00200080"
#define VERIFY      "0020008008313233343536ffff"
#define FORGET      "0020ff80"
#define SIGN(slot)  "008711" slot "267c2482008120" DIGEST "00"
#define SIGNED      "7c0a820830060201010201029000"
#define METADATA(slot)                                                                             \
	{                                                                                          \
		"00f700" slot, "01011102020000"                                                    \
			       "03010104438641" POINT "9000"                                       \
	}
#define END                                                                                        \
	{                                                                                          \
		NULL, NULL                                                                         \
	}
/* Keys in 9a and 9c. */
#define PIV                                                                                        \
	{SELECT_PIV, "61064f04000010009000"}, {"00fd", "0504039000"}, METADATA("9a"), METADATA("9c")

enum { KEY_9A, KEY_9C };

static struct wire_card *card;
static struct wire wire;
static struct card_token *tokens[CARD_APPLETS];
static size_t n;

static const struct wire_row good[] = {PIV, {GET_CHUID, CHUID "9000"}, {VERIFY, "9000"},
    {TRIES, "63c3"}, {SIGN("9a"), SIGNED}, {SIGN("9c"), SIGNED}, END};

static int setup(void **state)
{
	(void)state;
	card = mem_alloc(sizeof(*card));
	wire = wire_to(card, good);
	return card_look(&wire, tokens, &n) == ERR_OK && n == 1 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	while (n > 0)
		card_token_free(tokens[--n]);
	wire_clear(&wire);
	mem_free(card);
	return 0;
}

/* As the wire is when its card was left with a PIN entered. */
static enum err sign(
    const struct wire_row *rows, size_t key, const char *pin, struct card_failure *f)
{
	struct token_sign m = {.algorithm = bytes_str("ecdsa-sha2-nistp256"),
	    .data = BYTES("data", 4),
	    .pin = bytes_str(pin)};
	struct card_signature s;

	card->rows = rows;
	card->n = 0;
	wire.resumed = true;
	wire.pin = WIRE_PIN_BEFORE;
	return card_sign(&wire, tokens[0], &tokens[0]->keys[key], &m, &s, f);
}

static void expect_sent(size_t i, const char *begin)
{
	assert_true(i < card->n);
	assert_memory_equal(card->sent[i], begin, strlen(begin));
}

static void nothing_is_selected_again(void **state)
{
	struct card_failure f;

	(void)state;
	assert_int_equal(tokens[0]->keys[KEY_9C].ref, 0x9c);
	assert_int_equal(sign(good, KEY_9A, "", &f), ERR_OK);
	assert_int_equal(card->n, 2);
	expect_sent(0, GET_CHUID);
	expect_sent(1, SIGN("9a"));
	assert_int_equal(wire.pin, WIRE_PIN_NOW);
	assert_int_equal(sign(good, KEY_9A, "123456", &f), ERR_OK);
	assert_int_equal(card->n, 4);
	expect_sent(0, GET_CHUID);
	expect_sent(2, VERIFY);
	expect_sent(3, SIGN("9a"));
}

static void a_pin_for_each_signature(void **state)
{
	/* The card has the PIN entered already, and would sign. */
	static const struct wire_row open[] = {PIV, {GET_CHUID, CHUID "9000"}, {VERIFY, "9000"},
	    {TRIES, "9000"}, {SIGN("9c"), SIGNED}, END};
	struct card_failure f;

	(void)state;
	assert_int_equal(tokens[0]->keys[KEY_9C].flags & TOKEN_KEY_PIN_EACH, TOKEN_KEY_PIN_EACH);
	assert_int_equal(sign(open, KEY_9C, "", &f), ERR_PIN_NEEDED);
	assert_int_equal(f.flags & TOKEN_PIN_EACH, TOKEN_PIN_EACH);
	assert_int_equal(wire_count(card, SIGN("9c")), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(sign(open, KEY_9C, "123456", &f), ERR_OK);
		/* Nothing comes between the two. */
		expect_sent(card->n - 2, VERIFY);
		expect_sent(card->n - 1, SIGN("9c"));
	}
}

/* Another applet answers, in its own words; then it is the card's turn again. */
static void others_selected_something(void **state)
{
	static const struct {
		const char *says;
		enum err e;
		const char *detail;
	} table[] = {
	    /* It says the same once more: no such thing, so it is not that card. */
	    {"6d00", ERR_TOKEN_GONE, ""},
	    {"6b00", ERR_TOKEN_GONE, ""},
	    {"6a88", ERR_TOKEN_GONE, ""},
	    {"6a82", ERR_TOKEN_GONE, ""},
	    {"6a86", ERR_TOKEN_GONE, ""},
	    {"6e00", ERR_TOKEN_GONE, ""},
	    {OTHER_CHUID "9000", ERR_TOKEN_GONE, ""},
	    /* It may be that card, which is out of order. */
	    {"6982", ERR_TOKEN, "SW 6982"},
	    {"6985", ERR_TOKEN, "SW 6985"},
	    {"6f00", ERR_TOKEN, "SW 6F00"},
	    {"9000", ERR_TOKEN, "SW 9000"},
	    {"53009000", ERR_TOKEN, "SW 9000"},
	    {"6f009000", ERR_TOKEN, "SW 9000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct wire_row rows[] = {PIV, {GET_CHUID, table[i].says}, {VERIFY, "9000"},
		    {TRIES, "63c3"}, {SIGN("9a"), SIGNED}, END};
		struct card_failure f;

		assert_int_equal(sign(rows, KEY_9A, "123456", &f), table[i].e);
		assert_string_equal(f.detail, table[i].detail);
		assert_int_equal(card->n, 3);
		expect_sent(0, GET_CHUID);
		expect_sent(1, SELECT_PIV);
		expect_sent(2, GET_CHUID);
		assert_int_equal(wire.pin, WIRE_PIN_NONE);
	}
}

static void nothing_can_be_selected(void **state)
{
	static const struct {
		const char *says;
		enum err e;
		const char *detail;
	} table[] = {{"6a82", ERR_TOKEN_GONE, ""}, {"6f00", ERR_TOKEN, "SW 6F00"},
	    {"6983", ERR_TOKEN, "SW 6983"}, {"6581", ERR_TOKEN, "SW 6581"}, {"90", ERR_TOKEN, ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct wire_row rows[] = {
		    {SELECT_PIV, table[i].says}, {VERIFY, "9000"}, {SIGN("9a"), SIGNED}, END};
		struct card_failure f;

		assert_int_equal(sign(rows, KEY_9A, "123456", &f), table[i].e);
		assert_string_equal(f.detail, table[i].detail);
		assert_int_equal(wire_count(card, VERIFY), 0);
	}
}

/* The card was asked and says no. */
static void a_pin_that_counts_no_more(void **state)
{
	static const struct wire_row forgot[] = {
	    PIV, {GET_CHUID, CHUID "9000"}, {TRIES, "63c2"}, {SIGN("9a"), "6982"}, END};
	static const struct wire_row wrong[] = {
	    PIV, {GET_CHUID, CHUID "9000"}, {VERIFY, "63c2"}, {TRIES, "63c3"}, END};
	static const struct wire_row gone[] = {PIV, {GET_CHUID, NULL}, END};
	struct card_failure f;

	(void)state;
	assert_int_equal(sign(forgot, KEY_9A, "", &f), ERR_PIN_NEEDED);
	assert_int_equal(f.tries, 2);
	assert_int_equal(wire.pin, WIRE_PIN_NONE);
	assert_int_equal(sign(wrong, KEY_9A, "123456", &f), ERR_PIN);
	assert_int_equal(wire.pin, WIRE_PIN_NONE);
	assert_int_equal(sign(gone, KEY_9A, "", &f), ERR_TOKEN_GONE);
	assert_int_equal(card->n, 1);
}

static void logging_out(void **state)
{
	static const struct wire_row knows[] = {
	    PIV, {GET_CHUID, CHUID "9000"}, {FORGET, "9000"}, {TRIES, "63c3"}, END};
	static const struct wire_row refuses[] = {
	    PIV, {GET_CHUID, CHUID "9000"}, {FORGET, "6a86"}, {TRIES, "9000"}, END};
	static const struct wire_row lies[] = {
	    PIV, {GET_CHUID, CHUID "9000"}, {FORGET, "9000"}, {TRIES, "9000"}, END};

	(void)state;
	wire.resumed = true;
	card->rows = knows;
	assert_int_equal(card_logout(&wire, tokens[0]), ERR_OK);
	card->rows = refuses;
	assert_int_not_equal(card_logout(&wire, tokens[0]), ERR_OK);
	card->rows = lies;
	wire.pin = WIRE_PIN_BEFORE;
	assert_int_not_equal(card_logout(&wire, tokens[0]), ERR_OK);
	assert_int_equal(wire.pin, WIRE_PIN_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(nothing_is_selected_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_pin_for_each_signature, setup, teardown),
	    cmocka_unit_test_setup_teardown(others_selected_something, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_can_be_selected, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_pin_that_counts_no_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(logging_out, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
