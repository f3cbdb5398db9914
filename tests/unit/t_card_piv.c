/* PIV and OpenPGP cards that answer as they should, and as they should not. */
#include "tests/support/wire_scene.h"

#include "proto/base/mem.h"

/* Of one key, made by openssl: a certificate for signatures, one for encryption; its point. */
#define CERT_SIGN                                                                                  \
	"308201473081eea00302010202141619e984723282570744f77e96f5e6a710217d8d300a06082a86"         \
	"48ce3d040302300c310a300806035504030c0174301e170d3236313132313134333532335a170d32"         \
	"36313232313134333532335a300c310a300806035504030c01743059301306072a8648ce3d020106"         \
	"082a8648ce3d03010703420004c26fb0788b0bd6ef9d46bcb6906cce679e79ea82f86ffb32bdcef5"         \
	"3bb4e6095dbca81f8bae1e94e33b3bc0a9fbfd7da4ffa847576d9fe700a62205f0fcf386dca32e30"         \
	"2c300b0603551d0f040403020780301d0603551d0e0416041476161f479c886a2b0f9444c10bf289"         \
	"ea8810ada9300a06082a8648ce3d040302034800304502207e9a1abb4d5195d92eb5fe424737d1f3"         \
	"509f45e334986e9bee76bde6cae202ff022100e0d90591d1ddce6b735a8613bd5d8adae31431e478"         \
	"b0deeb88765dc94cecf6cb"
#define CERT_ENCRYPT                                                                               \
	"308201473081eea003020102021474b05e1dfebe6ff084b4aa372324f3260cc9de1a300a06082a86"         \
	"48ce3d040302300c310a300806035504030c0174301e170d3236313132313134333532335a170d32"         \
	"36313232313134333532335a300c310a300806035504030c01743059301306072a8648ce3d020106"         \
	"082a8648ce3d03010703420004c26fb0788b0bd6ef9d46bcb6906cce679e79ea82f86ffb32bdcef5"         \
	"3bb4e6095dbca81f8bae1e94e33b3bc0a9fbfd7da4ffa847576d9fe700a62205f0fcf386dca32e30"         \
	"2c300b0603551d0f040403020520301d0603551d0e0416041476161f479c886a2b0f9444c10bf289"         \
	"ea8810ada9300a06082a8648ce3d0403020348003045022053bdfa367e2e4c5f203c9dfc20145946"         \
	"39de5e38b13a48817fbb494f144edf6702210087489aaf9b9ca4a77e1fc460f04ecfa01301a59144"         \
	"09fe7359ef1a10003cf100"
#define POINT                                                                                      \
	"04c26fb0788b0bd6ef9d46bcb6906cce679e79ea82f86ffb32bdcef53bb4e6095dbca81f8bae1e94"         \
	"e33b3bc0a9fbfd7da4ffa847576d9fe700a62205f0fcf386dc"

/* The blob that ssh-keygen -i makes of it. */
#define BLOB "0000001365636473612d736861322d6e69737470323536000000086e6973747032353600000041" POINT
/* sha256sum of "data". */
#define DIGEST "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"

#define OBJECT(cert) "538201547082014b" cert "710100fe00"
#define GUID         "000102030405060708090a0b0c0d0e0f"
#define CHUID                                                                                      \
	"5312"                                                                                     \
	"3410" GUID
#define OTHER_CHUID                                                                                \
	"5312"                                                                                     \
	"3410"                                                                                     \
	"ff0102030405060708090a0b0c0d0e0f"

#define SELECT_PIV                                                                                 \
	{                                                                                          \
		"00a404000ba000000308000010000100", "61064f0400001000"                             \
						    "9000"                                         \
	}
#define GET  "00cb3fff055c03"
#define SIGN "0087119a"
#define GOOD_SIGN                                                                                  \
	{                                                                                          \
		SIGN "267c2482008120" DIGEST "00", "7c0a82083006020101020102"                      \
						   "9000"                                          \
	}
#define VERIFY "00200080"
#define TRIES(sw)                                                                                  \
	{                                                                                          \
		VERIFY, sw                                                                         \
	}
#define GOOD_PIN                                                                                   \
	{                                                                                          \
		VERIFY "08313233343536ffff", "9000"                                                \
	}
#define END                                                                                        \
	{                                                                                          \
		NULL, NULL                                                                         \
	}
#define ID                                                                                         \
	{                                                                                          \
		GET "5fc10200", CHUID "9000"                                                       \
	}
#define KEY_9A                                                                                     \
	{                                                                                          \
		GET "5fc10500", OBJECT(CERT_SIGN) "9000"                                           \
	}

static struct wire_card *card;
static struct wire wire;
static struct card_token *tokens[CARD_APPLETS];
static size_t n;

static enum err look(const struct wire_row *rows)
{
	enum err e;

	card = mem_alloc(sizeof(*card));
	wire = wire_to(card, rows);
	n = 0;
	e = card_look(&wire, tokens, &n);
	return e;
}

static void end(void)
{
	while (n > 0)
		card_token_free(tokens[--n]);
	wire_clear(&wire);
	mem_free(card);
	card = NULL;
}

static enum err sign(
    const char *pin, uint32_t flags, struct card_signature *s, struct card_failure *f)
{
	struct token_sign m = {.algorithm = bytes_str("ecdsa-sha2-nistp256"),
	    .data = BYTES("data", 4),
	    .pin = bytes_str(pin),
	    .flags = flags};

	card->n = 0;
	return card_sign(&wire, tokens[0], &tokens[0]->keys[0], &m, s, f);
}

static void a_card_is_read(void **state)
{
	static const struct wire_row rows[] = {SELECT_PIV, ID, KEY_9A,
	    {GET "5fc10a00", OBJECT(CERT_ENCRYPT) "9000"}, TRIES("63c3"), END};
	static const struct wire_row encrypts[] = {
	    SELECT_PIV, ID, {GET "5fc10500", OBJECT(CERT_ENCRYPT) "9000"}, END};
	uint8_t blob[256], guid[17] = {'G'};

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(tokens[0]->applet->type, TOKEN_PIV);
	wire_unhex(GUID, guid + 1, 16);
	assert_true(card_id_is(&tokens[0]->id, BYTES(guid, 17)));
	assert_string_equal(tokens[0]->serial, GUID);
	assert_int_equal(tokens[0]->tries, 3);
	assert_int_equal(tokens[0]->n, 2);
	assert_string_equal(tokens[0]->keys[0].slot, "9a");
	assert_int_equal(tokens[0]->keys[0].flags, TOKEN_KEY_DEFAULT);
	assert_int_equal(tokens[0]->keys[0].algorithm, 0x11);
	assert_true(bytes_equal(blob_view(&tokens[0]->keys[0].public),
	    BYTES(blob, wire_unhex(BLOB, blob, sizeof(blob)))));
	assert_string_equal(tokens[0]->keys[1].slot, "9c");
	assert_int_equal(tokens[0]->keys[1].flags, TOKEN_KEY_PIN_EACH);
	/* No PIN is sent, and Yubico's instructions only where there is a version. */
	assert_int_equal(wire_count(card, VERIFY), 1);
	assert_int_equal(wire_count(card, VERIFY "08"), 0);
	assert_int_equal(wire_count(card, "00f8") + wire_count(card, "00f7"), 0);
	end();
	assert_int_equal(look(encrypts), ERR_OK);
	assert_int_equal(tokens[0]->keys[0].flags, 0);
	end();
}

static void metadata_tell_of_keys(void **state)
{
	static const struct wire_row rows[] = {SELECT_PIV, ID,
	    {"00fd", "050403"
		     "9000"},
	    {"00f8", "00bc614e"
		     "9000"},
	    {"00f7009a", "010111"
			 "02020102"
			 "03010104438641" POINT "9000"},
	    {"00f7009e", "010111"
			 "02020301"
			 "04438641" POINT "9000"},
	    {"00f70080", "050101"
			 "06020302"
			 "9000"},
	    {"00f7", "6a88"},
	    /* A certificate of slots without a key is of nothing. */
	    {GET "5fc10a00", OBJECT(CERT_SIGN) "9000"}, TRIES("63c2"), END};

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(n, 1);
	assert_string_equal(tokens[0]->serial, "12345678");
	assert_string_equal(tokens[0]->firmware, "5.4.3");
	assert_int_equal(tokens[0]->tries, 2);
	assert_int_equal(tokens[0]->full, 3);
	assert_int_equal(card_pin_flags(tokens[0], tokens[0]->tries), TOKEN_PIN_LOW);
	assert_int_equal(tokens[0]->n, 2);
	assert_int_equal(tokens[0]->keys[0].flags, TOKEN_KEY_DEFAULT | TOKEN_KEY_TOUCH);
	assert_true(tokens[0]->keys[0].no_pin);
	assert_int_equal(tokens[0]->keys[1].flags, TOKEN_KEY_DEFAULT | TOKEN_KEY_PIN_EACH);
	end();
}

/* What makes no sense is left out. */
static void bad_answers(void **state)
{
	static const struct {
		const char *chuid, *object;
		size_t tokens, keys;
	} table[] = {
	    {CHUID "9000", "9000", 1, 0},
	    {CHUID "9000",
		"53"
		"9000",
		1, 0},
	    {CHUID "9000",
		"5384ffffffff7000"
		"9000",
		1, 0},
	    {CHUID "9000",
		"53027000"
		"9000",
		1, 0},
	    {CHUID "9000",
		"5303700130"
		"9000",
		1, 0},
	    {CHUID "9000",
		"530470023080"
		"9000",
		1, 0},
	    {CHUID "9000",
		"53087003308000710101"
		"9000",
		1, 0},
	    {CHUID "9000", "6f00", 1, 0},
	    {CHUID "9000", "9123", 1, 0},
	    {"5302"
	     "3400"
	     "9000",
		OBJECT(CERT_SIGN) "9000", 1, 1},
	    {"5312"
	     "3410"
	     "00000000000000000000000000000000"
	     "9000",
		OBJECT(CERT_SIGN) "9000", 1, 1},
	    {"5312"
	     "3410"
	     "00000000000000000000000000000000"
	     "9000",
		"6a82", 0, 0},
	    {"6a82", "6a82", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct wire_row rows[] = {SELECT_PIV, {GET "5fc10200", table[i].chuid},
		    {GET "5fc10500", table[i].object}, END};

		assert_int_equal(look(rows), ERR_OK);
		assert_int_equal(n, table[i].tokens);
		if (n != 0) {
			assert_int_equal(tokens[0]->n, table[i].keys);
			assert_int_equal(tokens[0]->tries, TOKEN_TRIES_UNKNOWN);
		}
		end();
	}
}

/* A card that does not get its words out at all is an error. */
static void broken_cards(void **state)
{
	static const struct wire_row gone[] = {SELECT_PIV, {GET "5fc10200", NULL}, END};
	static const struct wire_row mute[] = {SELECT_PIV, {GET "5fc10200", ""}, END};
	static const struct wire_row half[] = {{"00a4", "90"}, END};
	static const struct wire_row yes[] = {{"", "9000"}, END};

	(void)state;
	assert_int_equal(look(gone), ERR_TOKEN_GONE);
	end();
	assert_int_equal(look(mute), ERR_TOKEN);
	end();
	assert_int_equal(look(half), ERR_TOKEN);
	end();
	/* 9000 to everything is no PIV. */
	assert_int_equal(look(yes), ERR_OK);
	assert_int_equal(n, 0);
	end();
}

static void a_signature_follows_its_pin(void **state)
{
	static const struct wire_row rows[] = {
	    SELECT_PIV, ID, KEY_9A, GOOD_PIN, GOOD_SIGN, TRIES("63c3"), END};
	struct card_signature s;
	struct card_failure f;

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(sign("123456", 0, &s, &f), ERR_OK);
	assert_int_equal(s.r.len, 1);
	assert_int_equal(s.s.data[0], 2);
	/* SELECT, who is it, how many tries, PIN, signature. */
	assert_int_equal(card->n, 5);
	assert_int_equal(wire_count(card, VERIFY "08"), 1);
	assert_memory_equal(card->sent[3], VERIFY "08", 10);
	assert_memory_equal(card->sent[4], SIGN, 8);
	end();
}

static void no_pin_for_another_card(void **state)
{
	static const struct wire_row rows[] = {
	    SELECT_PIV, ID, KEY_9A, GOOD_PIN, GOOD_SIGN, TRIES("63c3"), END};
	static const struct wire_row others[] = {SELECT_PIV, {GET "5fc10200", OTHER_CHUID "9000"},
	    KEY_9A, GOOD_PIN, GOOD_SIGN, TRIES("63c3"), END};
	static const struct wire_row none[] = {{"00a4", "6a82"}, END};
	struct card_signature s;
	struct card_failure f;

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	card->rows = others;
	assert_int_equal(sign("123456", 0, &s, &f), ERR_TOKEN_GONE);
	assert_int_equal(wire_count(card, VERIFY), 0);
	card->rows = none;
	assert_int_equal(sign("123456", 0, &s, &f), ERR_TOKEN_GONE);
	assert_int_equal(wire_count(card, VERIFY), 0);
	end();
}

/* A card without names is known by its first key. */
static void a_card_without_names(void **state)
{
	static const struct wire_row rows[] = {SELECT_PIV, KEY_9A, GOOD_SIGN, END};
	static const struct wire_row moved[] = {
	    SELECT_PIV, {GET "5fc10a00", OBJECT(CERT_SIGN) "9000"}, GOOD_SIGN, END};
	struct card_signature s;
	struct card_failure f;

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(tokens[0]->id.bytes[0], 'K');
	assert_int_equal(sign("", 0, &s, &f), ERR_OK);
	card->rows = moved;
	assert_int_equal(sign("", 0, &s, &f), ERR_TOKEN_GONE);
	end();
}

static void status_words(void **state)
{
	static const struct {
		const char *tries, *pin, *sign, *given;
		enum err e;
		uint8_t left;
		uint32_t ask, flags;
		size_t sent; /* PINs */
		const char *detail;
	} table[] = {
	    {"63c3", NULL, "6982", "", ERR_PIN_NEEDED, 3, 0, 0, 0, "SW 6982"},
	    {"63c1", NULL, "6982", "", ERR_PIN_NEEDED, 1, 0, TOKEN_PIN_LOW | TOKEN_PIN_FINAL, 0,
		"SW 6982"},
	    {"6983", NULL, "6982", "", ERR_PIN_LOCKED, 0, 0, TOKEN_PIN_LOCKED, 0, "SW 6982"},
	    {"6983", NULL, "6983", "", ERR_PIN_LOCKED, 0, 0, TOKEN_PIN_LOCKED, 0, "SW 6983"},
	    {"63c3", NULL, "6983", "", ERR_TOKEN, 3, 0, 0, 0, "SW 6983"},
	    {"63c3", NULL, "6985", "", ERR_TOKEN_SIGN, 255, 0, 0, 0, "SW 6985"},
	    {"63c3", NULL, "6a80", "", ERR_TOKEN_SIGN, 255, 0, 0, 0, "SW 6A80"},
	    {"63c3", NULL, "6f00", "", ERR_TOKEN, 255, 0, 0, 0, "SW 6F00"},
	    {"63c3", NULL, "1234", "", ERR_TOKEN, 255, 0, 0, 0, "SW 1234"},
	    {"63c3", NULL, "9000", "", ERR_TOKEN, 255, 0, 0, 0, "SW 9000"},
	    {"63c3", NULL,
		"7c058203300101"
		"9000",
		"", ERR_TOKEN, 255, 0, 0, 0, "SW 9000"},
	    {"63c3", "63c2", "9000", "1", ERR_PIN, 3, 0, 0, 1, "SW 63C2"},
	    {"63c2", "63c1", "9000", "1", ERR_PIN, 2, 0, TOKEN_PIN_LOW, 1, "SW 63C1"},
	    {"63c1", "9000", "9000", "1", ERR_PIN_NEEDED, 1, 0, TOKEN_PIN_LOW | TOKEN_PIN_FINAL, 0,
		""},
	    {"63c1", "63c0", "9000", "1", ERR_PIN_LOCKED, 0, TOKEN_LAST_TRY, TOKEN_PIN_LOCKED, 1,
		"SW 63C0"},
	    {"6983", "9000", "9000", "1", ERR_PIN_LOCKED, 0, TOKEN_LAST_TRY, TOKEN_PIN_LOCKED, 0,
		""},
	    {"63c3", "6983", "9000", "1", ERR_PIN_LOCKED, 3, 0, 0, 1, "SW 6983"},
	    {"63c3", "6f00", "9000", "1", ERR_TOKEN, 3, 0, 0, 1, "SW 6F00"},
	    {"63c3", "9000", "9000", "123456789", ERR_PIN, 3, 0, 0, 0, ""},
	    {"63c3", "9000", "6982", "1", ERR_TOKEN_SIGN, 3, 0, 0, 1, "SW 6982"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct wire_row rows[] = {SELECT_PIV, ID, KEY_9A,
		    {VERIFY "08", table[i].pin != NULL ? table[i].pin : "6f00"},
		    {VERIFY, table[i].tries}, {SIGN, table[i].sign}, END};
		struct card_signature s;
		struct card_failure f;

		assert_int_equal(look(rows), ERR_OK);
		assert_int_equal(sign(table[i].given, table[i].ask, &s, &f), table[i].e);
		assert_int_equal(wire_count(card, VERIFY "08"), table[i].sent);
		if (table[i].e != ERR_PIN_LOCKED)
			assert_int_equal(f.tries, table[i].left);
		if (table[i].e == ERR_PIN_NEEDED)
			assert_int_equal(f.flags, table[i].flags);
		assert_string_equal(f.detail, table[i].detail);
		end();
	}
}

/* --- a reader with keys --------------------------------------------------------------- */

static char pad_sent[256];
static const char *pad_reply;

static enum err pad(void *ctx, uint32_t code, struct bytes in, uint8_t *out, size_t *len)
{
	(void)ctx;
	if (code == 0x42000d48) {
		*len = wire_unhex("010412345678"
				  "060442330006",
		    out, *len);
		return ERR_OK;
	}
	assert_int_equal(code, 0x42330006);
	for (size_t i = 0; i < in.len; i++)
		sprintf(pad_sent + 2 * i, "%02x", in.data[i]);
	*len = wire_unhex(pad_reply, out, *len);
	return ERR_OK;
}

static void a_pin_on_the_reader(void **state)
{
	static const struct wire_row rows[] = {
	    SELECT_PIV, ID, KEY_9A, GOOD_SIGN, TRIES("63c3"), END};
	static const struct {
		const char *reply;
		enum err e;
	} table[] = {{"9000", ERR_OK}, {"6400", ERR_PAD}, {"6401", ERR_PAD}, {"6403", ERR_PAD},
	    {"63c2", ERR_PIN}, {"6983", ERR_PIN_LOCKED}, {"90", ERR_TOKEN}, {"", ERR_TOKEN}};
	struct card_signature s;
	struct card_failure f;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(look(rows), ERR_OK);
		wire.control = pad;
		pad_reply = table[i].reply;
		assert_int_equal(sign("", TOKEN_USE_PAD, &s, &f), table[i].e);
		/* Part 10's structure: ASCII, a block of 8, 4 to 8 digits, ended by a key. */
		assert_string_equal(pad_sent, "0000820800080402010904000000000d000000"
					      "0020008008ffffffffffffffff");
		end();
	}
	/* No keys there, no PIN. */
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(sign("", TOKEN_USE_PAD, &s, &f), ERR_PAD);
	end();
}

/* --- OpenPGP ------------------------------------------------------------------------------ */

#define SELECT_PGP                                                                                 \
	{                                                                                          \
		"00a4040006d27600012401", "9000"                                                   \
	}
#define AID                                                                                        \
	"d276000124010304000f"                                                                     \
	"000000070000"
#define PGP_AID                                                                                    \
	{                                                                                          \
		"00ca004f", AID "9000"                                                             \
	}
#define APPLICATION(caps, attributes, n)   "6e68" DISCRETIONARY(caps, attributes, n)
#define DISCRETIONARY(caps, attributes, n) "7366" SIDE_BY_SIDE(caps, attributes, n)
#define SIDE_BY_SIDE(caps, attributes, n)                                                          \
	"c00a" caps "000000000000000000c3" n attributes "c407007f7f7f030003c53c"                   \
	"0000000000000000000000000000000000000000"                                                 \
	"0000000000000000000000000000000000000000"                                                 \
	"0102030405060708090a0b0c0d0e0f1011121314de06"                                             \
	"010002000301"

static void an_openpgp_card(void **state)
{
	static const struct wire_row rows[] = {SELECT_PGP, PGP_AID,
	    {"00ca006e", APPLICATION("74", "132a8648ce3d030107", "09") "9000"},
	    {"0047810002a400", "7f49438641" POINT "9000"},
	    {"0088000020" DIGEST "00",
		"1111111111111111111111111111111111111111111111111111111111111111"
		"2222222222222222222222222222222222222222222222222222222222222222"
		"9000"},
	    {"0020008206313233343536", "9000"}, {"00a4", "6a82"}, END};
	struct card_signature s;
	struct card_failure f;
	uint8_t id[7] = {'O', 0x00, 0x0f, 0, 0, 0, 7};

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(tokens[0]->applet->type, TOKEN_OPENPGP);
	assert_true(card_id_is(&tokens[0]->id, BYTES(id, 7)));
	assert_string_equal(tokens[0]->serial, "00000007");
	assert_int_equal(tokens[0]->tries, 3);
	assert_int_equal(tokens[0]->n, 1);
	assert_string_equal(tokens[0]->keys[0].slot, "3");
	assert_int_equal(sign("123456", 0, &s, &f), ERR_OK);
	assert_int_equal(s.r.len, 32);
	assert_int_equal(s.r.data[31], 0x11);
	assert_int_equal(s.s.data[0], 0x22);
	end();
}

/* Templates come with their tag, or without. */
static void openpgp_templates(void **state)
{
	static const struct {
		const char *application, *kdf;
	} table[] = {
	    {APPLICATION("75", "132a8648ce3d030107", "09") "9000", "f9038101039000"},
	    {DISCRETIONARY("75", "132a8648ce3d030107", "09") "9000", "8101039000"},
	    {"4f10" AID DISCRETIONARY("75", "132a8648ce3d030107", "09") "9000", "8101039000"},
	    {"6e66" SIDE_BY_SIDE("75", "132a8648ce3d030107", "09") "9000", "f9038101039000"},
	    {SIDE_BY_SIDE("75", "132a8648ce3d030107", "09") "9000", "8101039000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct wire_row rows[] = {SELECT_PGP, PGP_AID,
		    {"00ca006e", table[i].application}, {"00ca00f9", table[i].kdf},
		    {"0047810002a400", "7f49438641" POINT "9000"}, {"00a4", "6a82"}, END};

		assert_int_equal(look(rows), ERR_OK);
		assert_int_equal(n, 1);
		assert_int_equal(tokens[0]->n, 1);
		assert_int_equal(tokens[0]->tries, 3);
		assert_true(tokens[0]->hashed_pin);
		end();
	}
}

/* A card that wants PINs hashed is not sent one, which would spend a try. */
static void hashed_pins(void **state)
{
	static const struct wire_row rows[] = {SELECT_PGP, PGP_AID,
	    {"00ca006e", APPLICATION("75", "132a8648ce3d030107", "09") "9000"},
	    {"00ca00f9", "8101039000"}, {"0047810002a400", "7f49438641" POINT "9000"},
	    {"00a4", "6a82"}, END};
	struct card_signature s;
	struct card_failure f;

	(void)state;
	assert_int_equal(look(rows), ERR_OK);
	assert_int_equal(tokens[0]->n, 1);
	assert_int_equal(sign("123456", 0, &s, &f), ERR_UNSUPPORTED);
	assert_int_equal(wire_count(card, "00200082"), 0);
	end();
}

static void bad_openpgp_cards(void **state)
{
	static const struct {
		const char *aid, *application, *public;
		size_t tokens;
	} table[] = {
	    {"9000", "9000", "9000", 0},
	    {"d276000124019000", "9000", "9000", 0},
	    {AID "9000", "9000", "9000", 1},
	    {AID "9000", "6e84ffffffff9000", "9000", 1},
	    {AID "9000", "6e0273009000", "9000", 1},
	    {AID "9000", APPLICATION("74", "992a8648ce3d030107", "09") "9000", "9000", 1},
	    {AID "9000", APPLICATION("74", "132a8648ce3d030107", "09") "9000", "9000", 1},
	    {AID "9000", APPLICATION("74", "132a8648ce3d030107", "09") "9000", "7f490286009000", 1},
	    {AID "9000", APPLICATION("74", "010800002000ffff0f", "09") "9000",
		"7f49068101008201009000", 1},
	    {AID "9000", APPLICATION("74", "132a8648ce3d030107", "09") "9000", "6a88", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct wire_row rows[] = {SELECT_PGP, {"00ca004f", table[i].aid},
		    {"00ca006e", table[i].application}, {"0047", table[i].public}, {"00a4", "6a82"},
		    END};

		assert_int_equal(look(rows), ERR_OK);
		assert_int_equal(n, table[i].tokens);
		if (n != 0)
			assert_int_equal(tokens[0]->n, 0);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_card_is_read),
	    cmocka_unit_test(metadata_tell_of_keys),
	    cmocka_unit_test(bad_answers),
	    cmocka_unit_test(broken_cards),
	    cmocka_unit_test(a_signature_follows_its_pin),
	    cmocka_unit_test(no_pin_for_another_card),
	    cmocka_unit_test(a_card_without_names),
	    cmocka_unit_test(status_words),
	    cmocka_unit_test(a_pin_on_the_reader),
	    cmocka_unit_test(an_openpgp_card),
	    cmocka_unit_test(openpgp_templates),
	    cmocka_unit_test(hashed_pins),
	    cmocka_unit_test(bad_openpgp_cards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
