#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/agent_client.h"

long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* TEST_AGENT puts another program in the place of ours. */
static const char *agent_program(void)
{
	static char path[4096];
	const char *other = getenv("TEST_AGENT");
	const char *build = getenv("BUILD");

	if (other != NULL)
		return other;
	snprintf(path, sizeof(path), "%s/bin/signet-agent", build != NULL ? build : "build");
	return path;
}

/* In the child: become the agent. */
static void agent_exec(const struct probe *a, const struct probe_options *o)
{
	char *argv[32] = {strdup(agent_program()), strdup("-D"), strdup("-a"), strdup(a->path)};
	char log[64];
	size_t n = 4;

	for (size_t i = 0; o->arguments != NULL && o->arguments[i] != NULL && n < 31; i++)
		argv[n++] = strdup(o->arguments[i]);
	for (size_t i = 0; o->environment != NULL && o->environment[i] != NULL; i++)
		putenv(strdup(o->environment[i]));
	if (o->descriptors != 0) {
		struct rlimit limit = {o->descriptors, o->descriptors};
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* A test that crashes or is killed leaves no agent behind. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	int null = open("/dev/null", O_RDWR);
	snprintf(log, sizeof(log), "%s/log", a->dir);
	dup2(null, 0);
	dup2(null, 1);
	dup2(open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), 2);
	execv(argv[0], argv);
	_exit(127);
}

static void remove_folder(const struct probe *a)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", a->dir);
	if (system(command) != 0)
		fprintf(stderr, "# could not remove %s\n", a->dir);
}

void probe_start(struct probe *a, const struct probe_options *options)
{
	const struct probe_options none = {0};

	*a = (struct probe){0};
	strcpy(a->dir, "/tmp/sgc.XXXXXX");
	assert_non_null(mkdtemp(a->dir));
	snprintf(a->path, sizeof(a->path), "%s/sock", a->dir);
	signal(SIGPIPE, SIG_IGN);
	a->pid = fork();
	assert_true(a->pid >= 0);
	if (a->pid == 0)
		agent_exec(a, options != NULL ? options : &none);
	for (long long end = now_ms() + REPLY_MS; now_ms() < end; pause_ms(10)) {
		int fd = probe_try_dial(a);
		if (fd >= 0) {
			close(fd);
			return;
		}
		if (waitpid(a->pid, NULL, WNOHANG) == a->pid) {
			remove_folder(a);
			fail_msg("the agent ended at once: %s", agent_program());
		}
	}
	probe_end(a);
	fail_msg("the agent did not start: %s", agent_program());
}

void probe_end(struct probe *a)
{
	if (a->pid <= 0)
		return;
	kill(a->pid, SIGTERM);
	for (long long end = now_ms() + REPLY_MS; waitpid(a->pid, NULL, WNOHANG) == 0;
	     pause_ms(5)) {
		if (now_ms() > end)
			kill(a->pid, SIGKILL);
	}
	remove_folder(a);
	*a = (struct probe){0};
}

/* VmRSS of one process, in KiB; 0 when it is gone. */
static long rss_of(long pid)
{
	char path[64], line[256];
	long kib = 0;

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	}
	fclose(f);
	return kib;
}

long probe_rss(const struct probe *a)
{
	char path[64];
	long sum = rss_of(a->pid), child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", a->pid, a->pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return sum;
	while (fscanf(f, "%ld", &child) == 1)
		sum += rss_of(child);
	fclose(f);
	return sum;
}

int probe_try_dial(const struct probe *a)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(name.sun_path, a->path);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int probe_dial(const struct probe *a)
{
	int fd = probe_try_dial(a);

	if (fd < 0)
		fail_msg("cannot connect to %s: %s", a->path, strerror(errno));
	return fd;
}

void probe_send(int fd, const struct wire *stream)
{
	for (size_t done = 0; done < stream->len;) {
		ssize_t n = send(fd, stream->data + done, stream->len - done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fail_msg("the agent does not take the request: %s", strerror(errno));
		done += (size_t)n;
	}
}

bool probe_readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

static void receive_all(int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		if (!probe_readable(fd, REPLY_MS))
			fail_msg("no reply within %d ms", REPLY_MS);
		ssize_t got = recv(fd, p, n, 0);
		if (got <= 0)
			fail_msg("the agent closed the connection in place of a reply");
		p += got;
		n -= (size_t)got;
	}
}

struct wire probe_receive(int fd)
{
	uint8_t header[4];
	struct wire reply = {0};

	receive_all(fd, header, sizeof(header));
	size_t n =
	    (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
	/* Lists of very many keys are the longest replies. */
	assert_in_range(n, 1, 16u << 20);
	reply.data = malloc(n);
	assert_non_null(reply.data);
	reply.len = n;
	receive_all(fd, reply.data, n);
	return reply;
}

void probe_expect_closed(int fd)
{
	uint8_t byte;

	if (!probe_readable(fd, REPLY_MS))
		fail_msg("the connection is still open");
	ssize_t n = recv(fd, &byte, 1, 0);
	if (n > 0)
		fail_msg(
		    "the agent answered (length field begins with %u) where it had to close", byte);
}

struct wire probe_ask(int fd, struct wire *body)
{
	struct wire stream = {0};

	wire_frame(&stream, body);
	wire_free(body);
	probe_send(fd, &stream);
	wire_free(&stream);
	return probe_receive(fd);
}

void probe_expect(int fd, struct wire *body, uint8_t number)
{
	struct wire reply = probe_ask(fd, body);

	assert_int_equal(reply.data[0], number);
	assert_int_equal(reply.len, 1);
	wire_free(&reply);
}
