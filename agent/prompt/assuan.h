/*
 * The client's side of the Assuan protocol (GnuPG's manual of libassuan, "Assuan protocol"): lines
 * of at most 1000 bytes, a command each, answered by OK, ERR number or D data.
 */
#ifndef SIGNET_PROMPT_ASSUAN_H
#define SIGNET_PROMPT_ASSUAN_H

#include "proto/base/bytes.h"

enum {
	ASSUAN_LINE = 1000,      /* bytes of a line, without its end */
	ASSUAN_MOST = 16 * 1024, /* bytes that one conversation may bring */
};

struct assuan {
	int to, from; /* not blocking; of the holder */
	int cancel;   /* readable when all is void */
	uint64_t deadline;
	uint8_t *in; /* mem_alloc; what was read and not yet used */
	size_t len;
	size_t total;
};

enum err assuan_start(struct assuan *a, int to, int from);
void assuan_clear(struct assuan *a);

/* What a command led to. */
struct assuan_reply {
	bool ok;
	unsigned error;      /* the code of ERR without its source; 0 otherwise */
	struct blob *answer; /* where D lines go, decoded; NULL: they are an error */
};

/*
 * Wait for the answer to one command; command NULL waits for the greeting.  ERR_OK for OK as well
 * as for ERR. ERR_CLOSED, ERR_CANCELLED, ERR_TIMEOUT; ERR_REPLY for what is no answer;
 * ERR_TOO_LONG for more than any answer has; ERR_LIMIT, and nothing is sent, when the command does
 * not fit into a line.
 */
enum err assuan_do(struct assuan *a, const char *command, struct assuan_reply *reply);

/*
 * The same for a command with free text behind it, percent-escaped.  ERR_LIMIT, and nothing is
 * sent, when it does not fit into the line: half a question is none.
 */
enum err assuan_do_text(
    struct assuan *a, const char *command, const char *text, struct assuan_reply *reply);

#endif
