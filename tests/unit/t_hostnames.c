/* Asking for a host's names, with this test as supervisor. */
#include "tests/support/base_test.h"

#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/hostnames.h"
#include "keystore/crypto.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/limits.h"
#include "tests/support/keys_ssh.h"

enum { CORE, SUPERVISOR };

static struct workers *workers; /* one thread, which never ends */
static struct keys_dir home;
static struct builder key;

struct blocker {
	struct job job;
	sem_t started, go, over;
};

struct scene {
	struct hostnames names;
	int channel[2];
	struct watch core_end;
	struct outbox outbox;
	unsigned calls;
	enum err result;
	char text[HOSTSEARCH_TEXT];
	int hang;        /* what holds up the search, closed by the answer; -1: nothing */
	unsigned served; /* queries answered while the loop ran */
	bool silent;     /* none is */
	size_t open_before;
};

static int group_setup(void **state)
{
	(void)state;
	if (crypto_start() != ERR_OK)
		return -1;
	workers = workers_start(1, 0);
	keys_dir_make(&home);
	assert_true(keys_run("cd %s && mkdir .ssh && ssh-keygen -q -t ed25519 -N '' -f k && "
			     "(printf 'db1.example.org ' && cat k.pub) >.ssh/known_hosts && "
			     "(printf 'db2.example.org ' && cat k.pub) >.ssh/known_hosts2 && "
			     "ssh-keygen -q -H -f .ssh/known_hosts2 >/dev/null 2>&1",
	    home.path));
	keys_load_public(&home, "k.pub", &key);
	return workers != NULL ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	builder_clear(&key);
	keys_dir_remove(&home);
	return 0;
}

static struct task *round_over(void *ctx);

static uint64_t standing(void)
{
	return (uint64_t)1 << 40;
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->open_before = base_open_count();
	s->hang = -1;
	clock_replace(standing, NULL); /* however busy the machine is */
	s->names.loop = loop_new();
	if (s->names.loop == NULL || channel_pair(s->channel) != ERR_OK)
		return -1;
	s->core_end.fd = s->channel[CORE];
	s->outbox.channel = &s->core_end;
	s->names.outbox = &s->outbox;
	s->names.workers = workers;
	loop_after_round(s->names.loop, round_over, s);
	*state = s;
	return 0;
}

/* After every test: no query and no descriptor is left. */
static int teardown(void **state)
{
	struct scene *s = *state;
	bool good = s->names.open == 0 && s->names.first == NULL && s->names.last == NULL &&
		    s->names.current == NULL;

	clock_replace(NULL, NULL);
	loop_free(s->names.loop);
	fd_close(&s->channel[CORE]);
	fd_close(&s->channel[SUPERVISOR]);
	good = good && base_open_count() == s->open_before;
	free(s);
	return good ? 0 : -1;
}

static void done(void *ctx, enum err result, const char *text)
{
	struct scene *s = ctx;

	s->calls++;
	fd_close(&s->hang);
	s->result = result;
	(void)snprintf(s->text, sizeof(s->text), "%s", text);
}

static struct hostnames_query *ask(struct scene *s)
{
	struct bytes candidates[] = {bytes_str("localhost"), bytes_str("db2.example.org")};
	unsigned before = s->calls;
	struct hostnames_query *q =
	    hostnames_ask(&s->names, builder_view(&key), candidates, 2, done, s);

	assert_non_null(q);
	assert_int_equal(s->calls, before); /* never from within the call */
	return q;
}

/* The supervisor's part: the number of what is asked for. */
static uint32_t hear(const struct scene *s)
{
	struct channel_message m;
	int fd;

	assert_int_equal(channel_receive(s->channel[SUPERVISOR], &m, &fd), ERR_OK);
	assert_int_equal(m.kind, CHANNEL_FILES);
	assert_int_equal(fd, -1);
	return m.id;
}

static void hear_nothing(const struct scene *s)
{
	struct channel_message m;
	int fd;

	assert_int_equal(fd_nonblock(s->channel[SUPERVISOR]), ERR_OK);
	assert_int_equal(channel_receive(s->channel[SUPERVISOR], &m, &fd), ERR_LIMIT);
}

/* Its answer, on its way through the channel as in the core; which files came, a bit each. */
static unsigned answer_from(struct scene *s, uint32_t id, const char *path)
{
	struct channel_message m = {0};
	unsigned came = 0;

	knownfiles_send(s->channel[SUPERVISOR], id, path);
	while (m.arg != KNOWNFILES) {
		int fd;

		assert_int_equal(channel_receive(s->channel[CORE], &m, &fd), ERR_OK);
		assert_int_equal(m.kind, CHANNEL_FILE);
		assert_int_equal(m.id, id);
		assert_int_equal(fd >= 0, m.arg < KNOWNFILES);
		came |= 1u << m.arg;
		hostnames_heard(&s->names, m.id, m.arg, fd);
	}
	return came & ~(1u << KNOWNFILES);
}

static void answer(struct scene *s, uint32_t id)
{
	assert_int_equal(answer_from(s, id, home.path) & 3, 3);
}

/* What is asked for while the loop runs is answered; with nothing left to wait for, it is left. */
static struct task *round_over(void *ctx)
{
	struct scene *s = ctx;
	struct channel_message m;
	int fd;

	while (!s->silent && channel_receive(s->channel[SUPERVISOR], &m, &fd) == ERR_OK) {
		assert_int_equal(m.kind, CHANNEL_FILES);
		assert_int_equal(s->calls, s->served + 1); /* the one before is through */
		answer(s, m.id);
		s->served++;
	}
	if (s->names.first == NULL)
		loop_stop(s->names.loop);
	return NULL;
}

/* Let the loop do what is left to do.  Once a test. */
static void run_out(struct scene *s)
{
	s->silent = s->silent || s->channel[SUPERVISOR] < 0;
	if (!s->silent)
		assert_int_equal(fd_nonblock(s->channel[SUPERVISOR]), ERR_OK);
	if (s->names.first != NULL)
		loop_run(s->names.loop);
}

static uint64_t real_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void wait_for(sem_t *sem)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += BASE_PATIENCE / 1000;
	assert_int_equal(sem_timedwait(sem, &end), 0);
}

static void block(struct job *j)
{
	struct blocker *b = (struct blocker *)(void *)j;

	sem_post(&b->started);
	sem_wait(&b->go);
	sem_post(&b->over);
}

/* The only worker is busy until it is let go. */
static void occupy(struct blocker *b)
{
	b->job.run = block;
	sem_init(&b->started, 0, 0);
	sem_init(&b->go, 0, 0);
	sem_init(&b->over, 0, 0);
	workers_run(workers, &b->job);
	wait_for(&b->started);
}

static void let_go(struct blocker *b)
{
	sem_post(&b->go);
	wait_for(&b->over);
}

static void test_names_arrive(void **state)
{
	struct scene *s = *state;

	(void)ask(s);
	answer(s, hear(s));
	assert_int_equal(s->calls, 0);
	run_out(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_OK);
	assert_string_equal(s->text, "db1.example.org, db2.example.org");
}

static void test_unknown_key(void **state)
{
	struct scene *s = *state;

	strcpy(s->text, "left over");
	assert_non_null(hostnames_ask(&s->names, bytes_str("garbage"), NULL, 0, done, s));
	answer(s, hear(s));
	run_out(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_OK);
	assert_string_equal(s->text, "");
}

static void test_no_files(void **state)
{
	struct scene *s = *state;

	strcpy(s->text, "left over");
	(void)ask(s);
	hostnames_heard(&s->names, hear(s), KNOWNFILES, -1);
	run_out(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_OK);
	assert_string_equal(s->text, "");
}

/* The name that fits is candidate number at; all is gone when the answer comes. */
static void ask_with_many(struct scene *s, size_t at)
{
	struct bytes many[LIMIT_HOST_CANDIDATES + 1];
	char name[] = "db2.example.org";

	for (size_t i = 0; i <= LIMIT_HOST_CANDIDATES; i++)
		many[i] = bytes_str("localhost");
	many[at] = bytes_str(name);
	assert_non_null(
	    hostnames_ask(&s->names, builder_view(&key), many, LIMIT_HOST_CANDIDATES + 1, done, s));
	memset(name, 'x', sizeof(name) - 1);
	memset(many, 0, sizeof(many));
	answer(s, hear(s));
	run_out(s);
	assert_int_equal(s->calls, 1);
}

static void test_question_is_copied(void **state)
{
	struct scene *s = *state;

	ask_with_many(s, LIMIT_HOST_CANDIDATES - 1);
	assert_string_equal(s->text, "db1.example.org, db2.example.org");
}

static void test_candidates_beyond_the_limit(void **state)
{
	struct scene *s = *state;

	ask_with_many(s, LIMIT_HOST_CANDIDATES);
	assert_string_equal(s->text, "db1.example.org");
}

static void test_one_after_the_other(void **state)
{
	struct scene *s = *state;
	uint32_t id;

	for (unsigned i = 0; i < 3; i++)
		(void)ask(s);
	id = hear(s);
	hear_nothing(s);
	answer(s, id);
	hear_nothing(s);
	run_out(s);
	assert_int_equal(s->calls, 3);
	assert_int_equal(s->served, 2);
}

static void test_garbage_is_dropped(void **state)
{
	struct scene *s = *state;
	uint32_t id;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	hostnames_heard(&s->names, 1, 0, fcntl(fd, F_DUPFD_CLOEXEC, 0)); /* nobody asked */
	(void)ask(s);
	id = hear(s);
	hostnames_heard(&s->names, id + 1, 0, fcntl(fd, F_DUPFD_CLOEXEC, 0));
	hostnames_heard(&s->names, id + 1, KNOWNFILES, -1);
	hostnames_heard(&s->names, id, KNOWNFILES + 1, fcntl(fd, F_DUPFD_CLOEXEC, 0));
	hostnames_heard(&s->names, id, 3, -1);
	hostnames_heard(&s->names, id, 3, fcntl(fd, F_DUPFD_CLOEXEC, 0));
	hostnames_heard(&s->names, id, 3, fcntl(fd, F_DUPFD_CLOEXEC, 0));
	answer(s, id);
	hostnames_heard(&s->names, id, 2, fd); /* after the end */
	hostnames_heard(&s->names, id, KNOWNFILES, -1);
	run_out(s);
	assert_int_equal(s->calls, 1);
	assert_string_equal(s->text, "db1.example.org, db2.example.org");
	hostnames_heard(&s->names, id, KNOWNFILES, -1);
}

static void test_cancelled_while_it_waits(void **state)
{
	struct scene *s = *state;
	struct hostnames_query *second;

	(void)ask(s);
	second = ask(s);
	(void)ask(s);
	hostnames_cancel(second);
	hostnames_cancel(NULL);
	answer(s, hear(s));
	run_out(s);
	assert_int_equal(s->calls, 2);
	assert_int_equal(s->served, 1);
}

/* Before the files come, and between them: what comes later is closed, and the next one asks. */
static void test_cancelled_while_the_supervisor_works(void **state)
{
	struct scene *s = *state;
	struct hostnames_query *q = ask(s);
	uint32_t first = hear(s), second;

	hostnames_heard(&s->names, first, 0, open("/dev/null", O_RDONLY | O_CLOEXEC));
	(void)ask(s);
	hostnames_cancel(q);
	second = hear(s);
	assert_int_not_equal(first, second);
	answer(s, first);
	answer(s, second);
	run_out(s);
	assert_int_equal(s->calls, 1);
	assert_string_equal(s->text, "db1.example.org, db2.example.org");
}

static void test_cancelled_before_a_worker_begins(void **state)
{
	struct scene *s = *state;
	struct hostnames_query *q = ask(s);
	struct blocker b;

	occupy(&b);
	answer(s, hear(s));
	hostnames_cancel(q);
	assert_null(s->names.first); /* at once */
	let_go(&b);
	assert_int_equal(s->calls, 0);
}

/* The job has it, or it is back already: it goes when the loop gets it, and the next one's turn is
 * then. */
static void test_cancelled_when_a_worker_has_begun(void **state)
{
	struct scene *s = *state;
	struct hostnames_query *q = ask(s);
	struct blocker b;

	(void)ask(s);
	answer(s, hear(s));
	occupy(&b); /* the only worker is through with the search */
	hostnames_cancel(q);
	assert_non_null(s->names.current);
	hear_nothing(s);
	assert_int_equal(s->names.open, 1);
	let_go(&b);
	hostnames_cancel(s->names.last);
	run_out(s);
	assert_int_equal(s->calls, 0);
}

static void test_supervisor_that_cannot_be_reached(void **state)
{
	struct scene *s = *state;
	struct hostnames_query *q;

	fd_close(&s->channel[SUPERVISOR]);
	q = ask(s);
	hostnames_cancel(q); /* its end is on the way already */
	(void)ask(s);
	run_out(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_SYSTEM);
	assert_string_equal(s->text, "");
}

static uint64_t far_ahead(void)
{
	static uint64_t now;

	return now += LIMIT_WITNESS_MS / 2;
}

static void test_supervisor_that_does_not_answer(void **state)
{
	struct scene *s = *state;

	clock_replace(far_ahead, NULL);
	(void)ask(s);
	(void)ask(s); /* and one that never has its turn */
	s->silent = true;
	run_out(s);
	assert_int_equal(s->calls, 2);
	assert_int_equal(s->result, ERR_TIMEOUT);
	assert_string_equal(s->text, "");
	answer(s, hear(s)); /* too late */
}

/* The answer is none, and what it finds in the end is nobody's. */
static void test_search_that_hangs(void **state)
{
	struct scene *s = *state;
	uint64_t end = real_now() + BASE_PATIENCE;
	int ends[2], waiting = 1;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	clock_replace(far_ahead, NULL);
	(void)ask(s);
	hostnames_heard(&s->names, hear(s), 0, ends[0]);
	hostnames_heard(&s->names, s->names.last_id, KNOWNFILES, -1);
	assert_int_equal(write(ends[1], "x", 1), 1);
	while (waiting != 0) { /* until a worker has read it */
		assert_int_equal(ioctl(ends[0], FIONREAD, &waiting), 0);
		assert_true(real_now() < end);
		sched_yield();
	}
	s->hang = ends[1];
	run_out(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_TIMEOUT);
	assert_string_equal(s->text, "");
}

/* No worker is free in time. */
static void test_no_worker_is_free(void **state)
{
	struct scene *s = *state;
	struct blocker b;

	clock_replace(far_ahead, NULL);
	occupy(&b);
	(void)ask(s);
	answer(s, hear(s));
	run_out(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_TIMEOUT);
	assert_string_equal(s->text, "");
	let_go(&b);
}

/* A folder, a FIFO that nobody writes into, and a link. */
static void test_only_regular_files_are_opened(void **state)
{
	struct scene *s = *state;
	char odd[128];

	(void)snprintf(odd, sizeof(odd), "%s/odd", home.path);
	assert_true(
	    keys_run("mkdir -p %s/.ssh/known_hosts && mkfifo %s/.ssh/known_hosts2", odd, odd));
	assert_int_equal(answer_from(s, 1, odd) & 3, 0);
	assert_true(
	    keys_run("rm -rf %s/.ssh/* && ln -s ../../.ssh/known_hosts %s/.ssh/", odd, odd));
	assert_int_equal(answer_from(s, 1, odd) & 3, 1);
	assert_int_equal(answer_from(s, 1, NULL) & 3, 0);
	assert_int_equal(knownfile_open(KNOWNFILES, home.path), -1);
	assert_non_null(knownfiles_home());
}

static void test_opened_files_are_read_only(void **state)
{
	int fd = knownfile_open(0, home.path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	fd_close(&fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_names_arrive),
	    TEST(test_unknown_key),
	    TEST(test_no_files),
	    TEST(test_question_is_copied),
	    TEST(test_candidates_beyond_the_limit),
	    TEST(test_one_after_the_other),
	    TEST(test_garbage_is_dropped),
	    TEST(test_cancelled_while_it_waits),
	    TEST(test_cancelled_while_the_supervisor_works),
	    TEST(test_cancelled_before_a_worker_begins),
	    TEST(test_cancelled_when_a_worker_has_begun),
	    TEST(test_supervisor_that_cannot_be_reached),
	    TEST(test_supervisor_that_does_not_answer),
	    TEST(test_search_that_hangs),
	    TEST(test_no_worker_is_free),
	    TEST(test_only_regular_files_are_opened),
	    TEST(test_opened_files_are_read_only),
	};

	return cmocka_run_group_tests_name("hostnames", tests, group_setup, group_teardown);
}
