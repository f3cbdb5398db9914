/*
 * CTAP over cards: commands in chains of short APDUs (CTAP 2.1, section 11.3; ISO 7816-4).  What
 * libfido2 wants of a transport, over any way to send an APDU.
 */
#ifndef SIGNET_FIDO_NFC_H
#define SIGNET_FIDO_NFC_H

#include <stdatomic.h>

#include "proto/builder.h"

enum {
	NFC_REPLY_MOST = 258,    /* a short APDU's answer: 256 bytes and a status word */
	NFC_ANSWER_MOST = 65536, /* what is gathered of one answer, in bytes */
};

struct nfc {
	/* Send one APDU and have its answer, with its status word, in reply (NFC_REPLY_MOST). */
	enum err (*transmit)(void *card, struct bytes apdu, uint8_t *reply, size_t *n);
	void *card;
	/* Set by nfc_tx for CTAPHID_CANCEL, which may come from another thread. */
	atomic_bool cancelled;
	bool cbor;             /* what was sent last was CTAP2 */
	bool waiting;          /* its answer is not there yet */
	bool failed;           /* the last APDU did not get through, or its answer not back */
	bool ctap2_refused;    /* the card knows no CTAP2 commands */
	uint16_t status;       /* the status word of the last answer */
	uint8_t nonce[8];      /* of the INIT that was sent */
	struct builder answer; /* gathered so far */
};

/* Select the FIDO applet: ERR_NO_DEVICE when the card has none; else transmit's error. */
enum err nfc_select(struct nfc *n);

/* What is left of it, wiped. */
void nfc_clear(struct nfc *n);

/*
 * libfido2's transport functions (fido_dev_set_transport_functions): tx 0 or -1; rx the number of
 * bytes, or -1, also when there was no answer within ms milliseconds (-1: no limit), after which
 * rx may be called again.  The applet must have been selected: INIT only tells what was found.
 */
int nfc_tx(struct nfc *n, uint8_t command, struct bytes content);
int nfc_rx(struct nfc *n, uint8_t command, uint8_t *out, size_t room, int ms);

#endif
