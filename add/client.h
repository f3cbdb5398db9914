/*
 * One connection to an agent (or to its control socket): one request, one reply at a time.  The
 * agent is not trusted: a reply is bounded by LIMIT_MESSAGE and its content is for the caller to
 * read with care.
 */
#ifndef SIGNET_ADD_CLIENT_H
#define SIGNET_ADD_CLIENT_H

#include "proto/builder.h"

struct client {
	int fd;            /* -1: not connected */
	struct blob reply; /* the last one */
};

#define CLIENT_NONE ((struct client){.fd = -1})

/* Connect to the socket at path.  ERR_SYSTEM with errno, ERR_TOO_LONG for a path that no socket can
 * have. */
enum err client_connect(const char *path, struct client *out);

/* Connect to the socket that SSH_AUTH_SOCK names; what went wrong is written to standard error,
 * with what to do. */
enum err client_connect_agent(struct client *out);

/*
 * Send request (one whole message with its length field) and wait for the reply, however long a
 * person takes to confirm or to touch a token.  *reply is a view of the message, number first,
 * never empty, valid until the next call. Gives the request's own error, ERR_CLOSED, ERR_REPLY for
 * a length of 0 or over the limit, or ERR_SYSTEM.
 */
enum err client_call(struct client *c, struct builder *request, struct bytes *reply);

/* Wait for one more message of an answer that has several; as client_call. */
enum err client_next(struct client *c, struct bytes *reply);

void client_close(struct client *c);

/* What to say for an error of a request, in OpenSSH's words where it has some. */
const char *client_words(enum err e);

#endif
