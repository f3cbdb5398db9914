#include "tests/support/base_test.h"

#include <stdio.h>
#include <string.h>

#include "tokens/fido/nfc.h"

/* A card that answers from a script, and checks what it is sent. */
struct step {
	const char *sent; /* the APDU, in hex */
	const char *reply;
};

struct script {
	const struct step *step;
	enum err end; /* when the script is over */
};

enum { INIT = 0x06, MSG = 0x03, CBOR = 0x10, CANCEL = 0x11 }; /* CTAPHID's numbers */

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

static enum err transmit(void *card, struct bytes apdu, uint8_t *reply, size_t *n)
{
	struct script *s = card;
	char hex[1024] = "";

	if (s->step->sent == NULL)
		return s->end;
	for (size_t i = 0; i < apdu.len; i++)
		sprintf(hex + 2 * i, "%02x", apdu.data[i]);
	assert_string_equal(hex, s->step->sent);
	*n = unhex(s->step->reply, reply);
	s->step++;
	return ERR_OK;
}

static struct nfc card(struct script *s, const struct step *steps)
{
	*s = (struct script){steps, ERR_DEVICE_GONE};
	return (struct nfc){.transmit = transmit, .card = s};
}

#define SELECT "00a4040008a0000006472f000100"

static void the_applet_is_selected(void **state)
{
	static const struct {
		struct step steps[3];
		enum err e;
		uint8_t flags; /* CTAPHID capabilities; 0: no INIT answer */
	} table[] = {
	    {{{SELECT, "5532465f5632"
		       "9000"}},
		ERR_OK, 0x04},
	    {{{SELECT, "4649444f5f325f30"
		       "9000"}},
		ERR_OK, 0x0c},
	    {{{SELECT, "4649444f5f325f31"
		       "9000"}},
		ERR_OK, 0x0c},
	    {{{SELECT, "4649"
		       "6106"},
		 {"00c0000006", "444f5f325f30"
				"9000"}},
		ERR_OK, 0x0c},
	    {{{SELECT, "4142"
		       "9000"}},
		ERR_OK, 0},
	    {{{SELECT, "6a82"}}, ERR_NO_DEVICE, 0},
	    {{{SELECT, "90"}}, ERR_DEVICE, 0},
	    {{{SELECT, ""}}, ERR_DEVICE, 0},
	    {{{SELECT, "6101"}, {"00c0000001", "6101"}}, ERR_DEVICE, 0},
	    {{{NULL, NULL}}, ERR_DEVICE_GONE, 0},
	};
	static const uint8_t nonce[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct script s;
		struct nfc n = card(&s, table[i].steps);
		uint8_t out[17], expected[17] = {1, 2, 3, 4, 5, 6, 7, 8};

		assert_int_equal(nfc_select(&n), table[i].e);
		assert_null(s.step->sent);
		if (table[i].e == ERR_OK) {
			assert_int_equal(nfc_tx(&n, INIT, BYTES(nonce, 8)), 0);
			assert_int_equal(
			    nfc_rx(&n, INIT, out, sizeof(out), -1), table[i].flags != 0 ? 17 : -1);
			expected[16] = table[i].flags;
			if (table[i].flags != 0)
				assert_memory_equal(out, expected, 17);
			assert_int_equal(nfc_rx(&n, INIT, out, 16, -1), -1);
		}
		nfc_clear(&n);
	}
}

#define TEN   "00010203040506070809"
#define FORTY TEN TEN TEN TEN
#define CHUNK FORTY FORTY FORTY FORTY FORTY FORTY

/* Commands of more than 240 bytes in parts, answers of more than 256 bytes as well. */
static void long_messages_come_in_parts(void **state)
{
	static const struct step steps[] = {
	    {"90108000f0" CHUNK "00", "9000"},
	    {"801080000a" TEN "00", "00a1"
				    "61ff"},
	    {"00c00000ff", "b2"
			   "6100"},
	    {"00c0000000", "c3"
			   "9000"},
	    {NULL, NULL},
	};
	uint8_t command[250], out[8];
	struct script s;
	struct nfc n = card(&s, steps);

	(void)state;
	for (size_t i = 0; i < sizeof(command); i++)
		command[i] = (uint8_t)(i % 10);
	assert_int_equal(nfc_tx(&n, CBOR, BYTES(command, sizeof(command))), 0);
	assert_int_equal(nfc_rx(&n, CBOR, out, sizeof(out), 1000), 4);
	assert_memory_equal(out, "\x00\xa1\xb2\xc3", 4);
	/* It was fetched. */
	assert_int_equal(nfc_rx(&n, CBOR, out, sizeof(out), 1000), -1);
	nfc_clear(&n);
}

static void a_part_may_be_refused(void **state)
{
	static const struct step steps[] = {{"90108000f0" CHUNK "00", "6700"}, {NULL, NULL}};
	static const struct step tight[] = {{"801080000104"
					     "00",
						"010203"
						"9000"},
	    {NULL, NULL}};
	uint8_t command[250], out[2];
	struct script s;
	struct nfc n = card(&s, steps);

	(void)state;
	for (size_t i = 0; i < sizeof(command); i++)
		command[i] = (uint8_t)(i % 10);
	assert_int_equal(nfc_tx(&n, CBOR, BYTES(command, sizeof(command))), -1);
	nfc_clear(&n);
	n = card(&s, tight);
	assert_int_equal(nfc_tx(&n, CBOR, BYTES("\x04", 1)), 0);
	assert_int_equal(nfc_rx(&n, CBOR, out, sizeof(out), 1000), -1);
	nfc_clear(&n);
}

/* A card that waits for a touch is asked again; one is told when the operation is cancelled. */
static void keep_alive(void **state)
{
	static const struct step steps[] = {
	    {"801080000104"
	     "00",
		"02"
		"9100"},
	    {"8011000000", "02"
			   "9100"},
	    {"8011000000", "00aa"
			   "9000"},
	    {"801080000104"
	     "00",
		"02"
		"9100"},
	    {"8011110000", "02"
			   "9100"},
	    {"8011000000", "2d"
			   "9000"},
	    {NULL, NULL},
	};
	uint8_t out[8];
	struct script s;
	struct nfc n = card(&s, steps);

	(void)state;
	assert_int_equal(nfc_tx(&n, CBOR, BYTES("\x04", 1)), 0);
	/* Not yet, and without asking. */
	assert_int_equal(nfc_rx(&n, CBOR, out, sizeof(out), 0), -1);
	assert_int_equal(nfc_rx(&n, CBOR, out, sizeof(out), -1), 2);
	assert_memory_equal(out, "\x00\xaa", 2);
	assert_int_equal(nfc_tx(&n, CBOR, BYTES("\x04", 1)), 0);
	assert_int_equal(nfc_tx(&n, CANCEL, BYTES_NONE), 0);
	assert_int_equal(nfc_rx(&n, CBOR, out, sizeof(out), -1), 1);
	assert_int_equal(out[0], 0x2d);
	assert_null(s.step->sent);
	nfc_clear(&n);
}

static void what_gets_lost_is_known(void **state)
{
	static const struct step steps[] = {{"801080000104"
					     "00",
						"02"
						"9100"},
	    {NULL, NULL}};
	static const struct step old[] = {{"801080000104"
					   "00",
					      "6d00"},
	    {NULL, NULL}};
	uint8_t out[8];
	struct script s;
	struct nfc n = card(&s, steps);

	(void)state;
	assert_int_equal(nfc_tx(&n, CBOR, BYTES("\x04", 1)), 0);
	assert_false(n.failed);
	assert_int_equal(nfc_rx(&n, CBOR, out, sizeof(out), -1), -1);
	assert_true(n.failed);
	assert_false(n.ctap2_refused);
	nfc_clear(&n);
	n = card(&s, old);
	assert_int_equal(nfc_tx(&n, CBOR, BYTES("\x04", 1)), 0);
	assert_int_equal(nfc_rx(&n, CBOR, out, sizeof(out), -1), -1);
	assert_true(n.ctap2_refused);
	assert_false(n.failed);
	nfc_clear(&n);
}

/* U2F's extended APDUs go as short ones, and their status words come back. */
static void u2f(void **state)
{
	static const struct step steps[] = {
	    {"00030000"
	     "00",
		"5532465f5632"
		"9000"},
	    {"0002070002"
	     "abcd"
	     "00",
		"6985"},
	    {NULL, NULL},
	};
	uint8_t out[16];
	struct script s;
	struct nfc n = card(&s, steps);

	(void)state;
	assert_int_equal(nfc_tx(&n, MSG, BYTES("\0\3\0\0\0\0\0\0\0", 9)), 0);
	assert_int_equal(nfc_rx(&n, MSG, out, sizeof(out), -1), 8);
	assert_memory_equal(out, "U2F_V2\x90\x00", 8);
	assert_int_equal(nfc_tx(&n, MSG, BYTES("\0\2\7\0\0\0\2\xab\xcd\0\0", 11)), 0);
	assert_int_equal(nfc_rx(&n, MSG, out, sizeof(out), -1), 2);
	assert_memory_equal(out, "\x69\x85", 2);
	assert_int_equal(nfc_tx(&n, MSG, BYTES("\0\2\7\0\0\0\2\xab", 8)), -1);
	assert_int_equal(nfc_tx(&n, 0x77, BYTES_NONE), -1);
	nfc_clear(&n);
}

/* Parts of an answer, as many as the card likes: it comes to an end. */
static enum err babble(void *card, struct bytes apdu, uint8_t *reply, size_t *n)
{
	(void)apdu;
	++*(size_t *)card;
	memset(reply, 0x61, 258);
	*n = 258;
	return ERR_OK;
}

static void an_endless_answer(void **state)
{
	uint8_t out[8];
	size_t asked = 0;
	struct nfc n = {.transmit = babble, .card = &asked};

	(void)state;
	assert_int_equal(nfc_tx(&n, CBOR, BYTES("\x04", 1)), 0);
	assert_int_equal(nfc_rx(&n, CBOR, out, sizeof(out), -1), -1);
	assert_int_equal(asked, NFC_ANSWER_MOST / 256 + 1);
	nfc_clear(&n);
}

static void a_card_that_goes_amid_its_answer(void **state)
{
	static const struct step steps[] = {{SELECT, "4649"
						     "6106"},
	    {NULL, NULL}};
	struct script s;
	struct nfc n = card(&s, steps);

	(void)state;
	assert_int_equal(nfc_select(&n), ERR_DEVICE_GONE);
	assert_int_equal(nfc_tx(&n, INIT, BYTES("1234567", 7)), -1);
	nfc_clear(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_applet_is_selected),
	    cmocka_unit_test(long_messages_come_in_parts),
	    cmocka_unit_test(a_part_may_be_refused),
	    cmocka_unit_test(keep_alive),
	    cmocka_unit_test(what_gets_lost_is_known),
	    cmocka_unit_test(u2f),
	    cmocka_unit_test(an_endless_answer),
	    cmocka_unit_test(a_card_that_goes_amid_its_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
