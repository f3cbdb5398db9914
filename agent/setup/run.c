#include "agent/setup/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/setup/files.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/spawn.h"
#include "proto/base/text.h"
#include "proto/builder.h"

enum {
	MOST_OUTPUT = 1 << 16,
	SYSTEMCTL_MS = 20 * 1000,
};

/* Up to the end of its output; false: over the time. */
static bool collect(int fd, uint64_t until, struct builder *b)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_now();
		char piece[4096];
		ssize_t n;

		if (now >= until || poll(&p, 1, (int)(until - now)) == 0)
			return false;
		n = read(fd, piece, sizeof(piece));
		if (n <= 0)
			return true;
		if (b->len < MOST_OUTPUT)
			builder_put(b, BYTES(piece, (size_t)n));
	}
}

int run_program(const char *const *argv, int timeout_ms, struct blob *out)
{
	struct builder b = {0};
	int ends[2];
	struct spawn_fd fds[2];
	struct spawn_args args = {.path = argv[0],
	    .argv = argv,
	    .env = (const char *const *)environ,
	    .fds = fds,
	    .nfds = 2,
	    .die_with_parent = true};
	int status = 0;
	pid_t pid;
	bool in_time;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	fds[0] = (struct spawn_fd){ends[1], STDOUT_FILENO};
	fds[1] = (struct spawn_fd){ends[1], STDERR_FILENO};
	if (spawn(&args, &pid) != ERR_OK) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return -1;
	}
	fd_close(&ends[1]);
	in_time = collect(ends[0], clock_now() + (uint64_t)timeout_ms, &b);
	fd_close(&ends[0]);
	if (!in_time)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		;
	if (out != NULL)
		(void)builder_take(&b, out);
	builder_clear(&b);
	return in_time && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int run_systemctl(struct blob *out, const char *verb, const char *a, const char *b, const char *c)
{
	struct path program;
	const char *argv[] = {program.text, "--user", "--no-ask-password", verb, a, b, c, NULL};

	if (!path_find_program("systemctl", &program))
		return -1;
	return run_program(argv, SYSTEMCTL_MS, out);
}

bool manager_answers(char *why, size_t room)
{
	struct path program;
	struct blob out = {0};
	struct bytes rest, line = BYTES_NONE;
	int status;

	if (!path_find_program("systemctl", &program)) {
		(void)snprintf(why, room, "there is no program systemctl");
		return false;
	}
	status = run_systemctl(&out, "show-environment", NULL, NULL, NULL);
	rest = blob_view(&out);
	(void)line_next(&rest, &line);
	if (status < 0)
		(void)snprintf(why, room, "systemctl does not answer");
	else if (line.len == 0)
		(void)snprintf(why, room, "systemctl ends with status %d", status);
	else
		(void)text_escape(line, why, room);
	blob_clear(&out);
	return status == 0;
}

bool manager_variable(const char *name, struct path *out)
{
	struct blob env = {0};
	struct bytes rest, line;
	size_t n = strlen(name);

	out->text[0] = '\0';
	if (run_systemctl(&env, "show-environment", NULL, NULL, NULL) == 0) {
		rest = blob_view(&env);
		while (line_next(&rest, &line)) {
			if (bytes_begin(line, name) && line.len > n && line.data[n] == '=')
				(void)path_set(out, "%.*s", (int)(line.len - n - 1),
				    (const char *)line.data + n + 1);
		}
	}
	blob_clear(&env);
	return out->text[0] != '\0';
}
