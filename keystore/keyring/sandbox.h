/* What signet-keyring's process may do: talk to sockets of this machine. */
#ifndef SIGNET_KEYRING_SANDBOX_H
#define SIGNET_KEYRING_SANDBOX_H

#include "proto/base/err.h"

/*
 * No programs, no new processes, no network, no tracing or signalling of other processes, from now
 * on; for this thread and those that it starts.  Nothing happens on machines whose numbers of
 * system calls are not known.  ERR_SYSTEM.
 */
enum err sandbox_enter(void);

#endif
