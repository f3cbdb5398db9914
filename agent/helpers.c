#include "agent/helpers.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"
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
		return ERR_UNSUPPORTED;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (slash == NULL)
		return ERR_UNSUPPORTED;
	*slash = '\0';
	len = snprintf(path, room, "%s/../libexec/signet/%s", exe, program);
	return len > 0 && (size_t)len < room ? ERR_OK : ERR_TOO_LONG;
}

bool helper_present(unsigned program)
{
	char path[PATH_MAX];

	return helper_path(program, path, sizeof(path)) == ERR_OK && access(path, X_OK) == 0;
}

static enum err start(const char *path, const char *name, int helper_end, pid_t *pid)
{
	const char *const argv[] = {name, NULL};
	const struct spawn_fd fds[] = {
	    {-1, STDIN_FILENO},
	    {-1, STDOUT_FILENO},
	    {STDERR_FILENO, STDERR_FILENO},
	    {helper_end, HELPER_FD},
	};
	char **env = spawn_env(NULL);
	struct spawn_args args = {
	    .path = path,
	    .argv = argv,
	    .env = (const char *const *)env,
	    .fds = fds,
	    .nfds = sizeof(fds) / sizeof(fds[0]),
	    .die_with_parent = true,
	    .new_session = true,
	};
	enum err e = env == NULL ? ERR_MEMORY : spawn(&args, pid);

	spawn_env_free(env);
	return e;
}

int helper_start(struct helpers *hs, unsigned program, uint32_t id)
{
	char path[PATH_MAX];
	int ends[2];
	pid_t pid;
	enum err e = helper_path(program, path, sizeof(path));

	if (e != ERR_OK || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		log_error("helper %u cannot be started", program);
		return -1;
	}
	e = start(path, helper_program(program), ends[1], &pid);
	fd_close(&ends[1]);
	if (e != ERR_OK) {
		log_error("%s cannot be started: %m; install it, or build it with make", path);
		fd_close(&ends[0]);
	} else if (helpers_add(hs, id, pid) != ERR_OK) {
		log_error("%s cannot be ended by force if that is needed: no memory", path);
	}
	return ends[0];
}

enum err helpers_add(struct helpers *hs, uint32_t id, pid_t pid)
{
	if (hs->count == hs->room) {
		size_t room = hs->room == 0 ? 16 : hs->room * 2;
		struct helper_process *list = realloc(hs->list, room * sizeof(*list));

		if (list == NULL)
			return ERR_MEMORY;
		hs->list = list;
		hs->room = room;
	}
	hs->list[hs->count++] = (struct helper_process){id, pid};
	return ERR_OK;
}

void helpers_kill(const struct helpers *hs, uint32_t id)
{
	for (size_t i = 0; i < hs->count; i++) {
		if (hs->list[i].id != id)
			continue;
		(void)kill(-hs->list[i].pid, SIGKILL);
		(void)kill(hs->list[i].pid, SIGKILL);
	}
}

void helpers_reaped(struct helpers *hs, pid_t pid)
{
	for (size_t i = 0; i < hs->count; i++) {
		if (hs->list[i].pid == pid) {
			hs->list[i] = hs->list[--hs->count];
			return;
		}
	}
}

void helpers_clear(struct helpers *hs)
{
	free(hs->list);
	*hs = (struct helpers){0};
}
