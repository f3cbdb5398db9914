/* Cards with keys of other types than t_card_piv.c has, in the forms that some makers have; and
 * such that go, or say something else, at each step. */
#include "tests/support/wire_scene.h"

#include "proto/base/mem.h"
#include "tokens/card/select.h"

#define ZEROS_20 "0000000000000000000000000000000000000000"
#define ONES_20  "0102030405060708090a0b0c0d0e0f1011121314"
#define HALF     "1111111111111111111111111111111111111111111111111111111111111111"
/* A point of P-256, made by openssl. */
#define POINT                                                                                      \
	"04c26fb0788b0bd6ef9d46bcb6906cce679e79ea82f86ffb32bdcef53bb4e6095dbca81f8bae1e94"         \
	"e33b3bc0a9fbfd7da4ffa847576d9fe700a62205f0fcf386dc"
#define END                                                                                        \
	{                                                                                          \
		NULL, NULL                                                                         \
	}

static struct wire_card *card;
static struct wire wire;
static struct card_token *tokens[CARD_APPLETS];
static size_t n;

static int setup(void **state)
{
	(void)state;
	card = mem_alloc(sizeof(*card));
	return 0;
}

static void forget(void)
{
	while (n > 0)
		card_token_free(tokens[--n]);
	wire_clear(&wire);
}

static int teardown(void **state)
{
	(void)state;
	forget();
	mem_free(card);
	return 0;
}

static enum err look(const struct wire_row *rows)
{
	forget();
	wire = wire_to(card, rows);
	return card_look(&wire, tokens, &n);
}

/* By the one key that there is, while the card answers so. */
static enum err sign(
    const struct wire_row *rows, const char *algorithm, size_t len, const char *pin)
{
	static const uint8_t data[APDU_COMMAND_MOST + 1];
	struct token_sign m = {
	    .algorithm = bytes_str(algorithm), .data = BYTES(data, len), .pin = bytes_str(pin)};
	struct card_signature s;
	struct card_failure f;

	assert_int_equal(n, 1);
	assert_int_equal(tokens[0]->n, 1);
	card->rows = rows;
	card->n = 0;
	return card_sign(&wire, tokens[0], &tokens[0]->keys[0], &m, &s, &f);
}

/* --- PIV ---------------------------------------------------------------------------------- */

#define SELECT_PIV                                                                                 \
	{                                                                                          \
		"00a404000ba000000308", "61064f04000010009000"                                     \
	}
#define VERSION                                                                                    \
	{                                                                                          \
		"00fd", "0504039000"                                                               \
	}
#define SERIAL(last)                                                                               \
	{                                                                                          \
		"00f8", "00bc61" last "9000"                                                       \
	}
#define NO_OTHER                                                                                   \
	{                                                                                          \
		"00f7", "6a88"                                                                     \
	}
#define EDWARDS                                                                                    \
	{                                                                                          \
		"00f7009a", "0101e002020101"                                                       \
			    "04228620" HALF "9000"                                                 \
	}

/* A card without names is known by its serial number. */
static void known_by_its_number(void **state)
{
	static const struct wire_row rows[] = {SELECT_PIV, VERSION, SERIAL("4e"), EDWARDS, NO_OTHER,
	    {"0087e09a", "7c428240" HALF HALF "9000"}, END};
	static const struct wire_row other[] = {SELECT_PIV, SERIAL("4f"), END};
	static const struct wire_row shorter[] = {
	    SELECT_PIV, SERIAL("4e"), {"0087e09a", "7c228220" HALF "9000"}, END};
	static const struct wire_row gone[] = {SELECT_PIV, {"00f8", NULL}, END};
	static const struct wire_row mute[] = {SELECT_PIV, {"00f8", "00019000"}, END};

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(tokens[0]->id.bytes[0], 'S');
	assert_null(card_key_find(tokens[0], BYTES("?", 1)));
	assert_int_equal(sign(rows, "ssh-ed25519", 4, ""), ERR_OK);
	assert_int_equal(sign(rows, "ssh-ed25519", APDU_COMMAND_MOST, ""), ERR_LIMIT);
	assert_int_equal(sign(shorter, "ssh-ed25519", 4, ""), ERR_TOKEN);
	assert_int_equal(sign(other, "ssh-ed25519", 4, ""), ERR_TOKEN_GONE);
	assert_int_equal(sign(gone, "ssh-ed25519", 4, ""), ERR_TOKEN_GONE);
	assert_int_equal(sign(mute, "ssh-ed25519", 4, ""), ERR_TOKEN);
}

/* A size of RSA that cards of this kind do not have, and that they could not be told to use. */
static void an_odd_size(void **state)
{
	char metadata[1024] = "010107020201010481c88181c0";
	const struct wire_row rows[] = {
	    SELECT_PIV, VERSION, SERIAL("4e"), {"00f7009a", metadata}, NO_OTHER, END};

	(void)state;
	for (size_t i = 0; i < 192; i++)
		strcat(metadata, "c1");
	strcat(metadata, "82030100019000");
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(tokens[0]->n, 0);
}

/* Once a card said that it does not know the instruction it is not asked again. */
static void no_metadata(void **state)
{
	static const struct wire_row rows[] = {
	    SELECT_PIV, VERSION, SERIAL("4e"), {"00f7", "6d00"}, END};

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(wire_count(card, "00f7"), 1);
	assert_int_equal(tokens[0]->n, 0);
}

static void one_pin_for_all(void **state)
{
	static const struct wire_row rows[] = {SELECT_PIV, VERSION, SERIAL("4e"), EDWARDS, NO_OTHER,
	    {"00cb3fff035c017e", "7e055f2f0260209000"}, {"00200000", "63c3"}, END};

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(tokens[0]->pin_ref, 0x00);
	assert_int_equal(tokens[0]->tries, 3);
}

/* --- OpenPGP ------------------------------------------------------------------------------ */

#define SELECT_PGP                                                                                 \
	{                                                                                          \
		"00a4040006d27600012401", "9000"                                                   \
	}
#define PGP_AID                                                                                    \
	{                                                                                          \
		"00ca004f", "d276000124010304000f0000000700009000"                                 \
	}
/* What lies side by side in the application data, of a card that does not list its keys. */
#define OLD(attributes, third)                                                                     \
	{                                                                                          \
		"00ca006e", "c00a74000000000000000000c3" attributes                                \
			    "c407007f7f7f030003c53c" ZEROS_20 ZEROS_20 third "9000"                \
	}
#define EDDSA "0a162b06010401da470f01"
#define ECDSA "09132a8648ce3d030107"
#define PREFIXED                                                                                   \
	{                                                                                          \
		"0047810002a400", "7f4923862140" HALF "9000"                                       \
	}
#define P256                                                                                       \
	{                                                                                          \
		"0047810002a400", "7f49438641" POINT "9000"                                        \
	}

static void keys_by_their_fingerprints(void **state)
{
	static const struct wire_row there[] = {
	    SELECT_PGP, PGP_AID, OLD(EDDSA, ONES_20), PREFIXED, {"0088", HALF HALF "9000"}, END};
	static const struct wire_row imported[] = {
	    SELECT_PGP, PGP_AID, OLD("0b162b06010401da470f01ff", ONES_20), PREFIXED, END};
	static const struct wire_row empty[] = {
	    SELECT_PGP, PGP_AID, OLD(EDDSA, ZEROS_20), PREFIXED, END};
	static const struct wire_row nothing[] = {
	    SELECT_PGP, PGP_AID, OLD("00", ONES_20), PREFIXED, END};

	(void)state;
	assert_int_equal(look(there), ERR_OK);
	assert_int_equal(sign(there, "ssh-ed25519", 4, ""), ERR_OK);
	assert_int_equal(look(imported), ERR_OK);
	assert_int_equal(tokens[0]->n, 1);
	assert_int_equal(look(empty), ERR_OK);
	assert_int_equal(tokens[0]->n, 0);
	assert_int_equal(look(nothing), ERR_OK);
	assert_int_equal(tokens[0]->n, 0);
}

static void going_at_each_step(void **state)
{
	static const struct wire_row rows[] = {SELECT_PGP, PGP_AID, OLD(ECDSA, ONES_20), P256, END};
	static const struct wire_row history[] = {SELECT_PGP, PGP_AID, {"00ca5f52", NULL}, END};
	/* What was read of one applet is freed when the card goes amid the other. */
	static const struct wire_row between[] = {
	    SELECT_PGP, PGP_AID, OLD(ECDSA, ONES_20), P256, {"00a404000ba0", NULL}, END};
	static const struct wire_row name[] = {SELECT_PGP, {"00ca004f", NULL}, END};
	static const struct wire_row deselected[] = {{"00a4", "6a82"}, END};
	static const struct wire_row unsupported[] = {{"00a4", "6a81"}, END};
	static const struct wire_row broken[] = {{"00a4", "6f00"}, END};
	static const struct wire_row counter[] = {SELECT_PGP, PGP_AID, {"00ca006e", NULL}, END};
	static const struct wire_row half[] = {SELECT_PGP, PGP_AID, {"0088", HALF "9000"}, END};

	(void)state;
	assert_int_equal(look(history), ERR_TOKEN_GONE);
	assert_int_equal(look(between), ERR_TOKEN_GONE);
	assert_int_equal(n, 0);
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(sign(name, "ecdsa-sha2-nistp256", 4, ""), ERR_TOKEN_GONE);
	assert_int_equal(sign(deselected, "ecdsa-sha2-nistp256", 4, ""), ERR_TOKEN_GONE);
	assert_int_equal(sign(unsupported, "ecdsa-sha2-nistp256", 4, ""), ERR_TOKEN_GONE);
	assert_int_equal(sign(broken, "ecdsa-sha2-nistp256", 4, ""), ERR_TOKEN);
	assert_int_equal(sign(counter, "ecdsa-sha2-nistp256", 4, "123456"), ERR_TOKEN_GONE);
	assert_int_equal(wire_count(card, "0020"), 0);
	assert_int_equal(sign(half, "ecdsa-sha2-nistp256", 4, ""), ERR_TOKEN);
}

/* Addresses of cards; one that is empty means every default key. */
static void addresses(void **state)
{
	const struct card_token named = {.serial = "00000007", .id = {.bytes = {'O', 1}, .len = 2}};
	const struct card_token guid = {.id = {.bytes = {'G', 0xab, 0x01}, .len = 3}};
	const struct card_key usual = {.slot = "9a", .flags = TOKEN_KEY_DEFAULT},
			      other = {.slot = "9c"};
	struct choice c = {.slots = bytes_str("x")};

	(void)state;
	assert_int_equal(choice_parse(BYTES_NONE, &c), ERR_OK);
	assert_true(choice_has_token(&c, &named) && choice_has_token(&c, &guid));
	assert_true(choice_has_key(&c, &usual) && !choice_has_key(&c, &other));
	assert_int_equal(choice_parse(bytes_str("card:serial=AB01;slot=9C"), &c), ERR_OK);
	assert_true(choice_has_token(&c, &guid) && !choice_has_token(&c, &named));
	assert_true(choice_has_key(&c, &other) && !choice_has_key(&c, &usual));
	assert_int_equal(choice_parse(bytes_str("card:serial=00000007;slot=all"), &c), ERR_OK);
	assert_true(choice_has_token(&c, &named) && !choice_has_token(&c, &guid));
	assert_true(choice_has_key(&c, &other) && choice_has_key(&c, &usual));
	assert_int_equal(choice_parse(bytes_str("card"), &c), ERR_URI);
	assert_int_equal(choice_parse(bytes_str("card:slot="), &c), ERR_URI);
	assert_int_equal(choice_parse(bytes_str("card:serial=1;serial=2"), &c), ERR_URI);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(known_by_its_number),
	    TEST(an_odd_size),
	    TEST(no_metadata),
	    TEST(one_pin_for_all),
	    TEST(keys_by_their_fingerprints),
	    TEST(going_at_each_step),
	    TEST(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
