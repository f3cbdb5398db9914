/*
 * Clients that misbehave: malformed frames, silence, too many of them, replies that nobody reads.
 * The agent closes or bounds them; a working client beside them is served all the time and finds
 * its key.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/agent_client_keys.h"

static struct probe agent;
static int worker; /* the client that behaves */

static const struct test_key *kept(void)
{
	return test_key("ed25519", "kept");
}

static void expect_served(void)
{
	probe_expect_works(worker, &kept()->blob);
	int fresh = probe_dial(&agent);
	probe_expect_works(fresh, &kept()->blob);
	close(fresh);
}

static void begin(const struct probe_options *options)
{
	struct wire w = ask_add(kept(), "kept");

	probe_start(&agent, options);
	worker = probe_dial(&agent);
	probe_expect(worker, &w, MSG_SUCCESS);
}

static void send_bytes(int fd, const void *p, size_t n)
{
	struct wire w = {0};

	wire_raw(&w, p, n);
	probe_send(fd, &w);
	wire_free(&w);
}

static void test_length_of_zero_closes(void **state)
{
	int fd = probe_dial(&agent);

	(void)state;
	send_bytes(fd, "\0\0\0\0", 4);
	/* Some agents look at a fifth byte before they do anything. */
	if (!probe_readable(fd, 1000))
		send_bytes(fd, "\0", 1);
	probe_expect_closed(fd);
	close(fd);
	expect_served();
}

static void test_length_over_the_limit_closes(void **state)
{
	int fd = probe_dial(&agent);

	(void)state;
	send_bytes(fd, "\0\4\0\1\13", 5);
	probe_expect_closed(fd);
	close(fd);
	expect_served();
}

/* Another protocol altogether. */
static void test_http_client_is_closed(void **state)
{
	const char *text = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	int fd = probe_dial(&agent);

	(void)state;
	send_bytes(fd, text, strlen(text));
	probe_expect_closed(fd);
	close(fd);
	expect_served();
}

/* Clients that leave in the middle of a frame, at each place. */
static void test_leaving_at_each_byte_of_a_request(void **state)
{
	struct wire data = {0}, w = ask_sign(&kept()->blob, &data, 0), stream = {0};

	(void)state;
	wire_frame(&stream, &w);
	for (size_t n = 0; n <= stream.len; n++) {
		int fd = probe_dial(&agent);
		send_bytes(fd, stream.data, n);
		close(fd);
	}
	wire_free(&w);
	wire_free(&stream);
	expect_served();
}

/* Random bytes as bodies of well-formed frames, under each number. */
static void test_noise_under_each_number(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int number = 0; number < 256; number++) {
		for (int round = 0; round < 8; round++) {
			struct wire w = ask_plain((uint8_t)number);
			for (int i = 0; i < round * 9; i++) {
				seed = seed * 1103515245 + 12345;
				/* Many small numbers, which pass for lengths. */
				wire_u8(&w, seed >> 28 > 5 ? 0 : (uint8_t)(seed >> 16));
			}
			/* Remove-all and lock with an empty body or an empty passphrase are not
			 * noise. */
			if (number == MSG_REMOVE_ALL || number == MSG_LOCK || number == 9) {
				wire_free(&w);
				continue;
			}
			struct wire reply = probe_ask(worker, &w);
			assert_true(reply.len >= 1);
			wire_free(&reply);
		}
	}
	expect_served();
}

/* A byte now and then: others are served between any two. */
static void test_slow_client_holds_up_nobody(void **state)
{
	struct wire data = {0}, w = ask_sign(&kept()->blob, &data, 0), stream = {0};
	int fd = probe_dial(&agent);

	(void)state;
	wire_frame(&stream, &w);
	for (size_t i = 0; i < stream.len; i++) {
		send_bytes(fd, stream.data + i, 1);
		probe_expect_works(worker, &kept()->blob);
		pause_ms(5);
	}
	struct wire reply = probe_receive(fd);
	assert_int_equal(reply.data[0], MSG_SIGNATURE);
	wire_free(&reply);
	wire_free(&w);
	wire_free(&stream);
	close(fd);
	expect_served();
}

/* A reply is read a byte at a time, too. */
static void test_slow_reader_gets_all(void **state)
{
	struct wire w = ask_plain(MSG_LIST), stream = {0}, whole = {0};
	int fd = probe_dial(&agent);

	(void)state;
	struct wire reply = probe_ask(worker, &w);
	w = ask_plain(MSG_LIST);
	wire_frame(&stream, &w);
	probe_send(fd, &stream);
	for (size_t i = 0; i < reply.len + 4; i++) {
		uint8_t byte;
		assert_true(probe_readable(fd, REPLY_MS));
		assert_int_equal(recv(fd, &byte, 1, 0), 1);
		wire_u8(&whole, byte);
	}
	assert_memory_equal(whole.data + 4, reply.data, reply.len);
	wire_free(&w);
	wire_free(&stream);
	wire_free(&whole);
	wire_free(&reply);
	close(fd);
}

/* Send the requests again and again until the agent has not taken a byte for two seconds; how many
 * bytes it took. */
static size_t send_until_stuck(int fd, const struct wire *requests, size_t most)
{
	size_t done = 0;
	long long moved = now_ms();

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (done < most && now_ms() - moved < 2000) {
		size_t at = done % requests->len;
		ssize_t n = send(fd, requests->data + at, requests->len - at, MSG_NOSIGNAL);
		if (n > 0) {
			done += (size_t)n;
			moved = now_ms();
		} else {
			/* A connection that the agent gave up is as good as one that it stopped
			 * reading. */
			if (n < 0 && errno != EAGAIN)
				break;
			probe_expect_works(worker, &kept()->blob);
			pause_ms(20);
		}
	}
	fcntl(fd, F_SETFL, 0);
	return done;
}

/* Lists asked for and never read: what the agent keeps for such a client is bounded. */
static void test_client_that_never_reads(void **state)
{
	enum { COPIES = 2000, MOST = 64 << 20, GROWTH_KIB = 8192 };
	struct wire list = ask_plain(MSG_LIST), requests = {0};
	int fd = probe_dial(&agent);

	(void)state;
	for (int i = 0; i < 20; i++) {
		char comment[3001];
		memset(comment, 'c', 3000);
		snprintf(comment + 2990, 10, "%d", i);
		char name[8];
		snprintf(name, sizeof(name), "%d", i);
		struct wire w = ask_add(test_key("ed25519", name), comment);
		probe_expect(worker, &w, MSG_SUCCESS);
	}
	for (int i = 0; i < COPIES; i++)
		wire_frame(&requests, &list);
	long before = probe_rss(&agent);
	/* 64 MiB of requests would make 800 GiB of replies. */
	size_t taken = send_until_stuck(fd, &requests, MOST);
	assert_true(taken < MOST);
	long after = probe_rss(&agent);
	if (after - before > GROWTH_KIB)
		fail_msg("the agent grew by %ld KiB", after - before);
	expect_served();
	/* What it took it answers, once somebody reads. */
	for (int i = 0; i < 50; i++) {
		struct wire reply = probe_receive(fd);
		assert_int_equal(reply.data[0], MSG_KEYS);
		wire_free(&reply);
	}
	wire_free(&list);
	wire_free(&requests);
	close(fd);
	expect_served();
}

/* A client that leaves with its replies unread. */
static void test_leaving_with_replies_unread(void **state)
{
	struct wire data = {0}, w = ask_sign(&kept()->blob, &data, 0), stream = {0};

	(void)state;
	for (int i = 0; i < 50; i++)
		wire_frame(&stream, &w);
	for (int i = 0; i < 20; i++) {
		int fd = probe_dial(&agent);
		probe_send(fd, &stream);
		close(fd);
	}
	wire_free(&w);
	wire_free(&stream);
	expect_served();
}

/* A thousand connections that say nothing; the agent's own limit may be the usual 1,024. */
static void test_thousand_idle_connections(void **state)
{
	enum { IDLE = 1000 };
	int fd[IDLE];

	(void)state;
	for (int i = 0; i < IDLE; i++) {
		fd[i] = probe_dial(&agent);
		if (i % 50 == 0)
			probe_expect_works(worker, &kept()->blob);
	}
	for (int i = 0; i < 20; i++)
		probe_expect_works(worker, &kept()->blob);
	/* They are connections, not only names in a queue. */
	for (int i = 0; i < IDLE; i += 100)
		probe_expect_works(fd[i], &kept()->blob);
	probe_expect_works(fd[IDLE - 1], &kept()->blob);
	for (int i = 0; i < IDLE; i++)
		close(fd[i]);
	expect_served();
}

/* The reply to a list request on fd, or false when the agent closed fd or lets it wait. */
static bool served_within(int fd, int ms)
{
	const uint8_t list[] = {0, 0, 0, 1, MSG_LIST};
	uint8_t byte;

	if (send(fd, list, sizeof(list), MSG_NOSIGNAL) != (ssize_t)sizeof(list))
		return false;
	return probe_readable(fd, ms) && recv(fd, &byte, 1, MSG_PEEK) == 1;
}

/* More clients than descriptors: who is in is served, and so is everybody once they leave. */
static void test_full_descriptor_table(void **state)
{
	enum { CLIENTS = 100, DESCRIPTORS = 40 };
	int fd[CLIENTS], served = 0;

	(void)state;
	begin(&(struct probe_options){.descriptors = DESCRIPTORS});
	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = probe_try_dial(&agent);
		probe_expect_works(worker, &kept()->blob);
	}
	for (int i = 0; i < CLIENTS; i++) {
		if (fd[i] >= 0 && served_within(fd[i], i < DESCRIPTORS ? 200 : 10))
			served++;
	}
	/* Some got in, not all could. */
	assert_in_range(served, 5, DESCRIPTORS);
	probe_expect_works(worker, &kept()->blob);
	for (int i = 0; i < CLIENTS; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
	}
	for (long long end = now_ms() + REPLY_MS;; pause_ms(20)) {
		int late = probe_try_dial(&agent);
		bool well = late >= 0 && served_within(late, 1000);
		if (late >= 0)
			close(late);
		if (well)
			break;
		assert_true(now_ms() < end);
	}
	expect_served();
}

/* A full table is no reason to spin: an agent that cannot accept waits until it can. */
static void test_full_descriptor_table_does_not_spin(void **state)
{
	enum { CLIENTS = 100, DESCRIPTORS = 40 };
	int fd[CLIENTS];
	char command[256];

	(void)state;
	begin(&(struct probe_options){.descriptors = DESCRIPTORS});
	for (int i = 0; i < CLIENTS; i++)
		fd[i] = probe_try_dial(&agent);
	/* User and system time of the agent and its child (fields 14 and 15 of stat), in hundredths
	 * of a second. */
	snprintf(command, sizeof(command),
	    "t() { cat /proc/%d/stat $(sed 's,[0-9][0-9]*,/proc/&/stat,g' "
	    "/proc/%d/task/%d/children)"
	    " | sed 's/.*) //' | awk '{ n += $12 + $13 } END { print n }'; };"
	    " a=$(t); sleep 1; b=$(t); [ $((b - a)) -lt 25 ]",
	    agent.pid, agent.pid, agent.pid);
	assert_int_equal(shell_status("%s", command), 0);
	for (int i = 0; i < CLIENTS; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
	}
}

static int start(void **state)
{
	(void)state;
	begin(NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	close(worker);
	probe_end(&agent);
	return 0;
}

static int last(void **state)
{
	(void)state;
	keys_remove();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	struct rlimit limit;
	const struct CMUnitTest tests[] = {
	    TEST(test_length_of_zero_closes),
	    TEST(test_length_over_the_limit_closes),
	    TEST(test_http_client_is_closed),
	    TEST(test_leaving_at_each_byte_of_a_request),
	    TEST(test_noise_under_each_number),
	    TEST(test_slow_client_holds_up_nobody),
	    TEST(test_slow_reader_gets_all),
	    TEST(test_client_that_never_reads),
	    TEST(test_leaving_with_replies_unread),
	    TEST(test_thousand_idle_connections),
	    cmocka_unit_test_teardown(test_full_descriptor_table, stop),
	    cmocka_unit_test_teardown(test_full_descriptor_table_does_not_spin, stop),
	};

	/* Room for a thousand connections on our side. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return cmocka_run_group_tests(tests, NULL, last);
}
