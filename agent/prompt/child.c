#include "agent/prompt/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/spawn.h"

enum { GRACE = 1000, TICK = 5 };

enum err child_start(const char *path, const char *const *argv, bool quiet, struct child *out)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1};
	bool errors = !quiet && fcntl(STDERR_FILENO, F_GETFD) != -1;
	struct child c = {.to = -1, .from = -1};
	char **env = spawn_env(NULL);
	struct spawn_fd fds[] = {{-1, 0}, {-1, 1}, {errors ? STDERR_FILENO : -1, 2}};
	struct spawn_args args = {
	    .path = path,
	    .argv = argv,
	    .env = (const char *const *)env,
	    .fds = fds,
	    .nfds = 3,
	    .die_with_parent = true,
	    .new_session = true,
	};
	enum err e = env == NULL ? ERR_MEMORY : ERR_OK;

	if (e == ERR_OK && (pipe2(to, O_CLOEXEC) == -1 || pipe2(from, O_CLOEXEC) == -1))
		e = ERR_SYSTEM;
	if (e == ERR_OK)
		e = fd_nonblock(to[1]);
	if (e == ERR_OK)
		e = fd_nonblock(from[0]);
	fds[0].from = to[0];
	fds[1].from = from[1];
	if (e == ERR_OK)
		e = spawn(&args, &c.pid);
	if (e == ERR_OK) {
		c.to = to[1];
		c.from = from[0];
		to[1] = from[0] = -1;
		*out = c;
	}
	fd_close(&to[0]);
	fd_close(&to[1]);
	fd_close(&from[0]);
	fd_close(&from[1]);
	spawn_env_free(env);
	return e;
}

/* Over within this time?  It is not reaped, so that its number is nobody else's. */
static bool ends_within(pid_t pid, int ms)
{
	static const struct timespec tick = {0, TICK * 1000000L};
	uint64_t deadline = clock_now() + (uint64_t)ms;

	for (;;) {
		siginfo_t info = {0};
		int got = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);

		if ((got == -1 && errno != EINTR) || (got == 0 && info.si_pid != 0))
			return true;
		if (clock_now() >= deadline)
			return false;
		nanosleep(&tick, NULL);
	}
}

void child_end(struct child *c, int patience_ms)
{
	fd_close(&c->to);
	fd_close(&c->from);
	if (c->pid == 0)
		return;
	/* It leads a group of its own, in which what it started is as well. */
	if (!ends_within(c->pid, patience_ms)) {
		kill(-c->pid, SIGTERM);
		(void)ends_within(c->pid, GRACE);
	}
	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) == -1 && errno == EINTR)
		;
	c->pid = 0;
}

enum err child_read(struct child *c, int patience_ms, char *out, size_t room, size_t *len)
{
	uint64_t deadline = clock_now() + (uint64_t)patience_ms;

	for (*len = 0; *len < room;) {
		struct pollfd p = {.fd = c->from, .events = POLLIN};
		uint64_t now = clock_now();
		ssize_t n;

		if (now >= deadline || poll(&p, 1, (int)(deadline - now)) == 0)
			return ERR_TIMEOUT;
		n = read(c->from, out + *len, room - *len);
		if (n == 0)
			return ERR_OK;
		if (n > 0)
			*len += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			return ERR_SYSTEM;
	}
	return ERR_TOO_LONG;
}

enum err program_error(enum err e, int number)
{
	if (e != ERR_SYSTEM)
		return e;
	switch (number) {
	case ENOENT:
	case ENOTDIR:
	case EACCES:
	case ENOEXEC:
	case ELOOP:
		return ERR_ASKER;
	default:
		return e;
	}
}

static char *in_folder(const char *folder, size_t len, const char *name)
{
	char *path;

	if (len == 0 || folder[0] != '/' ||
	    asprintf(&path, "%.*s/%s", (int)len, folder, name) == -1)
		return NULL;
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

char *program_find(const char *name)
{
	const char *lists[] = {getenv("PATH"), "/usr/bin:/usr/local/bin:/bin"};

	for (size_t i = 0; i < 2; i++) {
		const char *p = lists[i];

		while (p != NULL && *p != '\0') {
			size_t n = strcspn(p, ":");
			char *path = in_folder(p, n, name);

			if (path != NULL)
				return path;
			p += n;
			p += *p == ':';
		}
	}
	return NULL;
}
