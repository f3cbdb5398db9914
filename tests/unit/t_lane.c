/* Lanes: who reads, who runs, and how many at once (tokens/base/lane.h). */
#include "tests/support/base_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/mem.h"
#include "tokens/base/lane.h"

enum { WORKERS = 3, MANY = 200, PATIENCE = 20 };

/* Requests are put here by the test, as a socket would have them. */
struct scene {
	struct lane *lane;
	pthread_mutex_t lock;
	unsigned next; /* how many were read */
	sem_t asked;   /* one for each that can be read */
	sem_t read, started, go, done;
	atomic_int inside, most;
	pthread_t reader[MANY], runner[MANY];
};

static struct scene scene;

static void expect(sem_t *s)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE;
	assert_int_equal(sem_timedwait(s, &end), 0);
}

static void next(void *ctx, struct blob *out)
{
	struct scene *s = ctx;
	uint8_t number;

	while (sem_wait(&s->asked) != 0)
		;
	number = (uint8_t)(s->next++ % MANY);
	s->reader[number] = pthread_self();
	if (blob_copy(out, BYTES(&number, 1)) != ERR_OK)
		abort();
	sem_post(&s->read);
}

static void run(void *ctx, struct bytes message)
{
	struct scene *s = ctx;
	int now = atomic_fetch_add(&s->inside, 1) + 1;
	int most = atomic_load(&s->most);

	while (now > most && !atomic_compare_exchange_weak(&s->most, &most, now))
		;
	s->runner[message.data[0]] = pthread_self();
	sem_post(&s->started);
	while (sem_wait(&s->go) != 0)
		;
	atomic_fetch_sub(&s->inside, 1);
	sem_post(&s->done);
}

static void *lead(void *arg)
{
	lane_lead(arg, next);
}

static void ask(unsigned n)
{
	while (n-- != 0)
		sem_post(&scene.asked);
}

/* They never end, so all tests share them: WORKERS may run at once. */
static int setup(void **state)
{
	pthread_t thread;

	(void)state;
	sem_init(&scene.asked, 0, 0);
	sem_init(&scene.read, 0, 0);
	sem_init(&scene.started, 0, 0);
	sem_init(&scene.go, 0, 0);
	sem_init(&scene.done, 0, 0);
	scene.lane = lane_new(WORKERS, run, &scene);
	return scene.lane != NULL && pthread_create(&thread, NULL, lead, scene.lane) == 0 ? 0 : -1;
}

static void forget(void)
{
	assert_int_equal(atomic_load(&scene.inside), 0);
	scene.next = 0;
	atomic_store(&scene.most, 0);
}

/*
 * Unless no other is free to go on reading, as when the last has only just ended: so each gets the
 * time to, and as many tries as PATIENCE holds.
 */
static void the_thread_that_reads_runs(void **state)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	time_t end = time(NULL) + PATIENCE;
	unsigned same = 0;

	(void)state;
	while (same < 20 && time(NULL) < end) {
		unsigned number = scene.next % MANY;

		ask(1);
		expect(&scene.read);
		expect(&scene.started);
		sem_post(&scene.go);
		expect(&scene.done);
		same += pthread_equal(scene.reader[number], scene.runner[number]) != 0;
		nanosleep(&pause, NULL);
	}
	assert_int_equal(same, 20);
	forget();
}

/* Whatever hangs: what comes is read, and as many run as may. */
static void reading_goes_on(void **state)
{
	(void)state;
	ask(MANY);
	for (unsigned i = 0; i < MANY; i++)
		expect(&scene.read);
	for (unsigned i = 0; i < WORKERS; i++)
		expect(&scene.started);
	assert_int_equal(atomic_load(&scene.inside), WORKERS);
	assert_int_equal(sem_trywait(&scene.started), -1);
	for (unsigned i = 0; i < MANY; i++)
		sem_post(&scene.go);
	for (unsigned i = 0; i < MANY; i++)
		expect(&scene.done);
	for (unsigned i = WORKERS; i < MANY; i++)
		expect(&scene.started);
	assert_int_equal(atomic_load(&scene.most), WORKERS);
	forget();
}

/* All stand still, one ends: the first of those that wait is run, and one that comes then is read.
 */
static void whoever_is_free_takes_what_waits(void **state)
{
	(void)state;
	ask(WORKERS + 2);
	for (unsigned i = 0; i < WORKERS + 2; i++)
		expect(&scene.read);
	for (unsigned i = 0; i < WORKERS; i++)
		expect(&scene.started);
	sem_post(&scene.go);
	expect(&scene.done);
	expect(&scene.started);
	ask(1);
	expect(&scene.read);
	for (unsigned i = 0; i < WORKERS + 2; i++)
		sem_post(&scene.go);
	for (unsigned i = 0; i < WORKERS + 2; i++)
		expect(&scene.done);
	expect(&scene.started);
	expect(&scene.started);
	forget();
}

/* --- without a reader ------------------------------------------------------------- */

static sem_t ran;
static uint8_t ran_order[MANY];
static atomic_uint ran_count;

static void note(void *ctx, struct bytes message)
{
	(void)ctx;
	ran_order[atomic_fetch_add(&ran_count, 1)] = message.data[0];
	sem_post(&ran);
}

static void one_thread_keeps_the_order(void **state)
{
	struct lane *l = lane_new(1, note, NULL);

	(void)state;
	assert_non_null(l);
	sem_init(&ran, 0, 0);
	for (unsigned i = 0; i < MANY; i++) {
		uint8_t number = (uint8_t)i;
		struct blob message = {0};

		assert_int_equal(blob_copy(&message, BYTES(&number, 1)), ERR_OK);
		assert_int_equal(lane_put(l, &message), ERR_OK);
		assert_int_equal(message.len, 0);
	}
	for (unsigned i = 0; i < MANY; i++)
		expect(&ran);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(ran_order[i], i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reading_goes_on), /* the first: by its end all threads are there */
	    cmocka_unit_test(the_thread_that_reads_runs),
	    cmocka_unit_test(whoever_is_free_takes_what_waits),
	    cmocka_unit_test(one_thread_keeps_the_order),
	};

	return cmocka_run_group_tests_name("lane", tests, setup, NULL);
}
