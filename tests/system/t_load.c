/*
 * Very many clients and very many keys, and limits of the system that are reached: everybody is
 * answered, or refused, and nothing is left behind.
 */
#include <openssl/evp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/crowd_scene.h"

enum { KEYS = 10000 };

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

/* --- connections opened and closed as fast as can be */

enum { FLOODERS = 2, FLOOD_SIGNATURES = 300, FLOOD_NEWCOMERS = 20 };

struct flood {
	_Atomic unsigned done; /* connections so far */
	pid_t pids[FLOODERS];
};

/* Shared with those who flood, who leave by themselves when the agent does. */
static struct flood *flood_start(void)
{
	struct flood *f =
	    mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(f != MAP_FAILED);
	for (int i = 0; i < FLOODERS; i++) {
		const pid_t pid = fork();

		assert_true(pid >= 0);
		while (pid == 0) {
			int fd = probe_try_dial(&agent);

			if (fd < 0)
				_exit(1);
			close(fd);
			f->done++;
		}
		f->pids[i] = pid;
	}
	return f;
}

static void flood_end(struct flood *f)
{
	for (int i = 0; i < FLOODERS; i++) {
		int status;

		kill(f->pids[i], SIGTERM);
		assert_int_equal(waitpid(f->pids[i], &status, 0), f->pids[i]);
		/* It was at it to the end: nobody was refused. */
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	}
	munmap(f, sizeof(*f));
}

/* Who signs is answered each time, newcomers among them, and nothing is left of the flood. */
static void test_flood(void **state)
{
	const int open = descriptors_of(core_of(&agent));
	const long before = memory_used();
	struct flood *f = flood_start();

	(void)state;
	for (long long end = now_ms() + REPLY_MS; f->done == 0; pause_ms(1))
		assert_true(now_ms() < end);
	const unsigned first = f->done;
	for (int i = 0; i < FLOOD_SIGNATURES; i++)
		probe_expect_works(client, &some_key()->blob);
	for (int i = 0; i < FLOOD_NEWCOMERS; i++) {
		int newcomer = probe_dial(&agent);

		probe_expect_works(newcomer, &some_key()->blob);
		close(newcomer);
	}
	const unsigned most = f->done - first;
	const int held = descriptors_of(core_of(&agent));
	print_message(
	    "# %u connections were opened and closed meanwhile; descriptors: %d, before %d\n", most,
	    held, open);
	assert_true(most > 0);
	flood_end(f);
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
	pause_ms(1000);
	print_message("# processor time at the limit: %ld of %ld\n", ticks_used() - used,
	    sysconf(_SC_CLK_TCK));
	/* Little, as one that spins has but a share where others are busy. */
	assert_in_range(ticks_used() - used, 0, sysconf(_SC_CLK_TCK) / 25);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_ten_thousand_in_turn),
	    TEST(test_flood),
	    TEST(test_thousand_at_once),
	    TEST(test_ten_thousand_keys),
	    TEST(test_descriptors_taken_away),
	    TEST(test_memory_taken_away),
	};

	raise_own_limit();
	return cmocka_run_group_tests(tests, NULL, keys_gone);
}
