/*
 * The FIDO applet of a card (CTAP 2.1, section 11.3; FIDO NFC Protocol 1.0): APDUs in, answers out,
 * over an authenticator.  It does no input or output; the card steps it while it is busy.
 */
#ifndef SIGNET_TESTS_VIRTUAL_CARD_APPLET_H
#define SIGNET_TESTS_VIRTUAL_CARD_APPLET_H

#include "tests/virtual/apdu.h"
#include "tests/virtual/authenticator.h"

/* Zero-initialised, with the authenticator, is a card without power. */
struct applet {
	struct authenticator *authenticator;
	bool selected;
	bool busy;            /* the authenticator has a command whose answer is for the client */
	bool wanted;          /* and an APDU of the client is held back until there is one */
	bool keepalive;       /* the client takes 91 00 for an answer, and asks again */
	bool u2f;             /* the command is one of U2F */
	uint64_t held;        /* since when the APDU is held back */
	size_t most;          /* bytes that its answer may have */
	struct builder chain; /* data of chained commands so far */
	struct builder rest;  /* an answer, */
	size_t rest_at;       /* which was fetched up to here */
};

enum applet_outcome { APPLET_IDLE, APPLET_ANSWER, APPLET_BUSY, APPLET_GONE };

/*
 * Power on, off or reset of the card: nothing is selected, nothing pending.  pcscd does so when it
 * likes, so the authenticator itself is not power-cycled: only a test does that, by pull and
 * insert.
 */
void applet_reset(struct applet *p, uint64_t now);
/* Release what it holds; the authenticator is the caller's. */
void applet_clear(struct applet *p);

/* Take one command APDU.  ANSWER: reply is complete; BUSY: call applet_step until it is. */
enum applet_outcome applet_command(
    struct applet *p, struct bytes raw, uint64_t now, struct builder *reply);
enum applet_outcome applet_step(struct applet *p, uint64_t now, struct builder *reply);

#endif
