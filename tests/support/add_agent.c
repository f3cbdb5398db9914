#include "tests/support/add_agent.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE = 20000 }; /* ms */

static void must(bool well, const char *what)
{
	if (!well) {
		perror(what);
		abort();
	}
}

/* Exactly n bytes, or false at the end. */
static bool take(int fd, uint8_t *out, size_t n)
{
	return recv(fd, out, n, MSG_WAITALL) == (ssize_t)n;
}

static bool hear(struct add_agent *a, int fd)
{
	uint8_t length[4];

	if (!take(fd, length, sizeof(length)))
		return false;
	a->request_len =
	    (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
	must(a->request_len <= sizeof(a->request), "a request over the limit");
	if (!take(fd, a->request, a->request_len))
		return false;
	must(write(a->heard_write, "", 1) == 1, "write");
	return true;
}

static void *serve(void *arg)
{
	struct add_agent *a = arg;
	struct pollfd watch = {.fd = a->listener, .events = POLLIN};
	uint8_t byte;
	int fd;

	if (poll(&watch, 1, PATIENCE) != 1)
		return NULL; /* nobody came: the test sees that nothing was heard */
	fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC);
	must(fd != -1, "accept");
	for (size_t i = 0; i < a->nreplies && hear(a, fd); i++) {
		struct bytes reply = a->replies[i];

		if (send(fd, reply.data, reply.len, MSG_NOSIGNAL) != (ssize_t)reply.len)
			break;
	}
	if (a->hang)
		hear(a, fd);
	while (a->hang && recv(fd, &byte, 1, 0) > 0)
		continue;
	close(fd);
	return NULL;
}

void add_agent_start(struct add_agent *a, const char *folder, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ends[2];

	snprintf(a->path, sizeof(a->path), "%s/%s", folder, name);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", a->path);
	unlink(a->path);
	a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(a->listener, (const struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	must(listen(a->listener, 4) == 0, "listen");
	must(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
	a->heard = ends[0];
	a->heard_write = ends[1];
	must(pthread_create(&a->thread, NULL, serve, a) == 0, "pthread_create");
}

void add_agent_stop(struct add_agent *a)
{
	must(pthread_join(a->thread, NULL) == 0, "pthread_join");
	close(a->listener);
	close(a->heard);
	close(a->heard_write);
	unlink(a->path);
}

static int output_file(void)
{
	char name[] = "/tmp/sadd-out.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	must(fd != -1, "mkostemp");
	unlink(name);
	return fd;
}

static void become_add(
    const struct add_run *run, const char *folder, const char *sock, const char *const *args)
{
	const char *build = getenv("BUILD");
	char program[4096];
	const char *argv[16] = {"signet-add"};
	size_t n = 1;

	snprintf(program, sizeof(program), "%s/bin/signet-add", build != NULL ? build : "build");
	if (program[0] != '/') {
		char *whole = realpath(program, NULL);

		must(whole != NULL, program);
		snprintf(program, sizeof(program), "%s", whole);
		free(whole);
	}
	for (; args[n - 1] != NULL; n++)
		argv[n] = args[n - 1];
	setsid(); /* no terminal to ask at */
	must(chdir(folder) == 0 && setenv("SSH_AUTH_SOCK", sock, 1) == 0, "chdir");
	must(dup2(open("/dev/null", O_RDONLY), 0) == 0 && dup2(run->out, 1) == 1 &&
		 dup2(run->err, 2) == 2,
	    "dup2");
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(126);
}

void add_run_start(
    struct add_run *run, const char *folder, const char *sock, const char *const *args)
{
	run->out = output_file();
	run->err = output_file();
	run->pid = fork();
	must(run->pid != -1, "fork");
	if (run->pid == 0)
		become_add(run, folder, sock, args);
}

static void slurp(int fd, char *text)
{
	ssize_t n = pread(fd, text, ADD_TEXT - 1, 0);

	must(n >= 0, "pread");
	text[n] = '\0';
	close(fd);
}

void add_run_finish(struct add_run *run)
{
	must(waitpid(run->pid, &run->status, 0) == run->pid, "waitpid");
	slurp(run->out, run->out_text);
	slurp(run->err, run->err_text);
}
