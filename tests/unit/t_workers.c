/* Worker threads: order, idleness, jobs taken back. */
#include "tests/support/base_test.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/workers.h"

enum { THREADS = 3, MANY = 2000, NICE = 7 };

/* They never end, so all tests share them. */
static struct workers *workers;

struct piece {
	struct job job;
	sem_t *started, *go, *done; /* posted, waited for, posted; each may be NULL */
	atomic_int *count;
	int order; /* how many were run before; -1: it was not run */
	int nice;
	pthread_t by;
};

static void piece_run(struct job *j);

static struct piece piece(sem_t *started, sem_t *go, sem_t *done, atomic_int *count)
{
	return (struct piece){.job = {.run = piece_run},
	    .started = started,
	    .go = go,
	    .done = done,
	    .count = count,
	    .order = -1};
}

static void piece_run(struct job *j)
{
	struct piece *p = (struct piece *)(void *)j;
	sem_t *done = p->done;

	if (p->started != NULL)
		sem_post(p->started);
	if (p->go != NULL)
		sem_wait(p->go);
	p->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
	p->by = pthread_self();
	p->order = atomic_fetch_add(p->count, 1);
	if (done != NULL)
		sem_post(done);
}

static void wait_for(sem_t *s)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += BASE_PATIENCE / 1000;
	assert_int_equal(sem_timedwait(s, &end), 0);
}

/* Give each worker a job that waits for go. */
static void occupy(struct piece *blockers, sem_t *started, sem_t *go, atomic_int *count)
{
	for (int n = 0; n < THREADS; n++) {
		blockers[n] = piece(started, go, NULL, count);
		workers_run(workers, &blockers[n].job);
	}
	for (int n = 0; n < THREADS; n++)
		wait_for(started);
}

static void test_all_jobs_are_done_once(void **state)
{
	static struct piece pieces[MANY];
	int own = getpriority(PRIO_PROCESS, 0);
	atomic_int count = 0;
	sem_t done;

	(void)state;
	sem_init(&done, 0, 0);
	for (int i = 0; i < MANY; i++) {
		pieces[i] = piece(NULL, NULL, &done, &count);
		workers_run(workers, &pieces[i].job);
	}
	for (int i = 0; i < MANY; i++)
		wait_for(&done);
	assert_int_equal(count, MANY);
	for (int i = 0; i < MANY; i++) {
		assert_in_range(pieces[i].order, 0, MANY - 1);
		assert_int_equal(pieces[i].nice, own + NICE < 19 ? own + NICE : 19);
	}
}

/* Queued jobs keep their order; those taken back never run. */
static void test_queue_keeps_order_and_gives_back(void **state)
{
	static struct piece blockers[THREADS], pieces[6];
	atomic_int blocked = 0, count = 0;
	sem_t started, go, done;

	(void)state;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	occupy(blockers, &started, &go, &blocked);
	for (int i = 0; i < 6; i++) {
		pieces[i] = piece(NULL, NULL, &done, &count);
		workers_run(workers, &pieces[i].job);
	}
	/* The first, one amid, the last; a job cannot be taken back twice, nor one that has begun.
	 */
	assert_true(workers_cancel(workers, &pieces[0].job));
	assert_true(workers_cancel(workers, &pieces[2].job));
	assert_true(workers_cancel(workers, &pieces[5].job));
	assert_false(workers_cancel(workers, &pieces[5].job));
	assert_false(workers_cancel(workers, &blockers[0].job));
	/* One put behind a last one that was taken back must still be found. */
	workers_run(workers, &pieces[0].job);
	sem_post(&go); /* one worker goes on, and does the rest alone */
	for (int i = 0; i < 4; i++)
		wait_for(&done);
	assert_int_equal(pieces[1].order, 0);
	assert_int_equal(pieces[3].order, 1);
	assert_int_equal(pieces[4].order, 2);
	assert_int_equal(pieces[0].order, 3);
	assert_int_equal(pieces[2].order, -1);
	assert_int_equal(pieces[5].order, -1);
	assert_false(workers_cancel(workers, &pieces[1].job));
	for (int i = 1; i < THREADS; i++)
		sem_post(&go);
	while (atomic_load(&blocked) != THREADS)
		sched_yield();
}

/* The pool's threads without work, as it is linked here; and whether nobody wakes them, so that
 * what was queued for one stays in the queue. */
static atomic_int asleep;
static atomic_bool silent;

extern __typeof__(pthread_cond_wait) __real_pthread_cond_wait, __wrap_pthread_cond_wait;
extern __typeof__(pthread_cond_signal) __real_pthread_cond_signal, __wrap_pthread_cond_signal;

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	int result;

	atomic_fetch_add(&asleep, 1);
	result = __real_pthread_cond_wait(cond, lock);
	atomic_fetch_sub(&asleep, 1);
	return result;
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
	return atomic_load(&silent) ? 0 : __real_pthread_cond_signal(cond);
}

static void wait_for_sleepers(int n)
{
	while (atomic_load(&asleep) != n)
		sched_yield();
}

/* As many as there are threads without work, those given to threads that have not yet begun among
 * them; and no pool takes nothing. */
static void test_soon_means_at_once(void **state)
{
	static struct piece blockers[THREADS], pieces[THREADS + 1];
	atomic_int blocked = 0, count = 0;
	sem_t started, go, done;

	(void)state;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	for (int i = 0; i < THREADS + 1; i++)
		pieces[i] = piece(NULL, NULL, &done, &count);
	occupy(blockers, &started, &go, &blocked);
	assert_false(workers_run_soon(workers, &pieces[0].job));
	assert_false(workers_run_soon(NULL, &pieces[0].job));
	for (int idle = 1; idle <= THREADS; idle++) {
		sem_post(&go);
		wait_for_sleepers(idle);
		atomic_store(&silent, true);
		for (int i = 0; i <= idle; i++)
			assert_int_equal(workers_run_soon(workers, &pieces[i].job), i < idle);
		for (int i = 0; i < idle; i++)
			assert_true(workers_cancel(workers, &pieces[i].job));
		atomic_store(&silent, false);
	}
	assert_int_equal(count, 0);
	assert_true(workers_run_soon(workers, &pieces[0].job));
	wait_for(&done);
	assert_int_equal(pieces[0].order, 0);
	assert_int_equal(blocked, THREADS);
}

/* What lasts is left to the threads, and where it was. */
static void test_help_does_what_waits(void **state)
{
	static struct piece blockers[THREADS], pieces[8];
	static const bool lasting[] = {true, false, false, true, true, false, true, false};
	atomic_int blocked = 0, count = 0;
	sem_t started, go, done;

	(void)state;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	assert_false(workers_help(NULL));
	occupy(blockers, &started, &go, &blocked);
	assert_false(workers_help(workers));
	for (int i = 0; i < 8; i++) {
		pieces[i] = piece(NULL, NULL, &done, &count);
		pieces[i].job.lasting = lasting[i];
	}
	/* The last of these is not one that lasts: what comes behind it must still be found. */
	for (int i = 0; i < 6; i++)
		workers_run(workers, &pieces[i].job);
	for (int n = 1; n <= 3; n++) {
		assert_true(workers_help(workers));
		assert_int_equal(count, n);
	}
	assert_false(workers_help(workers));
	assert_int_equal(pieces[1].order, 0);
	assert_int_equal(pieces[2].order, 1);
	assert_int_equal(pieces[5].order, 2);
	workers_run(workers, &pieces[6].job);
	workers_run(workers, &pieces[7].job);
	/* Of 0, 3, 4, 6, 7. */
	assert_true(workers_cancel(workers, &pieces[3].job));
	assert_false(workers_cancel(workers, &pieces[2].job));
	assert_true(workers_help(workers));
	assert_int_equal(pieces[7].order, 3);
	assert_false(workers_help(workers));
	sem_post(&go); /* one worker goes on, and does the rest alone */
	for (int i = 0; i < 7; i++)
		wait_for(&done);
	assert_int_equal(pieces[0].order, 4);
	assert_int_equal(pieces[4].order, 5);
	assert_int_equal(pieces[6].order, 6);
	assert_int_equal(pieces[3].order, -1);
	for (int i = 0; i < 8; i++) {
		bool here = pthread_equal(pieces[i].by, pthread_self());

		assert_int_equal(i != 3 && here, !lasting[i]);
	}
	for (int i = 1; i < THREADS; i++)
		sem_post(&go);
	while (atomic_load(&blocked) != THREADS)
		sched_yield();
}

static int group_setup(void **state)
{
	(void)state;
	workers = workers_start(THREADS, NICE);
	return workers != NULL ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_jobs_are_done_once),
	    cmocka_unit_test(test_soon_means_at_once),
	    cmocka_unit_test(test_queue_keeps_order_and_gives_back),
	    cmocka_unit_test(test_help_does_what_waits),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
