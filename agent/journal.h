/*
 * Writing decisions where an administrator looks: the journal, as structured fields by its native
 * protocol (systemd.journal-fields(7)); without one, the system logger.
 */
#ifndef SIGNET_JOURNAL_H
#define SIGNET_JOURNAL_H

#include <stdbool.h>

#include "proto/base/bytes.h"
#include "proto/builder.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal {
	const char *socket; /* path of the journal's socket */
	int fd;             /* -1 until it is first used */
	bool foreground;    /* to standard error instead, unless that is the journal's */
};

/* Write the decision in a record of pairs (decisions.h).  Never waits; a malformed one is dropped.
 */
void journal_decision(struct journal *j, struct bytes record);

/* The line for people and the datagram for the journal; for journal_decision, and tests. */
enum err journal_line(struct bytes record, char *out, size_t room);
enum err journal_fields(struct bytes record, struct builder *out);

#endif
