/* Starting another program. */
#ifndef SIGNET_SPAWN_H
#define SIGNET_SPAWN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/err.h"

/* Child descriptor `to` gets our descriptor `from`; -1 gives it /dev/null. */
struct spawn_fd {
	int from;
	int to;
};

struct spawn_args {
	const char *path;           /* absolute; never searched for in PATH */
	const char *const *argv;    /* NULL-terminated, argv[0] included */
	const char *const *env;     /* whole environment, NULL-terminated */
	const struct spawn_fd *fds; /* 0, 1, 2 not named here are /dev/null, others closed */
	size_t nfds;
	bool die_with_parent; /* SIGKILL when the starting thread's process ends */
	bool new_session;     /* setsid: a session, and so no controlling terminal */
};

/*
 * fork and exec.  An exec that fails is reported here (ERR_SYSTEM, errno set), not by the child.
 * ERR_LIMIT: more than 16 descriptors, or a number over 63.  The caller reaps *pid.
 * The child has default signal handling and an empty signal mask, and core dumps are off.
 */
enum err spawn(const struct spawn_args *args, pid_t *pid);

/*
 * A copy of the environment that holds only the variables a prompt or helper needs: locale, home,
 * display, buses, XDG_* (runtime directory, session), SSH_ASKPASS*, SIGNET_PROMPT, SIGNET_PINENTRY,
 * SIGNET_NOTIFY, PCSCLITE_CSOCK_NAME.  Free with spawn_env_free; NULL when there is no memory.
 * extra: NAME=VALUE to add or replace, NULL-terminated, or NULL.
 */
char **spawn_env(const char *const *extra);
/*
 * The whole environment but for LD_*, GLIBC_TUNABLES, MALLOC_*, SSH_AUTH_SOCK, SSH_AGENT_PID,
 * OPENSSL_* and other variables that load code or lead back to the agent: for a helper that loads
 * a library which has variables of its own.  Otherwise the same.
 */
char **spawn_env_most(void);
void spawn_env_free(char **env);

#endif
