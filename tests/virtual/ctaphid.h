/*
 * A virtual authenticator at the end of a USB cable: messages in HID reports, channels, keep-alives
 * (CTAP 2.1, section 11.2).  Where the reports come from and go to is the caller's: it gives
 * each one to ctaphid_receive and steps while there is something to wait for.
 *
 * One transaction runs at a time, as in a real key; other channels are told that it is busy.  A new
 * channel can be had at any time.
 *
 * Times are milliseconds of any clock that does not go backwards.
 */
#ifndef SIGNET_TESTS_VIRTUAL_CTAPHID_H
#define SIGNET_TESTS_VIRTUAL_CTAPHID_H

#include "tests/virtual/authenticator.h"

enum {
	CTAPHID_REPORT = 64,        /* bytes in a report, without a report id */
	CTAPHID_MESSAGE = 7609,     /* most in a message: 57 + 128 * 59 (section 11.2.4) */
	CTAPHID_KEEPALIVE_MS = 100, /* between keep-alives (section 11.2.9.2.1) */
	CTAPHID_MESSAGE_MS = 500,   /* between the reports of a message */
	CTAPHID_BROADCAST = -1,     /* the channel 0xffffffff, as a uint32_t */
	CTAPHID_FIRST = 0x51470001, /* the first channel it gives out; the others follow */
};

/* Commands, without the bit that marks a report as a message's first (section 11.2.9). */
enum ctaphid_command {
	CTAPHID_PING = 0x01,
	CTAPHID_MSG = 0x03,
	CTAPHID_INIT = 0x06,
	CTAPHID_WINK = 0x08,
	CTAPHID_CBOR = 0x10,
	CTAPHID_CANCEL = 0x11,
	CTAPHID_KEEPALIVE = 0x3b,
	CTAPHID_ERROR = 0x3f,
};

/* The byte of an ERROR (section 11.2.9.1.6). */
enum ctaphid_error {
	CTAPHID_INVALID_CMD = 0x01,
	CTAPHID_INVALID_LEN = 0x03,
	CTAPHID_INVALID_SEQ = 0x04,
	CTAPHID_MSG_TIMEOUT = 0x05,
	CTAPHID_CHANNEL_BUSY = 0x06,
	CTAPHID_INVALID_CHANNEL = 0x0b,
};

/* The byte of a KEEPALIVE. */
enum ctaphid_status { CTAPHID_PROCESSING = 1, CTAPHID_UPNEEDED = 2 };

/* Bits of the last byte of the answer to INIT. */
enum ctaphid_capability { CTAPHID_CAN_WINK = 1, CTAPHID_CAN_CBOR = 4, CTAPHID_NO_MSG = 8 };

/* Takes one report to the client. */
typedef void (*ctaphid_send)(void *arg, const uint8_t report[CTAPHID_REPORT]);

/* Its members are its own. */
struct ctaphid {
	struct authenticator *key;
	ctaphid_send send;
	void *arg;
	uint32_t channels; /* given out so far */
	enum { CTAPHID_FREE, CTAPHID_FILLING, CTAPHID_WORKING } state;
	/* of the transaction, unless FREE */
	uint32_t channel;
	uint8_t command;
	uint8_t sequence;         /* FILLING: of the next report */
	size_t want;              /* FILLING: length of the whole message */
	size_t len;               /* FILLING: what came of it */
	uint64_t due;             /* FILLING: give up; WORKING: the next keep-alive */
	enum ctaphid_status said; /* WORKING: in the last keep-alive; 0 before the first */
	uint8_t message[CTAPHID_MESSAGE];
};

/* A key just plugged in: no channels.  key and arg stay the caller's. */
void ctaphid_init(struct ctaphid *h, struct authenticator *key, ctaphid_send send, void *arg);

/* One report from the client.  What it brings about is sent before this returns, as far as it can
 * be. */
void ctaphid_receive(struct ctaphid *h, const uint8_t report[CTAPHID_REPORT], uint64_t now);

/*
 * Go on: a pending command, keep-alives, a message that did not end.  Call it after
 * ctaphid_receive, after the person did something, and when ctaphid_wait says so.  False: the key
 * fell off the bus.
 */
bool ctaphid_step(struct ctaphid *h, uint64_t now);

/* Milliseconds until it wants to be stepped, as poll(2) takes them: -1 is not at all. */
int ctaphid_wait(const struct ctaphid *h, uint64_t now);

#endif
