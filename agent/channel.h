/*
 * What the core and its supervisor say to each other, over a SOCK_SEQPACKET
 * pair: one message a packet.  The core asks for a fixed list of things; the
 * supervisor never sees a client's bytes, save log lines, which it passes on as text.
 */
#ifndef SIGNET_CHANNEL_H
#define SIGNET_CHANNEL_H

#include <stdint.h>

#include "proto/base/bytes.h"

enum channel_kind {
	CHANNEL_READY = 1, /* core: serving.  No fields */
	CHANNEL_FAILED,    /* core: cannot start.  text: why */
	CHANNEL_LOG,       /* core: arg is the level, text the line */
	CHANNEL_START,     /* core: start helper arg; id comes back in the answer */
	CHANNEL_STARTED,   /* supervisor: id, with the helper's socket; without one: it could not be
			      started */
	CHANNEL_DROP_KEYS, /* supervisor: SIGUSR1 came */
	CHANNEL_WHO,       /* core: who is the process in text?  id comes back in the answer */
	CHANNEL_LINEAGE,   /* supervisor: id, and a record (lineage.h) */
	CHANNEL_DECISION,  /* core: a record (decisions.h) for the journal */
	CHANNEL_FILES,     /* core: open the known_hosts files; id comes back in the answers */
	CHANNEL_FILE,      /* supervisor: id, and file arg (knownfiles.h) where it can be opened;
			      arg KNOWNFILES: there are no more */
	CHANNEL_END,    /* core: kill the helper that was started with this id, if it still runs */
	CHANNEL_RELOAD, /* supervisor: the configuration was read anew; with a descriptor of what
			   config_pack made */
	CHANNEL_STALE,  /* supervisor: the configuration was read anew, and has id mistakes: what is
			   in  force stays so */
	CHANNEL_VIEW,   /* supervisor: text is a view's name, a space, and the path of its listening
			   socket, which comes with it; without one: it has none any more */
};

/* The longest text with its NUL, or record, in bytes. */
enum { CHANNEL_TEXT = 8192 };

struct channel_message {
	uint8_t kind;
	uint8_t arg;
	uint32_t id;
	char text[CHANNEL_TEXT]; /* NUL-terminated, */
	size_t len; /* or a record of so many bytes.  To send a text: 0; received: of either */
};

/* A record to send: at most CHANNEL_TEXT - 1 bytes, else ERR_TOO_LONG. */
enum err channel_put(struct channel_message *m, struct bytes record);

/* The record received; a view of m. */
struct bytes channel_record(const struct channel_message *m);

/* Both ends, close-on-exec, [0] non-blocking (the core's), [1] blocking. */
enum err channel_pair(int ends[2]);

/*
 * Send m, with descriptor fd unless -1.  A full channel is ERR_LIMIT at the core's end (it never
 * waits). m->text may be empty.
 */
enum err channel_send(int end, const struct channel_message *m, int fd);

/*
 * Receive one message; *fd is -1 when none came with it.  ERR_CLOSED when the other
 * process is gone; ERR_LIMIT when there is nothing to read; ERR_FORMAT for a malformed one;
 * ERR_SURPLUS when its descriptor was lost, and the message with it, because no more can be open.
 */
enum err channel_receive(int end, struct channel_message *m, int *fd);

#endif
