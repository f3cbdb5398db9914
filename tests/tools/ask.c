/*
 * ask [-fs] [-k confirm|secret|notice] [-p PID] [-t SECONDS] [-T TITLE] [-e NAME=VALUE]... TEXT
 *
 * Puts a question through signet-prompt as the agent's core does, with itself as the client unless
 * -p names another (0: none); -f says that the request was forwarded, -s that a notice is a passing
 * one.  Prints what came back: "yes", "yes: ANSWER", or the reason.  Any line on standard input
 * that begins with "q" takes the question back.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/askpass.h"
#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "proto/base/spawn.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

enum { PATIENCE = 60000 };

static void fail(const char *what)
{
	fprintf(stderr, "ask: %s\n", what);
	exit(2);
}

/* Field 22 of its stat line, whose second field may hold spaces. */
static uint64_t start_time(unsigned long pid)
{
	char path[64], line[1024];
	unsigned long long started = 0;
	char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%lu/stat", pid);
	f = fopen(path, "re");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL || (p = strrchr(line, ')')) == NULL)
		fail("no such process");
	for (int field = 2; field < 22; field++) {
		p = strchr(p + 1, ' ');
		if (p == NULL)
			fail("an odd stat line");
	}
	started = strtoull(p, NULL, 10);
	fclose(f);
	return started;
}

static uint8_t kind_of(const char *name)
{
	if (strcmp(name, "secret") == 0)
		return ASKPASS_SECRET;
	if (strcmp(name, "notice") == 0)
		return ASKPASS_NOTICE;
	return ASKPASS_CONFIRM;
}

static pid_t start_helper(int sock)
{
	static const char *const argv[] = {"signet-prompt", NULL};
	char path[4096];
	const char *build = getenv("BUILD");
	char **env = spawn_env(NULL);
	const struct spawn_fd fds[] = {{sock, HELPER_FD}, {STDERR_FILENO, STDERR_FILENO}};
	struct spawn_args args = {
	    .path = path,
	    .argv = argv,
	    .env = (const char *const *)env,
	    .fds = fds,
	    .nfds = 2,
	    .new_session = true,
	    .die_with_parent = true,
	};
	pid_t pid = 0;

	snprintf(path, sizeof(path), "%s/libexec/signet/signet-prompt", build != NULL ? build : "");
	if (env == NULL || spawn(&args, &pid) != ERR_OK)
		fail("the helper cannot be started; is BUILD set?");
	spawn_env_free(env);
	return pid;
}

static void print_answer(int sock)
{
	uint8_t frame[8192];
	struct helper_answer m;
	struct bytes content;
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(frame) && (n = read(sock, frame + len, sizeof(frame) - len)) > 0)
		len += (size_t)n;
	if (frame_next(BYTES(frame, len), LIMIT_HELPER_MESSAGE, &content) != FRAME_READY ||
	    helper_answer_parse(content, &m) != ERR_OK)
		printf("no answer\n");
	else if (m.result != ERR_OK)
		printf("%s\n", err_text(m.result));
	else if (m.answer.len != 0)
		printf("yes: %.*s\n", (int)m.answer.len, (const char *)m.answer.data);
	else
		printf("yes\n");
}

/* Until the helper answers, or standard input takes the question back. */
static bool wait_for_answer(int sock, bool listen)
{
	struct pollfd fds[] = {
	    {.fd = sock, .events = POLLIN}, {.fd = listen ? 0 : -1, .events = POLLIN}};
	char c;

	if (poll(fds, 2, PATIENCE) <= 0)
		fail("no answer in time");
	return fds[0].revents != 0 || read(0, &c, 1) != 1 || c != 'q';
}

int main(int argc, char **argv)
{
	struct helper_ask m = {.kind = ASKPASS_CONFIRM, .pid = (uint32_t)getpid()};
	struct builder environment = {0}, b = {0};
	bool listen = !isatty(0);
	int socks[2], option, status;
	pid_t helper;

	while ((option = getopt(argc, argv, "fsk:p:t:T:e:")) != -1) {
		switch (option) {
		case 'f':
			m.flags |= HELPER_ASK_FORWARDED;
			break;
		case 's':
			m.flags |= HELPER_ASK_PASSING;
			break;
		case 'k':
			m.kind = kind_of(optarg);
			break;
		case 'p':
			m.pid = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 't':
			m.timeout = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'T':
			m.title = bytes_str(optarg);
			break;
		case 'e':
			builder_cstring(&environment, optarg);
			break;
		default:
			fail("unknown option");
		}
	}
	if (optind != argc - 1)
		fail("one text is wanted");
	if (m.pid != 0)
		m.started = start_time(m.pid);
	m.text = bytes_str(argv[optind]);
	m.environment = builder_view(&environment);
	helper_ask_build(&b, &m);
	if (builder_error(&b) != ERR_OK ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) != 0)
		fail("no memory");
	helper = start_helper(socks[1]);
	fd_close(&socks[1]);
	if (fd_write_all(socks[0], builder_view(&b), PATIENCE) != ERR_OK)
		fail("the helper does not listen");
	if (wait_for_answer(socks[0], listen))
		print_answer(socks[0]);
	else
		printf("withdrawn\n");
	fflush(stdout);
	fd_close(&socks[0]);
	waitpid(helper, &status, 0);
	builder_clear(&b);
	builder_clear(&environment);
	return status == 0 ? 0 : 1;
}
