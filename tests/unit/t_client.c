/* One request and its reply, against agents that misbehave. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "add/client.h"
#include "add/helper.h"
#include "proto/agentmsg.h"
#include "proto/limits.h"

/* An agent that reads a request of length want and then sends say, in pieces, before it closes. */
struct agent {
	int fd;
	size_t want;
	struct bytes say;
	size_t piece; /* bytes sent at a time; 0: all */
	uint8_t got[64];
};

static void *be_agent(void *arg)
{
	struct agent *a = arg;
	size_t piece = a->piece != 0 ? a->piece : a->say.len;
	size_t sent = 0;

	if (a->want != 0 && recv(a->fd, a->got, a->want, MSG_WAITALL) != (ssize_t)a->want)
		abort();
	while (sent < a->say.len) {
		size_t n = a->say.len - sent < piece ? a->say.len - sent : piece;
		ssize_t put = send(a->fd, a->say.data + sent, n, MSG_NOSIGNAL);

		if (put <= 0)
			break;
		sent += (size_t)put;
	}
	close(a->fd);
	return NULL;
}

/* Ask for the keys: what comes of it, and the reply in *out. */
static enum err call(struct agent *a, struct blob *out)
{
	struct client c = CLIENT_NONE;
	struct builder b = {0};
	struct bytes reply;
	pthread_t thread;
	int pair[2];
	enum err e;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	c.fd = pair[0];
	a->fd = pair[1];
	message_plain(&b, AGENT_REQUEST_IDENTITIES);
	assert_int_equal(pthread_create(&thread, NULL, be_agent, a), 0);
	e = client_call(&c, &b, &reply);
	if (e == ERR_OK)
		assert_int_equal(blob_copy(out, reply), ERR_OK);
	client_close(&c);
	assert_int_equal(pthread_join(thread, NULL), 0);
	builder_clear(&b);
	return e;
}

static enum err answer(const char *bytes, size_t n)
{
	struct agent a = {.want = 5, .say = BYTES(bytes, n)};
	struct blob reply = {0};
	enum err e = call(&a, &reply);

	blob_clear(&reply);
	return e;
}

static void a_good_reply(void **state)
{
	static const char keys[] = "\0\0\0\5\14\0\0\0\0";
	struct agent a = {.want = 5, .say = BYTES(keys, 9), .piece = 1};
	struct blob reply = {0};

	(void)state;
	assert_int_equal(call(&a, &reply), ERR_OK);
	assert_memory_equal(a.got, "\0\0\0\1\13", 5);
	assert_int_equal(reply.len, 5);
	assert_memory_equal(reply.data, keys + 4, 5);
	blob_clear(&reply);
}

static void an_agent_that_closes(void **state)
{
	struct agent gone = {.want = 0};
	struct blob reply = {0};

	(void)state;
	assert_int_equal(answer("", 0), ERR_CLOSED);
	assert_int_equal(answer("\0\0", 2), ERR_CLOSED);
	assert_int_equal(answer("\0\0\0\5\14\0", 6), ERR_CLOSED);
	/* before it read the request: a reset, or a write that fails */
	assert_int_equal(call(&gone, &reply), ERR_CLOSED);
}

static void lengths_that_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(answer("\0\0\0\0", 4), ERR_REPLY);
	assert_int_equal(answer("\0\4\0\1\6", 5), ERR_REPLY);
	assert_int_equal(answer("\377\377\377\377\6", 5), ERR_REPLY);
	assert_int_equal(answer("SSH-2.0-", 8), ERR_REPLY);
}

static void the_longest_reply(void **state)
{
	uint8_t *big = calloc(1, 4 + LIMIT_MESSAGE);
	struct agent a = {.want = 5, .say = BYTES(big, 4 + LIMIT_MESSAGE), .piece = 4096};
	struct blob reply = {0};

	(void)state;
	assert_non_null(big);
	big[1] = 4; /* 256 KiB */
	big[4] = 12;
	assert_int_equal(call(&a, &reply), ERR_OK);
	assert_int_equal(reply.len, LIMIT_MESSAGE);
	blob_clear(&reply);
	free(big);
}

static void a_request_that_could_not_be_built(void **state)
{
	struct client c = CLIENT_NONE;
	struct builder b = {.error = ERR_TOO_LONG};
	struct bytes reply;

	(void)state;
	assert_int_equal(client_call(&c, &b, &reply), ERR_TOO_LONG);
}

static void paths_that_cannot_be(void **state)
{
	struct client c = CLIENT_NONE;
	char path[200];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(client_connect(path, &c), ERR_TOO_LONG);
	assert_int_equal(client_connect("/nonexistent/agent.sock", &c), ERR_SYSTEM);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(c.fd, -1);
}

static void words_of_openssh(void **state)
{
	(void)state;
	assert_string_equal(client_words(ERR_REFUSED), "agent refused operation");
	assert_non_null(strstr(client_words(ERR_CLOSED), "communication with agent failed"));
	assert_non_null(strstr(client_words(ERR_REPLY), "communication with agent failed"));
	assert_string_equal(client_words(ERR_TOO_LONG), "too big for a message to the agent");
}

static enum err helper_says(const char *bytes, size_t n, struct blob *out)
{
	int pair[2];
	enum err e;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], bytes, n), n);
	close(pair[1]);
	e = helper_read(pair[0], 16, 1000, out);
	close(pair[0]);
	return e;
}

static void helpers_that_misbehave(void **state)
{
	struct blob message = {0};

	(void)state;
	assert_int_equal(helper_says("\0\0\0\2hi", 6, &message), ERR_OK);
	assert_int_equal(message.len, 2);
	assert_memory_equal(message.data, "hi", 2);
	blob_clear(&message);
	assert_int_equal(helper_says("", 0, &message), ERR_HELPER);
	assert_int_equal(helper_says("\0\0\0", 3, &message), ERR_HELPER);
	assert_int_equal(helper_says("\0\0\0\2h", 5, &message), ERR_HELPER);
	assert_int_equal(helper_says("\0\0\0\0", 4, &message), ERR_REPLY);
	assert_int_equal(helper_says("\0\0\0\21hi", 6, &message), ERR_REPLY);
	assert_int_equal(helper_says("\377\377\377\377hi", 6, &message), ERR_REPLY);
	assert_int_equal(message.len, 0);
}

/* One that does not hang up, nor end. */
static void a_helper_that_stays(void **state)
{
	int pair[2];
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		for (;;)
			pause();
	}
	helper_see_end(pid, pair[0]);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_reply),
	    cmocka_unit_test(an_agent_that_closes),
	    cmocka_unit_test(lengths_that_cannot_be),
	    cmocka_unit_test(the_longest_reply),
	    cmocka_unit_test(a_request_that_could_not_be_built),
	    cmocka_unit_test(paths_that_cannot_be),
	    cmocka_unit_test(words_of_openssh),
	    cmocka_unit_test(helpers_that_misbehave),
	    cmocka_unit_test(a_helper_that_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
