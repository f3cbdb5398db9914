/*
 * Where the agent's socket lies when no path was given: as OpenSSH 10.1 and
 * later, ~/.ssh/agent/s.HOST.agent.RANDOM; with -T below TMPDIR.
 */
#ifndef SIGNET_SOCKDIR_H
#define SIGNET_SOCKDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/err.h"

/* A fresh path below ~/.ssh/agent (made with mode 0700).  Says on standard error why not. */
enum err sockdir_home(char *path, size_t room);

/* A fresh directory below TMPDIR, and the path in it: TMPDIR/ssh-RANDOM/agent.PID. */
enum err sockdir_tmp(char *directory, char *path, size_t room);

/*
 * Remove sockets below ~/.ssh/agent that are older than an hour and that nobody
 * answers on; of this host only, unless all_hosts (home directories may be shared).
 * Returns how many.
 */
unsigned sockdir_clean(bool all_hosts);

#endif
