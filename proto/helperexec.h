/* Starting a helper program from libexec/signet of our own prefix. */
#ifndef SIGNET_HELPEREXEC_H
#define SIGNET_HELPEREXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "proto/base/err.h"

enum { HELPER_ARGS = 256 };

/*
 * Start helper id (helpermsg.h) in a session of its own, with the environment of spawn_env() (of
 * spawn_env_most() for HELPER_PKCS11, whose modules have variables of their own), one end of a
 * stream socket at HELPER_FD and nothing else but standard error.  args: its arguments, no secrets,
 * NULL-terminated and at most HELPER_ARGS; NULL: none.  It is killed when the calling
 * thread's process ends.  *sock is our end, close-on-exec, the caller's to close; the caller reaps
 * *pid.  ERR_HELPER_MISSING: there is no such program; ERR_SYSTEM with errno.
 */
enum err helper_exec(unsigned id, const char *const *args, pid_t *pid, int *sock);

/* True when the helper's program is there. */
bool helper_present(unsigned id);

#endif
