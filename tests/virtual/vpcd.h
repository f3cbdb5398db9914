/*
 * A card's end of vpcd, the reader driver of pcscd for virtual cards.  Its messages are two bytes
 * of length and as many bytes: a single byte is power off, on, reset or "what is your ATR",
 * anything else an APDU.  To be connected is to be in the reader.
 */
#ifndef SIGNET_TESTS_VIRTUAL_VPCD_H
#define SIGNET_TESTS_VIRTUAL_VPCD_H

#include "proto/base/bytes.h"

enum { VPCD_RECONNECT_MS = 50 };

/* fd -1: not in the reader.  Any function may find that the reader is gone, and sets it so. */
struct vpcd {
	uint16_t port; /* on 127.0.0.1 */
	int fd;
	struct bytes atr;
};

enum vpcd_event { VPCD_NONE, VPCD_POWER, VPCD_COMMAND, VPCD_GONE };

/* A port from its text; false for what is none. */
bool vpcd_port(const char *text, uint16_t *out);

void vpcd_connect(struct vpcd *v);

/* Take one message: of COMMAND *command is the APDU, until the next call.  The ATR is answered
 * here. */
enum vpcd_event vpcd_read(struct vpcd *v, struct bytes *command);

/* False: the reader is gone. */
bool vpcd_send(struct vpcd *v, struct bytes content);

#endif
