/*
 * Commands to a card, over any way to send an APDU (ISO 7816-4, section 5): short ones, chains of
 * them or extended ones as the data and the card want it; answers gathered from all their parts.
 */
#ifndef SIGNET_CARD_APDU_H
#define SIGNET_CARD_APDU_H

#include "proto/builder.h"

enum {
	APDU_REPLY_MOST = 4098,    /* one APDU's answer, in bytes, with its status word */
	APDU_ANSWER_MOST = 32768,  /* what is gathered of one answer, in bytes */
	APDU_COMMAND_MOST = 16384, /* a command's data, in bytes */
	SW_OK = 0x9000,
	SW_AUTHENTICATE = 0x6982,
	SW_BLOCKED = 0x6983,
	SW_CONDITIONS = 0x6985,
};

/* What is known of PINs on a card. */
enum wire_pin {
	WIRE_PIN_NONE,   /* none counts, as far as is known */
	WIRE_PIN_BEFORE, /* one counted when the wire was used before */
	WIRE_PIN_NOW,    /* one was entered, or found to count */
};

/* A card as it is reached. */
struct wire {
	/* Send one APDU, and have its answer, with its status word, in reply (*n: room, then
	   length). ERR_TOKEN_GONE, ERR_TOKEN_BUSY, ERR_TOKEN. */
	enum err (*transmit)(void *ctx, struct bytes apdu, uint8_t *reply, size_t *n);
	/* Ask the reader itself (SCardControl); NULL: there is no such way. */
	enum err (*control)(void *ctx, uint32_t code, struct bytes in, uint8_t *out, size_t *n);
	void *ctx;
	/* The card was not without power since the last use, and others may have used it: what is
	   selected, and whether a PIN counts, is asked. */
	bool resumed;
	enum wire_pin pin;
	bool t0;       /* protocol T=0: no Le behind data, nothing extended */
	bool extended; /* the card takes extended APDUs; set by who knows the card */
	/* Of the last command. */
	uint16_t sw;
	struct builder answer; /* without status word; wire_clear */
};

void wire_clear(struct wire *w);

struct apdu {
	uint8_t ins, p1, p2;
	struct bytes data;
	bool answers;     /* data come back */
	bool long_answer; /* of more than 256 bytes: extended where the card takes that */
};

/* ERR_OK: the card said something, which is in w; else why it did not, ERR_TOKEN for what makes no
 * sense, ERR_LIMIT for data that are too long. */
enum err apdu_send(struct wire *w, const struct apdu *a);

/* The same, and the status word must be 9000: else ERR_NOT_FOUND. */
enum err apdu_ask(struct wire *w, const struct apdu *a);

/* 00 A4 04 00: as apdu_ask. */
enum err apdu_select(struct wire *w, struct bytes aid);

#endif
