#include "agent/channel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/fdio.h"

enum { FIXED = offsetof(struct channel_message, text), SEND_TRIES = 3 };

enum err channel_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return ERR_SYSTEM;
	return fd_nonblock(ends[0]);
}

static enum err would_block(enum err e)
{
	return e == ERR_SYSTEM && (errno == EAGAIN || errno == EWOULDBLOCK) ? ERR_LIMIT : e;
}

enum err channel_put(struct channel_message *m, struct bytes record)
{
	if (record.len >= CHANNEL_TEXT)
		return ERR_TOO_LONG;
	if (record.len != 0)
		memcpy(m->text, record.data, record.len);
	m->text[record.len] = '\0';
	m->len = record.len;
	return ERR_OK;
}

struct bytes channel_record(const struct channel_message *m)
{
	return BYTES(m->text, m->len);
}

enum err channel_send(int end, const struct channel_message *m, int fd)
{
	size_t n = FIXED + (m->len != 0 ? m->len : strnlen(m->text, CHANNEL_TEXT - 1));
	enum err e = ERR_SYSTEM;

	/* Where the system had no memory for it, it may have some now; whoever waits for it would
	 * wait long. */
	for (int tries = 0; e == ERR_SYSTEM && tries < SEND_TRIES; tries++)
		e = would_block(fd_send(end, BYTES(m, n), fd));
	return e;
}

enum err channel_receive(int end, struct channel_message *m, int *fd)
{
	size_t n;
	enum err e = would_block(fd_receive(end, m, FIXED + CHANNEL_TEXT - 1, &n, fd));

	if (e != ERR_OK)
		return e;
	if (n < FIXED) {
		fd_close(fd);
		return ERR_FORMAT;
	}
	m->len = n - FIXED;
	m->text[m->len] = '\0';
	return ERR_OK;
}
