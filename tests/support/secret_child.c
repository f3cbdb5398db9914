#include "tests/support/secret_child.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keystore/crypto.h"

/* Old headers, and some of other machines, do not know it; the number is the same on every
 * architecture. */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

enum { NOBODY = 65534 };

void child_check(bool holds, const char *words, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "# %s:%d: does not hold: %s\n", file, line, words);
	fflush(stderr);
	_exit(1);
}

static int status_of(pid_t pid)
{
	int status = -1;

	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

/* A child dies of what kills it, unseen by cmocka's handlers, and leaves no core behind. */
static pid_t start(void)
{
	static const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
	const struct rlimit none = {0, 0};
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		signal(deadly[i], SIG_DFL);
	return 0;
}

int child_run(void (*fn)(void *), void *arg)
{
	const pid_t pid = start();

	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	return status_of(pid);
}

struct child child_start(void (*fn)(int socket, void *arg), void *arg)
{
	struct child c = {-1, -1};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return c;
	c.pid = start();
	if (c.pid == 0) {
		close(ends[0]);
		fn(ends[1], arg);
		_exit(0);
	}
	close(ends[1]);
	c.socket = ends[0];
	return c;
}

int child_stop(struct child *c)
{
	close(c->socket);
	return status_of(c->pid);
}

bool child_send(int socket, const void *data, size_t n)
{
	const char *at = data;

	while (n > 0) {
		const ssize_t sent = send(socket, at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		n -= (size_t)sent;
	}
	return true;
}

bool child_receive(int socket, void *data, size_t n)
{
	return recv(socket, data, n, MSG_WAITALL) == (ssize_t)n;
}

void child_limit_memlock(size_t bytes)
{
	const struct rlimit limit = {bytes, bytes};

	CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	if (geteuid() == 0) {
		CHILD_CHECK(setgroups(0, NULL) == 0);
		CHILD_CHECK(setresgid(NOBODY, NOBODY, NOBODY) == 0);
		CHILD_CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0);
	}
}

void child_start_secrets(enum secret_mode mode)
{
	CHILD_CHECK(secretmem_start(mode) == ERR_OK);
	CHILD_CHECK(secretmem_mode() == mode);
	CHILD_CHECK(crypto_start() == ERR_OK);
	CHILD_CHECK(crypto_warm_up() == ERR_OK);
}

/* "start-end rights offset device inode name" of a mapping that holds p. */
static bool begins_mapping(const char *line, const void *p, char *name, size_t room)
{
	unsigned long start;
	unsigned long end;
	int tail = 0;

	if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end, &tail) < 2 || tail == 0 ||
	    (unsigned long)p < start || (unsigned long)p >= end)
		return false;
	snprintf(name, room, "%s", line + tail);
	name[strcspn(name, "\n")] = '\0';
	return true;
}

static bool find_mapping(FILE *f, const void *p, struct mapped *out)
{
	char line[512];
	bool inside = false;

	while (fgets(line, sizeof(line), f) != NULL) {
		if (!inside)
			inside = begins_mapping(line, p, out->name, sizeof(out->name));
		else if (sscanf(line, "VmFlags: %126[^\n]", out->flags) == 1)
			return true;
	}
	return false;
}

bool child_mapping(const void *p, struct mapped *out)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool found;

	if (f == NULL)
		return false;
	found = find_mapping(f, p, out);
	fclose(f);
	if (found)
		strcat(out->flags, " ");
	return found;
}

bool have_memfd(void)
{
	const int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}
