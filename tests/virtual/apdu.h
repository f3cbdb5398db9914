/* Command APDUs (ISO 7816-4, section 5.1), short and extended, and the status words that cards
 * use. */
#ifndef SIGNET_TESTS_VIRTUAL_APDU_H
#define SIGNET_TESTS_VIRTUAL_APDU_H

#include "proto/builder.h"

enum status_word {
	SW_WAIT = 0, /* none yet: the card waits for a touch */
	SW_OK = 0x9000,
	SW_KEEPALIVE = 0x9100,
	SW_MORE = 0x6100,
	SW_TRIES = 0x63c0, /* and how many are left */
	SW_WRONG_LENGTH = 0x6700,
	SW_CHAINING = 0x6884,   /* commands in pieces are not known, */
	SW_CHAIN_ENDS = 0x6883, /* or the last piece was expected */
	SW_UNVERIFIED = 0x6982,
	SW_BLOCKED = 0x6983,
	SW_CONDITIONS = 0x6985, /* U2F: touch me */
	SW_NOT_ALLOWED = 0x6986,
	SW_WRONG_DATA = 0x6a80, /* U2F: not my key handle */
	SW_FILE_NOT_FOUND = 0x6a82,
	SW_BAD_P1P2 = 0x6a86,
	SW_NO_REFERENCE = 0x6a88,
	SW_WRONG_P1P2 = 0x6b00,
	SW_INS = 0x6d00,
	SW_CLA = 0x6e00,
	SW_FAILED = 0x6f00,
};

enum { SHORT_ANSWER = 256, EXTENDED_ANSWER = 65533 };

struct apdu {
	uint8_t cla;
	uint8_t ins;
	uint8_t p1;
	uint8_t p2;
	struct bytes data; /* a view */
	bool extended;
	size_t answer; /* most bytes of data that the client takes (Le; without one SHORT_ANSWER) */
};

/* ERR_TRUNCATED or ERR_FORMAT for what is no APDU. */
enum err apdu_parse(struct bytes raw, struct apdu *out);

void apdu_put_status(struct builder *out, enum status_word sw);

#endif
