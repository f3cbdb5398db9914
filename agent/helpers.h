/* Starting helper programs, for the supervisor. */
#ifndef SIGNET_HELPERS_H
#define SIGNET_HELPERS_H

#include <sys/types.h>

#include <stdint.h>

#include "proto/base/err.h"

/* Those that run: our children that were not reaped yet, so that no number is another's by now.
 * Zero-initialised is empty. */
struct helpers {
	struct helper_process {
		uint32_t id; /* which the core gave it */
		pid_t pid;
	} * list;
	size_t count, room;
};

/*
 * Start the helper of this number (helper_exec, which says what args are), to be known as id.
 * Returns our end of its socket, to be closed by the caller, or -1 (after a log line) when there is
 * no such helper or it cannot be started.
 */
int helper_start(struct helpers *hs, unsigned program, const char *const *args, uint32_t id);

/* It was started, in a session of its own.  ERR_MEMORY: it is not known, and goes on. */
enum err helpers_add(struct helpers *hs, uint32_t id, pid_t pid);

/* Kill it, and what it started in its session's first process group; nothing when none of this id
 * runs. */
void helpers_kill(const struct helpers *hs, uint32_t id);

/* This child was reaped: it has no number any more. */
void helpers_reaped(struct helpers *hs, pid_t pid);

/*
 * The core is gone, and with it their sockets: let them end for LIMIT_CANCEL_MS, since a module cut
 * off while it writes to its token may lose what is on it; whoever stays is killed as this process
 * ends.  SIGCHLD must be blocked.
 */
void helpers_end(struct helpers *hs);

#endif
