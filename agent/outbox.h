/*
 * What the core asks of its supervisor: letters that may not be lost.  The core never waits for a
 * full channel; what it does not take stays in line and goes, in order, when there is room.
 *
 * Letters are embedded in whatever they are sent for, and taken back with it: so the line is as
 * long as there are askers, and sending needs no memory.
 */
#ifndef SIGNET_OUTBOX_H
#define SIGNET_OUTBOX_H

#include "agent/channel.h"
#include "agent/loop.h"

/* Of a letter's text, with its NUL: the longest is a process's number. */
enum { OUTBOX_TEXT = 24 };

/* Embed it, zero-initialised; its owner sets kind, arg, id and text (struct channel_message). */
struct letter {
	struct letter *next, *prev;
	bool waits; /* in line */
	uint8_t kind, arg;
	uint32_t id;
	char text[OUTBOX_TEXT];
};

/* The core's; zero-initialised but for channel. */
struct outbox {
	/* The core's end of the channel.  While letters wait it is also watched for EPOLLOUT, if it
	   is watched at all: whoever owns it calls outbox_ready then. */
	struct watch *channel;
	struct letter *first, *last; /* in line */
};

/*
 * Send l, or put it in line.  It must stay where it is until it has left (l->waits is false) or is
 * taken back.  ERR_CLOSED or ERR_SYSTEM: the supervisor cannot be reached, and l is not in line.
 */
enum err outbox_send(struct outbox *o, struct letter *l);

/* Out of the line again, if l waits there; always allowed. */
void outbox_take_back(struct outbox *o, struct letter *l);

/* The channel takes more. */
void outbox_ready(struct outbox *o);

#endif
