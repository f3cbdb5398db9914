#include "agent/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/text.h"
#include "proto/ctlmsg.h"

enum { LINE_ROOM = 2048 };

/* Pairs of a decision and the fields that they become. */
static const struct {
	const char *name, *field;
} fields[] = {
    {"request", "SIGNET_REQUEST"},
    {"answer", "SIGNET_DECISION"},
    {"reason", "SIGNET_REASON"},
    {"key", "SIGNET_KEY"},
    {"comment", "SIGNET_COMMENT"},
    {"pid", "SIGNET_PID"},
    {"program", "SIGNET_PROGRAM"},
    {"destination", "SIGNET_DESTINATION"},
    {"forwarded", "SIGNET_FORWARDED"},
    {"through", "SIGNET_THROUGH"},
    {"view", "SIGNET_VIEW"},
    {"consent", "SIGNET_CONSENT"},
    {"number", "SIGNET_NUMBER"},
    {"left-out", "SIGNET_LEFT_OUT"},
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static enum err check_pairs(struct reader pairs)
{
	struct bytes name, value;
	enum err e = ERR_OK;

	while (e == ERR_OK && pairs.left != 0)
		e = ctl_pair_read(&pairs, &name, &value);
	return e;
}

/* What stands before the comment, which without a key is what a token was named by. */
static const char *comment_place(struct reader pairs)
{
	struct bytes key;

	return ctl_value(pairs, "key", &key) ? " " : "; token ";
}

/* A part of the line: words before it, and the value; nothing when there is no such pair. */
static void add(char *line, size_t room, struct reader pairs, const char *name, const char *before)
{
	bool chosen = strcmp(name, "comment") == 0; /* of the owner's choice: marked off */
	char text[512];
	size_t at = strlen(line);
	struct bytes value;

	if (!ctl_value(pairs, name, &value) || at >= room)
		return;
	(chosen ? text_quote : text_field)(value, text, sizeof(text));
	(void)snprintf(line + at, room - at, "%s%s", before, text);
}

enum err journal_line(struct bytes record, char *out, size_t room)
{
	struct reader pairs = reader_of(record);
	enum err e = check_pairs(pairs);

	if (e != ERR_OK)
		return e;
	out[0] = '\0';
	add(out, room, pairs, "request", "");
	add(out, room, pairs, "answer", " ");
	add(out, room, pairs, "reason", ": ");
	add(out, room, pairs, "key", "; key ");
	add(out, room, pairs, "comment", comment_place(pairs));
	add(out, room, pairs, "program", "; by ");
	add(out, room, pairs, "pid", "; pid ");
	add(out, room, pairs, "destination", "; to ");
	add(out, room, pairs, "forwarded", "; forwarded: ");
	add(out, room, pairs, "through", "; through ");
	add(out, room, pairs, "view", "; view ");
	add(out, room, pairs, "consent", "; person: ");
	add(out, room, pairs, "left-out", "; decisions not written before this one: ");
	return ERR_OK;
}

/* NAME=value, or, when a line end is in it, NAME, the length in eight bytes from the lowest on, and
 * the value. */
static void put_field(struct builder *b, const char *name, struct bytes value)
{
	builder_put(b, bytes_str(name));
	if (value.len != 0 && memchr(value.data, '\n', value.len) != NULL) {
		builder_u8(b, '\n');
		for (unsigned i = 0; i < 8; i++)
			builder_u8(b, (uint8_t)((uint64_t)value.len >> (8 * i)));
	} else {
		builder_u8(b, '=');
	}
	builder_put(b, value);
	builder_u8(b, '\n');
}

static bool is_refusal(struct bytes record)
{
	struct bytes answer;

	return ctl_value(reader_of(record), "answer", &answer) && bytes_is(answer, "refused");
}

enum err journal_fields(struct bytes record, struct builder *out)
{
	struct reader pairs = reader_of(record);
	char line[LINE_ROOM];
	struct bytes value;
	enum err e = journal_line(record, line, sizeof(line));

	if (e != ERR_OK)
		return e;
	put_field(out, "MESSAGE", bytes_str(line));
	put_field(out, "PRIORITY", bytes_str(is_refusal(record) ? "5" : "6"));
	put_field(out, "SYSLOG_IDENTIFIER", bytes_str("signet-agent"));
	put_field(out, "SYSLOG_FACILITY", bytes_str("4"));
	for (size_t i = 0; i < FIELDS; i++) {
		if (ctl_value(pairs, fields[i].name, &value))
			put_field(out, fields[i].field, value);
	}
	return builder_error(out);
}

static bool send_fields(struct journal *j, struct bytes record)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct builder b = {0};
	bool sent = false;

	if (j->fd < 0)
		j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	strncpy(to.sun_path, j->socket, sizeof(to.sun_path) - 1);
	if (j->fd >= 0 && journal_fields(record, &b) == ERR_OK)
		sent = sendto(j->fd, b.data, b.len, MSG_NOSIGNAL, (const struct sockaddr *)&to,
			   sizeof(to)) >= 0;
	builder_clear(&b);
	return sent;
}

void journal_decision(struct journal *j, struct bytes record)
{
	char line[LINE_ROOM];

	/* In a service, standard error is the journal's already, but knows no fields. */
	if (j->foreground && getenv("JOURNAL_STREAM") == NULL) {
		if (journal_line(record, line, sizeof(line)) == ERR_OK)
			(void)dprintf(STDERR_FILENO, "signet-agent: %s\n", line);
		return;
	}
	if (!send_fields(j, record) && journal_line(record, line, sizeof(line)) == ERR_OK)
		syslog(LOG_AUTH | (is_refusal(record) ? LOG_NOTICE : LOG_INFO), "%s", line);
}
