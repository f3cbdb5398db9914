/*
 * keyring PROGRAM lookup|unasked KIND NAME ID     "secret TEXT"
 * keyring PROGRAM store KIND NAME ID LABEL        the secret is read from standard input; "done"
 * keyring PROGRAM forget KIND NAME ID             "done"; ID empty: all
 * keyring PROGRAM hang-up KIND NAME ID            lookup, and hang up at the next line of standard
 * input keyring PROGRAM time N KIND NAME ID             N lookups, "median N us", from start to
 * answer keyring PROGRAM raw HEX                         a message as it is
 *
 * Asks signet-keyring (proto/keyringmsg.h) as the agent's core does, and prints what comes back; or
 * "failed: REASON".  KIND is passphrase or pin.  Exit status 3: the helper ended without an answer,
 * or said what makes no sense; 4: no answer within KEYRING_TEST_MS (default 30000), then it is
 * killed.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/spawn.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"
#include "proto/keyringmsg.h"

enum { PATIENCE = 30000, UNANSWERED = 3, LATE = 4, TIMES_MOST = 1000 };

struct asked {
	const char *program;
	pid_t pid;
	int sock;
};

static void fail(const char *what)
{
	fprintf(stderr, "keyring: %s\n", what);
	exit(2);
}

static void start(struct asked *a)
{
	int ends[2];
	char **env = spawn_env(NULL);
	const char *const argv[] = {a->program, NULL};

	if (env == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		fail("no socket");
	struct spawn_fd fds[] = {{-1, STDIN_FILENO}, {-1, STDOUT_FILENO},
	    {STDERR_FILENO, STDERR_FILENO}, {ends[1], HELPER_FD}};
	struct spawn_args args = {
	    .path = a->program,
	    .argv = argv,
	    .env = (const char *const *)env,
	    .fds = fds,
	    .nfds = 4,
	    .die_with_parent = true,
	};

	if (spawn(&args, &a->pid) != ERR_OK)
		fail("the helper cannot be started");
	spawn_env_free(env);
	close(ends[1]);
	a->sock = ends[0];
}

static int end(struct asked *a)
{
	int status = 0;

	close(a->sock);
	while (waitpid(a->pid, &status, 0) == -1)
		;
	return status;
}

static void send_request(const struct asked *a, struct builder *b)
{
	if (builder_error(b) != ERR_OK ||
	    fd_write_all(a->sock, builder_view(b), PATIENCE) != ERR_OK)
		fail("the request was not taken");
	builder_clear(b);
}

static int patience(void)
{
	const char *text = getenv("KEYRING_TEST_MS");

	return text != NULL ? atoi(text) : PATIENCE;
}

static int unanswered(struct asked *a)
{
	int status = end(a);

	printf("ended without an answer: %s %d\n", WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return UNANSWERED;
}

/* Its answer is printed where say is true. */
static int hear(struct asked *a, bool say)
{
	struct pollfd p = {.fd = a->sock, .events = POLLIN};
	struct blob m = {0};
	struct bytes secret;
	enum err why;
	int result = 0;

	if (poll(&p, 1, patience()) != 1) {
		kill(a->pid, SIGKILL);
		end(a);
		puts("no answer");
		return LATE;
	}
	if (helper_receive(a->sock, KEYRING_ANSWER_MOST, &m) != ERR_OK)
		return unanswered(a);
	if (keyring_secret_parse(blob_view(&m), &secret) == ERR_OK) {
		if (say)
			printf("secret %.*s\n", (int)secret.len, (const char *)secret.data);
	} else if (keyring_done_parse(blob_view(&m)) == ERR_OK) {
		puts("done");
	} else if (keyring_failed_parse(blob_view(&m), &why) == ERR_OK) {
		printf("failed: %s\n", err_text(why));
		result = 1;
	} else {
		puts("the answer makes no sense");
		result = UNANSWERED;
	}
	blob_clear(&m);
	if (end(a) != 0 && result == 0) {
		puts("it did not end well");
		result = UNANSWERED;
	}
	return result;
}

static struct keyring_item item_of(char **args)
{
	return (struct keyring_item){
	    .kind = strcmp(args[0], "pin") == 0 ? KEYRING_PIN : KEYRING_PASSPHRASE,
	    .name = bytes_str(args[1]),
	    .id = bytes_str(args[2]),
	};
}

static int lookup(struct asked *a, char **args, bool prompt, bool say)
{
	struct keyring_item item = item_of(args);
	struct builder b = {0};

	start(a);
	keyring_lookup_build(&b, &item, prompt);
	send_request(a, &b);
	return hear(a, say);
}

static int hang_up(struct asked *a, char **args)
{
	struct keyring_item item = item_of(args);
	struct builder b = {0};
	char line[16];
	int status;

	start(a);
	keyring_lookup_build(&b, &item, true);
	send_request(a, &b);
	if (fgets(line, sizeof(line), stdin) == NULL)
		fail("no line came");
	shutdown(a->sock, SHUT_WR);
	status = end(a);
	printf("ended: %s %d\n", WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}

static int store(struct asked *a, char **args)
{
	struct keyring_item item = item_of(args);
	struct builder b = {0};
	char secret[2 * KEYRING_SECRET_MOST];
	size_t n = fread(secret, 1, sizeof(secret), stdin);

	start(a);
	keyring_store_build(&b, &item, bytes_str(args[3]), BYTES(secret, n));
	send_request(a, &b);
	return hear(a, true);
}

static int forget(struct asked *a, char **args)
{
	struct keyring_item item = item_of(args);
	struct builder b = {0};

	start(a);
	keyring_forget_build(&b, &item);
	send_request(a, &b);
	return hear(a, true);
}

static int raw(struct asked *a, const char *hex)
{
	struct builder b = {0};
	size_t mark = builder_open(&b);
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		builder_u8(&b, (uint8_t)byte);
	builder_close(&b, mark);
	start(a);
	send_request(a, &b);
	return hear(a, true);
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int measure(struct asked *a, int n, char **args)
{
	static double took[TIMES_MOST];
	int result = 0;

	for (int i = 0; i < n && i < TIMES_MOST && result == 0; i++) {
		struct timespec from, to;

		clock_gettime(CLOCK_MONOTONIC, &from);
		result = lookup(a, args, false, false);
		clock_gettime(CLOCK_MONOTONIC, &to);
		took[i] = (double)(to.tv_sec - from.tv_sec) * 1e6 +
			  (double)(to.tv_nsec - from.tv_nsec) / 1e3;
	}
	qsort(took, (size_t)n, sizeof(took[0]), by_size);
	if (result == 0)
		printf("median %.0f us\n", took[n / 2]);
	return result;
}

int main(int argc, char **argv)
{
	struct asked a = {.program = argc > 2 ? argv[1] : NULL};
	const char *what = argc > 2 ? argv[2] : "";
	int n = argc - 3;

	signal(SIGPIPE, SIG_IGN);
	if (n == 3 && strcmp(what, "lookup") == 0)
		return lookup(&a, argv + 3, true, true);
	if (n == 3 && strcmp(what, "unasked") == 0)
		return lookup(&a, argv + 3, false, true);
	if (n == 3 && strcmp(what, "hang-up") == 0)
		return hang_up(&a, argv + 3);
	if (n == 4 && strcmp(what, "store") == 0)
		return store(&a, argv + 3);
	if (n == 3 && strcmp(what, "forget") == 0)
		return forget(&a, argv + 3);
	if (n == 1 && strcmp(what, "raw") == 0)
		return raw(&a, argv[3]);
	if (n == 4 && strcmp(what, "time") == 0 && atoi(argv[3]) > 0 && atoi(argv[3]) <= TIMES_MOST)
		return measure(&a, atoi(argv[3]), argv + 4);
	fail("what is to be done?  See tests/tools/keyring.c");
}
