/*
 * Very many clients, and clients that make the agent keep what they do not finish, read or wait
 * for: everybody else is answered, no descriptor is left behind, and the agent's memory stays
 * within what it promises (LIMIT_CONNECTION for each, LIMIT_BACKLOG for all).
 *
 * The crowd is a process of its own, as what the agent keeps is counted by processes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/limits.h"
#include "tests/support/probe_scene.h"

/* Sanitizers keep what was freed, and more beside it. */
#ifdef SIGNET_SANITIZE
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum {
	CROWD = 1000,
	UNREAD = 400,
	LONG_DATA = 250 * 1024,
	KEYS = 10000,
	/* What malloc, the kernel's rounding and threads that wake up may add. */
	SLACK_KIB = 6 * 1024,
	EACH_KIB = LIMIT_CONNECTION / 1024,
	ALL_KIB = LIMIT_BACKLOG / 1024,
};

/* A process with connections that are all in the same state. */
struct crowd {
	pid_t pid;
	int told; /* how many of its connections it still has, when everybody has done his part */
	int hold; /* closed: leave */
};

/* What one member does on its connection; false when the agent has closed it. */
typedef bool (*member)(int fd);

static bool send_quietly(int fd, const uint8_t *p, size_t n)
{
	while (n != 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

/* The agent has read all that was sent: or else nobody knows what it keeps. */
static bool was_closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = 0};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static _Noreturn void live_as_crowd(int count, member each, int tell, int hold)
{
	int *fds = calloc((size_t)count, sizeof(*fds));
	int left = 0;
	char byte;

	for (int i = 0; fds != NULL && i < count; i++) {
		fds[i] = probe_try_dial(&agent);
		if (fds[i] < 0)
			_exit(1);
		(void)each(fds[i]);
	}
	for (int i = 0; i < count; i++)
		left += !was_closed(fds[i]);
	if (write(tell, &left, sizeof(left)) != sizeof(left))
		_exit(1);
	while (read(hold, &byte, 1) < 0 && errno == EINTR)
		continue;
	_exit(0);
}

/* Start it, and wait until each has done its part. */
static struct crowd crowd_start(int count, member each)
{
	struct crowd c = {0};
	int tell[2], hold[2];

	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (c.pid == 0) {
		close(hold[1]);
		live_as_crowd(count, each, tell[1], hold[0]);
	}
	close(tell[1]);
	close(hold[0]);
	c.hold = hold[1];
	assert_true(probe_readable(tell[0], 3 * REPLY_MS));
	assert_int_equal(read(tell[0], &c.told, sizeof(c.told)), sizeof(c.told));
	close(tell[0]);
	return c;
}

static void crowd_end(struct crowd *c)
{
	int status;

	close(c->hold);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_int_equal(status, 0);
}

/* The process with the keys, child of the one that was started. */
static pid_t core_of(const struct probe *a)
{
	char path[64];
	long pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", a->pid, a->pid);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &pid), 1);
	fclose(f);
	return (pid_t)pid;
}

/* -1 where this cannot be seen (by others than root). */
static int descriptors_of(pid_t pid)
{
	char path[64];
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *d = opendir(path);
	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Those who left are let go, sooner or later. */
static void expect_descriptors(int wanted)
{
	const pid_t core = core_of(&agent);

	for (long long end = now_ms() + REPLY_MS; descriptors_of(core) != wanted; pause_ms(10)) {
		if (now_ms() > end)
			fail_msg("%d descriptors are open, %d were before", descriptors_of(core),
			    wanted);
	}
}

/* Of the process with the keys alone, in KiB. */
static long memory_used(void)
{
	return probe_rss(&(struct probe){.pid = core_of(&agent)});
}

static void expect_growth(long before, long most)
{
	const long grown = memory_used() - before;

	print_message("# the agent grew by %ld KiB of %ld\n", grown, most);
	if (!SANITIZED && grown > most)
		fail_msg("the agent grew by %ld KiB, %ld at most", grown, most);
}

static void expect_served(void)
{
	int newcomer = probe_dial(&agent);

	probe_expect_works(client, &some_key()->blob);
	probe_expect_works(newcomer, &some_key()->blob);
	close(newcomer);
}

/* --- in turn, and at once */

static void test_ten_thousand_in_turn(void **state)
{
	const int open = descriptors_of(core_of(&agent));
	const long before = memory_used();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int fd = probe_dial(&agent);

		if (i % 4 != 0)
			assert_int_equal(probe_count(fd), 1);
		close(fd);
	}
	expect_descriptors(open);
	expect_growth(before, SLACK_KIB);
	expect_served();
}

static bool ask_for_list(int fd)
{
	const uint8_t list[] = {0, 0, 0, 1, MSG_LIST};
	uint8_t reply[5];

	return send_quietly(fd, list, sizeof(list)) &&
	       recv(fd, reply, sizeof(reply), MSG_WAITALL) == sizeof(reply) && reply[4] == MSG_KEYS;
}

static void test_thousand_at_once(void **state)
{
	const int open = descriptors_of(core_of(&agent));
	const long before = memory_used();
	struct crowd c = crowd_start(CROWD, ask_for_list);

	(void)state;
	assert_int_equal(c.told, CROWD);
	expect_growth(before, (long)CROWD * 1 + SLACK_KIB);
	expect_served();
	crowd_end(&c);
	expect_descriptors(open);
}

/* --- requests that are not whole */

static uint8_t long_request[4 + LIMIT_MESSAGE] = {0, 4, 0, 0, MSG_SIGN};

static bool send_all_but_a_byte(int fd)
{
	return send_quietly(fd, long_request, sizeof(long_request) - 1);
}

/* Somewhat more than each may always have. */
static bool send_some(int fd)
{
	return send_quietly(fd, long_request, LIMIT_CONNECTION + 2048);
}

/* So much each may have. */
static bool send_little(int fd)
{
	return send_quietly(fd, long_request, LIMIT_CONNECTION - 1024);
}

/* The longest message there is, most of it sent. */
static struct wire longest_request(void)
{
	const size_t frame = 1 + 4 + some_key()->blob.len + 4 + 4;
	struct wire data = {calloc(1, LIMIT_MESSAGE), LIMIT_MESSAGE - frame}, stream = {0}, w;

	w = ask_sign(&some_key()->blob, &data, 0);
	wire_frame(&stream, &w);
	assert_int_equal(stream.len, LIMIT_MESSAGE + 4);
	wire_free(&w);
	wire_free(&data);
	return stream;
}

static void send_part(int fd, const struct wire *w, size_t from, size_t to)
{
	struct wire part = {w->data + from, to - from};

	probe_send(fd, &part);
}

/* One who is slow, but by far not the worst, is not the one who has to go. */
static void halves(member each, int least_left, int most_left)
{
	const int open = descriptors_of(core_of(&agent));
	const long before = memory_used();
	struct wire request = longest_request(), reply;
	int slow = probe_dial(&agent);

	send_part(slow, &request, 0, 200 * 1024);
	struct crowd c = crowd_start(CROWD, each);
	print_message("# %d of %d are left\n", c.told, CROWD);
	assert_in_range(c.told, least_left, most_left);
	expect_growth(before, (long)CROWD * EACH_KIB + ALL_KIB + SLACK_KIB);
	expect_served();
	send_part(slow, &request, 200 * 1024, request.len);
	reply = probe_receive(slow);
	assert_int_equal(reply.data[0], MSG_SIGNATURE);
	wire_free(&reply);
	wire_free(&request);
	close(slow);
	crowd_end(&c);
	expect_descriptors(open);
}

static void test_thousand_all_but_whole_requests(void **state)
{
	(void)state;
	halves(send_all_but_a_byte, 1, 2 * LIMIT_BACKLOG / LIMIT_MESSAGE);
}

static void test_thousand_parts_of_requests(void **state)
{
	(void)state;
	halves(send_some, CROWD / 3, CROWD - 1);
}

/* Within what each may have nobody is hung up on. */
static void test_thousand_small_parts(void **state)
{
	(void)state;
	halves(send_little, CROWD, CROWD);
}

/* --- answers that nobody reads */

static bool ask_and_never_read(int fd)
{
	const uint8_t lists[] = {0, 0, 0, 1, MSG_LIST, 0, 0, 0, 1, MSG_LIST, 0, 0, 0, 1, MSG_LIST};
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return send_quietly(fd, lists, sizeof(lists)) && poll(&p, 1, REPLY_MS) == 1;
}

/* Lists that are as long as can be. */
static void test_clients_that_never_read(void **state)
{
	static char comment[LIMIT_MESSAGE - 1024];
	const int open = descriptors_of(core_of(&agent));

	(void)state;
	memset(comment, 'c', sizeof(comment) - 1);
	struct wire w = ask_add(some_key(), comment);
	probe_expect(client, &w, MSG_SUCCESS);
	const long before = memory_used();
	struct crowd c = crowd_start(UNREAD, ask_and_never_read);
	expect_served();
	expect_growth(before, (long)UNREAD * EACH_KIB + ALL_KIB + SLACK_KIB);
	crowd_end(&c);
	expect_served();
	expect_descriptors(open);
}

/* --- requests that wait, each with much to be signed */

static struct wire waiting; /* the request of all members */

static bool ask_and_wait(int fd)
{
	return send_quietly(fd, waiting.data, waiting.len);
}

static void many_wait(const struct test_key *key, uint32_t flags)
{
	const int open = descriptors_of(core_of(&agent));
	struct wire data = {calloc(1, LONG_DATA), LONG_DATA},
		    w = ask_sign(&key->blob, &data, flags);

	wire_frame(&waiting, &w);
	wire_free(&w);
	wire_free(&data);
	const long before = memory_used();
	struct crowd c = crowd_start(UNREAD, ask_and_wait);
	expect_served();
	expect_growth(before, (long)UNREAD * EACH_KIB + ALL_KIB + SLACK_KIB);
	crowd_end(&c);
	expect_descriptors(open);
	wire_free(&waiting);
	expect_served();
}

static void test_long_questions(void **state)
{
	const struct test_key *asked = test_key("ed25519", "asked");
	struct wire w = ask_add_constrained(asked, "asked");

	(void)state;
	constrain_confirm(&w);
	probe_expect(client, &w, MSG_SUCCESS);
	many_wait(asked, 0);
}

/* They wait for each other. */
static void test_long_slow_signatures(void **state)
{
	const struct test_key *rsa = test_key("rsa2048", "slow");
	struct wire w = ask_add(rsa, "slow");

	(void)state;
	probe_expect(client, &w, MSG_SUCCESS);
	many_wait(rsa, 2);
}

/* A slow signature of much is made, as any. */
static void test_one_long_slow_signature(void **state)
{
	const struct test_key *rsa = test_key("rsa2048", "slow");
	struct wire data = {calloc(1, LONG_DATA), LONG_DATA}, w = ask_add(rsa, "slow"), reply;
	size_t pos = 1;

	(void)state;
	probe_expect(client, &w, MSG_SUCCESS);
	w = ask_sign(&rsa->blob, &data, 2);
	reply = probe_ask(client, &w);
	assert_int_equal(reply.data[0], MSG_SIGNATURE);
	struct wire signature = wire_get_string(&reply, &pos);
	assert_true(signature_is_good(rsa, "rsa-sha2-256", &data, &signature));
	wire_free(&reply);
	wire_free(&data);
}

/* --- ten thousand keys */

struct made_key {
	uint8_t secret[32], open[32];
};

static void make_key(uint32_t number, struct made_key *k)
{
	size_t n = sizeof(k->open);

	memset(k->secret, 7, sizeof(k->secret));
	memcpy(k->secret, &number, sizeof(number));
	EVP_PKEY *key =
	    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->secret, sizeof(k->secret));
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, k->open, &n), 1);
	EVP_PKEY_free(key);
}

static struct wire blob_of(const struct made_key *k)
{
	struct wire w = {0};

	wire_text(&w, "ssh-ed25519");
	wire_string(&w, k->open, sizeof(k->open));
	return w;
}

static struct wire add_of(const struct made_key *k)
{
	struct wire w = ask_text(MSG_ADD, "ssh-ed25519"), pair = {0};

	wire_string(&w, k->open, sizeof(k->open));
	wire_raw(&pair, k->secret, sizeof(k->secret));
	wire_raw(&pair, k->open, sizeof(k->open));
	wire_string(&w, pair.data, pair.len);
	wire_text(&w, "one of very many");
	wire_free(&pair);
	return w;
}

/* Processor time of the process with the keys, in clock ticks. */
static long ticks_used(void)
{
	char path[64], line[512];
	unsigned long user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", core_of(&agent));
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_int_equal(sscanf(strrchr(line, ')') + 2,
			     "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
	    2);
	return (long)(user + system);
}

/* Several in one write. */
static void add_row(uint32_t first, uint32_t n, struct made_key *last)
{
	struct wire stream = {0};

	for (uint32_t i = 0; i < n; i++) {
		make_key(first + i, last);
		struct wire w = add_of(last);
		wire_frame(&stream, &w);
		wire_free(&w);
	}
	probe_send(client, &stream);
	wire_free(&stream);
	while (n-- != 0) {
		struct wire reply = probe_receive(client);
		assert_int_equal(reply.data[0], MSG_SUCCESS);
		wire_free(&reply);
	}
}

/* A key costs as much as another one, however many there are. */
static void add_keys(struct made_key *last)
{
	enum { PARTS = 4, ROW = 50 };
	long used[PARTS];

	for (uint32_t part = 0, i = 0; part < PARTS; part++) {
		used[part] = ticks_used();
		for (; i < (part + 1) * KEYS / PARTS; i += ROW)
			add_row(i, ROW, last);
		used[part] = ticks_used() - used[part];
	}
	print_message("# processor time for each quarter: %ld %ld %ld %ld\n", used[0], used[1],
	    used[2], used[3]);
	assert_true(used[PARTS - 1] <= 3 * used[0] + 20);
}

static void test_ten_thousand_keys(void **state)
{
	struct made_key last;

	(void)state;
	add_keys(&last);
	struct wire blob = blob_of(&last), data = {0};
	assert_int_equal(probe_count(client), LIMIT_LISTED);
	struct wire signature = probe_sign(client, &blob, &data, 0);
	assert_int_not_equal(signature.len, 0);
	wire_free(&signature);
	struct wire w = ask_string(MSG_REMOVE, blob.data, blob.len);
	probe_expect(client, &w, MSG_SUCCESS);
	w = ask_sign(&blob, &data, 0);
	probe_expect(client, &w, MSG_FAILURE);
	probe_say(client, MSG_REMOVE_ALL, NULL, MSG_SUCCESS);
	assert_int_equal(probe_count(client), 0);
	wire_free(&blob);
}

/* --- limits of the system */

static void set_limit(int which, rlim_t value, struct rlimit *before)
{
	struct rlimit limit;

	assert_int_equal(prlimit(core_of(&agent), which, NULL, before), 0);
	limit = *before;
	limit.rlim_cur = value;
	assert_int_equal(prlimit(core_of(&agent), which, &limit, NULL), 0);
}

static void restore_limit(int which, const struct rlimit *before)
{
	assert_int_equal(prlimit(core_of(&agent), which, before, NULL), 0);
}

/* Not even as many as are open: nobody gets in, nothing spins, and it passes. */
static void test_descriptors_taken_away(void **state)
{
	const int open = descriptors_of(core_of(&agent));
	struct rlimit before;
	struct wire list = ask_plain(MSG_LIST), stream = {0};
	int late[20];

	(void)state;
	set_limit(RLIMIT_NOFILE, 3, &before);
	wire_frame(&stream, &list);
	for (size_t i = 0; i < 20; i++) {
		late[i] = probe_dial(&agent);
		probe_send(late[i], &stream);
		probe_expect_works(client, &some_key()->blob);
	}
	const long used = ticks_used();
	pause_ms(600);
	assert_in_range(ticks_used() - used, 0, sysconf(_SC_CLK_TCK) / 6);
	assert_false(probe_readable(late[0], 0));
	restore_limit(RLIMIT_NOFILE, &before);
	for (size_t i = 0; i < 20; i++) {
		struct wire reply = probe_receive(late[i]);
		assert_int_equal(reply.data[0], MSG_KEYS);
		wire_free(&reply);
		close(late[i]);
	}
	wire_free(&list);
	wire_free(&stream);
	expect_descriptors(open);
}

static rlim_t size_of_core(void)
{
	char path[64];
	unsigned long pages = 0;

	snprintf(path, sizeof(path), "/proc/%d/statm", core_of(&agent));
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* The key of this number, with a comment that takes room. */
static struct wire add_with_comment(uint32_t number)
{
	static char comment[16 * 1024];
	struct made_key k;
	struct wire w;

	make_key(number, &k);
	w = add_of(&k);
	w.len -= 4 + strlen("one of very many");
	memset(comment, 'm', sizeof(comment) - 1);
	wire_text(&w, comment);
	return w;
}

static bool signs(uint32_t number)
{
	struct made_key k;
	struct wire blob, data = {0}, w, reply;
	bool good;

	make_key(number, &k);
	blob = blob_of(&k);
	w = ask_sign(&blob, &data, 0);
	reply = probe_ask(client, &w);
	good = reply.data[0] == MSG_SIGNATURE;
	assert_true(good || reply.data[0] == MSG_FAILURE);
	wire_free(&reply);
	wire_free(&blob);
	return good;
}

/* Every addition is taken whole or refused: what was taken signs afterwards, and nothing else. */
static void test_memory_taken_away(void **state)
{
	enum { TRIED = 200 };
	bool taken[TRIED];
	int refused = 0;
	struct rlimit before;

	(void)state;
	if (SANITIZED) {
		print_message(
		    "# SKIP not on Debian 12: a build with sanitizers ends without memory\n");
		skip();
	}
	set_limit(RLIMIT_AS, size_of_core(), &before);
	for (uint32_t i = 0; i < TRIED; i++) {
		struct wire w = add_with_comment(i), reply = probe_ask(client, &w);

		taken[i] = reply.data[0] == MSG_SUCCESS;
		assert_true(taken[i] || reply.data[0] == MSG_FAILURE);
		refused += !taken[i];
		wire_free(&reply);
	}
	print_message("# %d of %d keys were refused for want of memory\n", refused, TRIED);
	assert_true(refused > 0);
	probe_expect_works(client, &some_key()->blob);
	restore_limit(RLIMIT_AS, &before);
	expect_served();
	for (uint32_t i = 0; i < TRIED; i++)
		assert_int_equal(signs(i), taken[i]);
	struct wire w = add_with_comment(TRIED);
	probe_expect(client, &w, MSG_SUCCESS);
	assert_true(signs(TRIED));
}

/* --- */

static int begin(void **state)
{
	static char askpass[160];
	static const char *const asks[] = {askpass, "SSH_ASKPASS_REQUIRE=force", NULL};

	(void)state;
	/* A question that nobody answers. */
	shell("printf '#!/bin/sh\\nexec sleep 60\\n' >%s/ask && chmod 700 %s/ask", keys_folder(),
	    keys_folder());
	snprintf(askpass, sizeof(askpass), "SSH_ASKPASS=%s/ask", keys_folder());
	probe_start(&agent, &(struct probe_options){.environment = asks});
	client = probe_dial(&agent);
	add(some_key());
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(client);
	probe_end(&agent);
	return 0;
}

static int last(void **state)
{
	(void)state;
	keys_remove();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	struct rlimit limit;
	const struct CMUnitTest tests[] = {
	    TEST(test_ten_thousand_in_turn),
	    TEST(test_thousand_at_once),
	    TEST(test_thousand_all_but_whole_requests),
	    TEST(test_thousand_parts_of_requests),
	    TEST(test_thousand_small_parts),
	    TEST(test_clients_that_never_read),
	    TEST(test_long_questions),
	    TEST(test_long_slow_signatures),
	    TEST(test_one_long_slow_signature),
	    TEST(test_ten_thousand_keys),
	    TEST(test_descriptors_taken_away),
	    TEST(test_memory_taken_away),
	};

	/* Room for a thousand connections on our side. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return cmocka_run_group_tests(tests, NULL, last);
}
