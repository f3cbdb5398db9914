/*
 * The process that people see: it owns the sockets' names, starts the core and
 * the helpers, and ends them.  It holds no keys and reads no client's bytes.
 */
#ifndef SIGNET_SUPERVISOR_H
#define SIGNET_SUPERVISOR_H

#include <sys/types.h>

#include "agent/config.h"
#include "agent/listen.h"

/*
 * Serve until told to end: SIGTERM, in the foreground SIGINT and, with a terminal, SIGHUP, which
 * otherwise has the configuration read anew; the end of
 * the process `watched` (0: none), or of the core.  ready_fd (-1: none) gets a
 * byte and is closed once clients are served.  config is taken over.  Returns the exit status.
 */
int supervise(
    const struct options *o, struct config *config, struct sockets *s, pid_t watched, int ready_fd);

#endif
