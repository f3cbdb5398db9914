/*
 * Clients that are a load on an agent, while another client is timed.
 *
 *     b_crowd SOCKET idle N            connections that say nothing after one list
 *     b_crowd SOCKET trickle N         connections that send a byte a second
 *     b_crowd SOCKET unread            a connection that asks for lists and reads none
 *     b_crowd SOCKET flood N           so many connections opened and closed a second; 0: no pause
 *     b_crowd SOCKET ask N PUBFILE     clients, each a process, that wait for a signature
 *     b_crowd SOCKET keys N            adds so many Ed25519 keys, and ends
 *
 * prints "ready" when they are all there, and goes on until it is ended.
 */
#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/bench/client.h"

static const uint8_t list[] = {0, 0, 0, 1, AGENT_REQUEST_IDENTITIES};

static int *dial_all(const char *path, int n)
{
	int *fds = calloc((size_t)n, sizeof(*fds));

	if (fds == NULL)
		err(1, "memory");
	for (int i = 0; i < n; i++)
		fds[i] = dial(path);
	return fds;
}

static void send_all(int fd, struct bytes b)
{
	if (send(fd, b.data, b.len, MSG_NOSIGNAL) != (ssize_t)b.len)
		err(1, "send");
}

static void expect(int fd, uint8_t number)
{
	uint8_t reply[5];

	if (recv(fd, reply, sizeof(reply), MSG_WAITALL) != sizeof(reply) || reply[4] != number)
		errx(1, "another answer than %u", number);
}

static void ready(void)
{
	(void)puts("ready");
	(void)fflush(stdout);
}

static void wait_for_end(void)
{
	ready();
	for (;;)
		pause();
}

static void idle(const char *path, int n)
{
	const int *fds = dial_all(path, n);

	for (int i = 0; i < n; i++) {
		send_all(fds[i], BYTES(list, sizeof(list)));
		expect(fds[i], AGENT_IDENTITIES_ANSWER);
	}
	wait_for_end();
}

/* A request as long as can be, of which a bench sees the beginning. */
static void trickle(const char *path, int n)
{
	const int *fds = dial_all(path, n);
	const uint8_t header[] = {0, 4, 0, 0, AGENT_SIGN_REQUEST};
	const struct timespec between = {.tv_nsec = 1000000000 / n};

	for (int i = 0; i < n; i++)
		send_all(fds[i], BYTES(header, sizeof(header)));
	ready();
	for (int i = 0;; i = (i + 1) % n) {
		send_all(fds[i], BYTES(header, 1));
		(void)nanosleep(&between, NULL);
	}
}

/* Blocks for good when the agent reads no more. */
static void unread(const char *path)
{
	int fd = dial(path);

	ready();
	for (;;)
		send_all(fd, BYTES(list, sizeof(list)));
}

static void flood(const char *path, int a_second)
{
	const struct timespec between = {.tv_nsec = a_second > 0 ? 1000000000 / a_second : 0};

	ready();
	for (;;) {
		close(dial(path));
		if (a_second > 0)
			(void)nanosleep(&between, NULL);
	}
}

/* Applications of their own, which leave with this one. */
static void ask(const char *path, int n, const char *pubfile)
{
	for (int i = 0; i < n; i++) {
		struct builder request = {0};
		char data[64];

		if (fork() != 0)
			continue;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setsid();
		(void)snprintf(data, sizeof(data), "what client %d wants signed", i);
		build_sign_request(&request, pubfile, bytes_str(data));
		send_all(dial(path), builder_view(&request));
		for (;;)
			pause();
	}
	wait_for_end();
}

static void add_key(int fd, uint32_t number)
{
	uint8_t secret[64] = {0};
	size_t n = 32, mark;
	struct builder b = {0};
	EVP_PKEY *key;

	memcpy(secret, &number, sizeof(number));
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
	if (key == NULL || EVP_PKEY_get_raw_public_key(key, secret + 32, &n) != 1)
		errx(1, "no key");
	EVP_PKEY_free(key);
	mark = message_open(&b, AGENT_ADD_IDENTITY);
	builder_cstring(&b, "ssh-ed25519");
	builder_string(&b, BYTES(secret + 32, 32));
	builder_string(&b, BYTES(secret, 64));
	builder_cstring(&b, "one of many");
	message_close(&b, mark);
	send_all(fd, builder_view(&b));
	builder_clear(&b);
	expect(fd, AGENT_SUCCESS);
}

int main(int argc, char *argv[])
{
	const char *what = argc > 2 ? argv[2] : "";
	const int n = argc > 3 ? atoi(argv[3]) : 0;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (strcmp(what, "idle") == 0 && n > 0)
		idle(argv[1], n);
	else if (strcmp(what, "trickle") == 0 && n > 1)
		trickle(argv[1], n);
	else if (strcmp(what, "unread") == 0)
		unread(argv[1]);
	else if (strcmp(what, "flood") == 0)
		flood(argv[1], n);
	else if (strcmp(what, "ask") == 0 && argc == 5)
		ask(argv[1], n, argv[4]);
	else if (strcmp(what, "keys") != 0)
		errx(1, "usage: b_crowd SOCKET idle|trickle|unread|flood|ask|keys [N [PUBFILE]]");
	for (int fd = dial(argv[1]), i = 0; i < n; i++)
		add_key(fd, (uint32_t)i);
	return 0;
}
