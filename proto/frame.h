/*
 * Slicing a stream into messages: uint32 length, then so many bytes
 * (RFC 9987, section 5).  Used for the agent protocol, the control protocol
 * and the helpers' messages alike.
 */
#ifndef SIGNET_FRAME_H
#define SIGNET_FRAME_H

#include "proto/base/bytes.h"
#include "proto/limits.h"

/* Bytes of the length field before each message. */
#define FRAME_HEADER 4u

enum frame_state {
	FRAME_MORE,  /* the message is not all there yet */
	FRAME_READY, /* one message was sliced */
	FRAME_EMPTY, /* length 0: no message can be that; close the connection */
	FRAME_LONG,  /* length over limit: close the connection */
};

/*
 * Look at the front of buf.  On FRAME_READY *message is the message without
 * its length field (a view into buf), and FRAME_HEADER + message->len bytes are
 * to be dropped from the front.  limit bounds the message, in bytes.
 */
enum frame_state frame_next(struct bytes buf, size_t limit, struct bytes *message);

#endif
