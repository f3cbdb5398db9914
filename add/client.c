#include "add/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/base/fdio.h"
#include "proto/frame.h"
#include "proto/reader.h"

enum err client_connect(const char *path, struct client *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int saved;
	int fd;

	if (length >= sizeof(address.sun_path))
		return ERR_TOO_LONG;
	memcpy(address.sun_path, path, length);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return ERR_SYSTEM;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == -1) {
		saved = errno;
		fd_close(&fd);
		errno = saved;
		return ERR_SYSTEM;
	}
	*out = (struct client){.fd = fd};
	return ERR_OK;
}

enum err client_connect_agent(struct client *out)
{
	const char *path = getenv("SSH_AUTH_SOCK");
	enum err e;

	if (path == NULL || *path == '\0') {
		fputs("Could not open a connection to your authentication agent.\n"
		      "Set SSH_AUTH_SOCK to the agent's socket, for example: "
		      "export SSH_AUTH_SOCK=\"$XDG_RUNTIME_DIR/signet/agent.sock\"\n",
		    stderr);
		return ERR_CONNECT;
	}
	e = client_connect(path, out);
	if (e == ERR_OK)
		return ERR_OK;
	fprintf(stderr, "Error connecting to agent: %s\n",
	    e == ERR_SYSTEM ? strerror(errno) : "the path in SSH_AUTH_SOCK is too long");
	fputs("Is the agent running, and does SSH_AUTH_SOCK name its socket?\n", stderr);
	return ERR_CONNECT;
}

/* The length field alone decides how much is read, so it is judged before anything is allocated. */
static enum err read_reply(struct client *c)
{
	uint8_t header[FRAME_HEADER];
	struct reader r = reader_of(BYTES(header, sizeof(header)));
	struct builder body = {0};
	uint32_t length = 0;
	uint8_t *room;
	enum err e;

	e = fd_read_exact(c->fd, header, sizeof(header), -1);
	if (e == ERR_OK)
		e = reader_u32(&r, &length);
	if (e != ERR_OK)
		return e;
	if (length == 0 || length > LIMIT_MESSAGE)
		return ERR_REPLY;
	room = builder_reserve(&body, length);
	e = builder_error(&body);
	if (e == ERR_OK)
		e = fd_read_exact(c->fd, room, length, -1);
	if (e == ERR_OK) {
		blob_clear(&c->reply);
		e = builder_take(&body, &c->reply);
	}
	builder_clear(&body);
	return e;
}

enum err client_next(struct client *c, struct bytes *reply)
{
	enum err e = read_reply(c);

	if (e == ERR_SYSTEM && errno == ECONNRESET)
		e = ERR_CLOSED;
	if (e == ERR_OK)
		*reply = blob_view(&c->reply);
	return e;
}

enum err client_call(struct client *c, struct builder *request, struct bytes *reply)
{
	enum err e = builder_error(request);

	if (e == ERR_OK)
		e = fd_write_all(c->fd, builder_view(request), -1);
	if (e == ERR_SYSTEM && (errno == EPIPE || errno == ECONNRESET))
		e = ERR_CLOSED;
	return e == ERR_OK ? client_next(c, reply) : e;
}

void client_close(struct client *c)
{
	fd_close(&c->fd);
	blob_clear(&c->reply);
}

const char *client_words(enum err e)
{
	switch (e) {
	case ERR_REFUSED:
		return "agent refused operation";
	case ERR_CLOSED:
		return "communication with agent failed: it closed the connection";
	case ERR_REPLY:
	case ERR_TRUNCATED:
	case ERR_SURPLUS:
	case ERR_FORMAT:
		return "communication with agent failed: its reply makes no sense";
	case ERR_TOO_LONG:
		return "too big for a message to the agent";
	case ERR_SYSTEM:
		return strerror(errno);
	default:
		return err_text(e);
	}
}
