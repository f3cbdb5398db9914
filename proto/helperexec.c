#include "proto/helperexec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/spawn.h"
#include "proto/helpermsg.h"

/* PREFIX/bin/signet-agent has its helpers in PREFIX/libexec/signet, as the build folder has. */
static enum err helper_path(unsigned id, char *path, size_t room)
{
	char exe[PATH_MAX];
	const char *program = helper_program(id);
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;
	int len;

	if (program == NULL || n <= 0)
		return ERR_HELPER_MISSING;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (slash == NULL)
		return ERR_HELPER_MISSING;
	*slash = '\0';
	len = snprintf(path, room, "%s/../libexec/signet/%s", exe, program);
	return len > 0 && (size_t)len < room ? ERR_OK : ERR_TOO_LONG;
}

bool helper_present(unsigned id)
{
	char path[PATH_MAX];

	return helper_path(id, path, sizeof(path)) == ERR_OK && access(path, X_OK) == 0;
}

/*
 * In a session of its own a helper has no terminal, but the scheduler shares processors out among
 * sessions (sched(7), autogroup): one that computes for the agent waits longer for its turn there
 * than within the agent's.  So only where there is a terminal to get away from.
 */
static bool wants_session(unsigned id)
{
	int fd = id == HELPER_PKCS11 ? open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	bool wants = id != HELPER_PKCS11 || fd != -1;

	fd_close(&fd);
	return wants;
}

static enum err start(
    const char *path, unsigned id, const char *const *args, int helper_end, pid_t *pid)
{
	const char *argv[HELPER_ARGS + 2] = {helper_program(id)};
	const struct spawn_fd fds[] = {
	    {-1, STDIN_FILENO},
	    {-1, STDOUT_FILENO},
	    {STDERR_FILENO, STDERR_FILENO},
	    {helper_end, HELPER_FD},
	};
	/* PKCS#11 modules are told by variables of their own where their tokens are. */
	char **env = id == HELPER_PKCS11 ? spawn_env_most() : spawn_env(NULL);
	struct spawn_args what = {
	    .path = path,
	    .argv = argv,
	    .env = (const char *const *)env,
	    .fds = fds,
	    .nfds = sizeof(fds) / sizeof(fds[0]),
	    .die_with_parent = true,
	    .new_session = wants_session(id),
	};
	enum err e = env == NULL ? ERR_MEMORY : ERR_OK;
	int saved;

	for (size_t i = 0; e == ERR_OK && args != NULL && args[i] != NULL; i++) {
		if (i == HELPER_ARGS)
			e = ERR_LIMIT;
		else
			argv[i + 1] = args[i];
	}
	if (e == ERR_OK)
		e = spawn(&what, pid);
	saved = errno;

	spawn_env_free(env);
	errno = saved;
	return e == ERR_SYSTEM && saved == ENOENT ? ERR_HELPER_MISSING : e;
}

enum err helper_exec(unsigned id, const char *const *args, pid_t *pid, int *sock)
{
	char path[PATH_MAX];
	int ends[2];
	int saved;
	enum err e = helper_path(id, path, sizeof(path));

	if (e != ERR_OK)
		return e;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return ERR_SYSTEM;
	e = start(path, id, args, ends[1], pid);
	saved = errno;
	fd_close(&ends[1]);
	if (e != ERR_OK)
		fd_close(&ends[0]);
	else
		*sock = ends[0];
	errno = saved;
	return e;
}
