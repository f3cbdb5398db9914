#include "agent/prompt/assuan.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "proto/limits.h"

/* Bytes that gpg-error puts below the number of the part that the error is from. */
enum { ERROR_CODE = 0xffff, SEND_MS = 2000 };

enum err assuan_start(struct assuan *a, int to, int from)
{
	uint8_t *in = mem_alloc(ASSUAN_LINE + 2);

	if (in == NULL)
		return ERR_MEMORY;
	*a =
	    (struct assuan){.to = to, .from = from, .cancel = -1, .deadline = UINT64_MAX, .in = in};
	return ERR_OK;
}

void assuan_clear(struct assuan *a)
{
	mem_free(a->in);
	a->in = NULL;
}

static int time_left(const struct assuan *a)
{
	uint64_t now = clock_now();

	if (a->deadline == UINT64_MAX)
		return -1;
	if (now >= a->deadline)
		return 0;
	return a->deadline - now > INT_MAX ? INT_MAX : (int)(a->deadline - now);
}

/* Until there is more to read. */
static enum err wait_for_input(const struct assuan *a)
{
	for (;;) {
		struct pollfd fds[] = {
		    {.fd = a->cancel, .events = POLLIN | POLLRDHUP},
		    {.fd = a->from, .events = POLLIN},
		};
		int n = poll(fds, 2, time_left(a));

		if (n == -1 && errno != EINTR)
			return ERR_SYSTEM;
		if (n > 0 && fds[0].revents != 0)
			return ERR_CANCELLED;
		if (n > 0)
			return ERR_OK;
		if (n == 0)
			return ERR_TIMEOUT;
	}
}

static enum err read_more(struct assuan *a)
{
	size_t room = ASSUAN_LINE + 1 - a->len;
	enum err e = room == 0 || a->total >= ASSUAN_MOST ? ERR_TOO_LONG : wait_for_input(a);
	ssize_t n;

	if (e != ERR_OK)
		return e;
	n = read(a->from, a->in + a->len, room);
	if (n == 0)
		return ERR_CLOSED;
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? ERR_OK : ERR_SYSTEM;
	a->len += (size_t)n;
	a->total += (size_t)n;
	return ERR_OK;
}

/* The next whole line, in a's own memory until drop_line. */
static enum err next_line(struct assuan *a, struct bytes *line)
{
	uint8_t *end;

	while ((end = memchr(a->in, '\n', a->len)) == NULL) {
		enum err e = read_more(a);

		if (e != ERR_OK)
			return e;
	}
	*line = BYTES(a->in, (size_t)(end - a->in));
	return ERR_OK;
}

static void drop_line(struct assuan *a, struct bytes line)
{
	a->len -= line.len + 1;
	memmove(a->in, a->in + line.len + 1, a->len);
	mem_wipe(a->in + a->len, ASSUAN_LINE + 2 - a->len);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Append what a D line carries. */
static enum err take_data(struct bytes data, struct blob *answer)
{
	uint8_t *all;
	size_t n = answer->len;

	if (n + data.len > 3 * LIMIT_PASSPHRASE)
		return ERR_TOO_LONG;
	all = mem_alloc(n + data.len + 1);
	if (all == NULL)
		return ERR_MEMORY;
	if (n != 0)
		memcpy(all, answer->data, n);
	for (size_t i = 0; i < data.len; i++) {
		int high =
		    data.data[i] == '%' && i + 2 < data.len ? hex_digit(data.data[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(data.data[i + 2]) : -1;

		if (data.data[i] == '%' && low < 0) {
			mem_free(all);
			return ERR_REPLY;
		}
		all[n++] = low >= 0 ? (uint8_t)(high << 4 | low) : data.data[i];
		i += low >= 0 ? 2 : 0;
	}
	blob_clear(answer);
	*answer = (struct blob){all, n};
	return n <= LIMIT_PASSPHRASE ? ERR_OK : ERR_TOO_LONG;
}

/* The line begins with this word, alone or with a space behind it; the rest goes to *rest. */
static bool begins(struct bytes line, const char *word, struct bytes *rest)
{
	size_t n = strlen(word);

	if (line.len < n || memcmp(line.data, word, n) != 0 ||
	    (line.len > n && line.data[n] != ' '))
		return false;
	n += line.len > n;
	*rest = BYTES(line.data + n, line.len - n);
	return true;
}

static enum err parse_error(struct bytes rest, unsigned *error)
{
	unsigned long code = 0;
	size_t i = 0;

	for (; i < rest.len && i < 10 && rest.data[i] >= '0' && rest.data[i] <= '9'; i++)
		code = code * 10 + (rest.data[i] - '0');
	if (i == 0 || (i < rest.len && rest.data[i] != ' '))
		return ERR_REPLY;
	*error = (unsigned)(code & ERROR_CODE);
	return ERR_OK;
}

/* One line of the other side; *done when it was the last one of the answer. */
static enum err take_line(struct bytes line, struct assuan_reply *reply, bool *done)
{
	struct bytes rest;

	*done = false;
	if (begins(line, "OK", &rest)) {
		reply->ok = *done = true;
		return ERR_OK;
	}
	if (begins(line, "ERR", &rest)) {
		*done = true;
		return parse_error(rest, &reply->error);
	}
	if (begins(line, "D", &rest))
		return reply->answer != NULL ? take_data(rest, reply->answer) : ERR_REPLY;
	/* Status lines and comments are for others. */
	if (begins(line, "S", &rest) || (line.len != 0 && line.data[0] == '#'))
		return ERR_OK;
	return ERR_REPLY;
}

static enum err read_reply(struct assuan *a, struct assuan_reply *reply)
{
	bool done = false;
	enum err e = ERR_OK;

	reply->ok = false;
	reply->error = 0;
	while (e == ERR_OK && !done) {
		struct bytes line;

		e = next_line(a, &line);
		if (e != ERR_OK)
			return e;
		e = take_line(line, reply, &done);
		drop_line(a, line);
	}
	return e;
}

enum err assuan_do(struct assuan *a, const char *command, struct assuan_reply *reply)
{
	char line[ASSUAN_LINE + 2];
	enum err e;
	int n;

	if (command == NULL)
		return read_reply(a, reply);
	/* An answer that was there before its question is none. */
	if (a->len != 0)
		return ERR_REPLY;
	n = snprintf(line, sizeof(line), "%s\n", command);
	if (n < 0 || n > ASSUAN_LINE + 1)
		return ERR_LIMIT;
	e = fd_write_all(a->to, BYTES(line, (size_t)n), SEND_MS);
	return e == ERR_OK ? read_reply(a, reply) : e;
}

/* Bytes of the character at s; more than one only for the lead of a whole UTF-8 sequence. */
static size_t character(const char *s)
{
	size_t n = 1;

	while (n < 4 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

enum err assuan_do_text(
    struct assuan *a, const char *command, const char *text, struct assuan_reply *reply)
{
	char line[ASSUAN_LINE + 1];
	size_t n = (size_t)snprintf(line, sizeof(line), "%s ", command);

	while (*text != '\0') {
		size_t len = character(text);
		bool plain = *text != '%' && (unsigned char)*text >= ' ' && *text != 0x7f;
		size_t need = plain ? len : 3;

		if (n + need > ASSUAN_LINE)
			return ERR_LIMIT;
		if (plain) {
			memcpy(line + n, text, len);
			text += len;
		} else {
			snprintf(line + n, 4, "%%%02X", (unsigned char)*text++);
		}
		n += need;
	}
	line[n] = '\0';
	return assuan_do(a, line, reply);
}
