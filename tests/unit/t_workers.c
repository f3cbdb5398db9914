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
	int order; /* how many were run before */
	int nice;
};

static void piece_run(struct job *j)
{
	struct piece *p = (struct piece *)(void *)j;
	sem_t *done = p->done;

	if (p->started != NULL)
		sem_post(p->started);
	if (p->go != NULL)
		sem_wait(p->go);
	p->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
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
		blockers[n] = (struct piece){{NULL, piece_run}, started, go, NULL, count, 0, 0};
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
		pieces[i] = (struct piece){{NULL, piece_run}, NULL, NULL, &done, &count, -1, 0};
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
		pieces[i] = (struct piece){{NULL, piece_run}, NULL, NULL, &done, &count, -1, 0};
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

/* A short queue and no more; and no pool takes nothing. */
static void test_soon_means_soon(void **state)
{
	static struct piece blockers[THREADS], pieces[2 * THREADS + 1];
	atomic_int blocked = 0, count = 0;
	sem_t started, go, done;

	(void)state;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	occupy(blockers, &started, &go, &blocked);
	for (int i = 0; i < 2 * THREADS + 1; i++) {
		pieces[i] = (struct piece){{NULL, piece_run}, NULL, NULL, &done, &count, -1, 0};
		assert_int_equal(workers_run_soon(workers, &pieces[i].job), i < 2 * THREADS);
	}
	assert_false(workers_run_soon(NULL, &pieces[2 * THREADS].job));
	for (int i = 0; i < THREADS; i++)
		sem_post(&go);
	for (int i = 0; i < 2 * THREADS; i++)
		wait_for(&done);
	while (atomic_load(&blocked) != THREADS)
		sched_yield();
	assert_int_equal(count, 2 * THREADS);
	assert_int_equal(pieces[2 * THREADS].order, -1);
	assert_true(workers_run_soon(workers, &pieces[2 * THREADS].job));
	wait_for(&done);
}

struct searcher {
	struct workers *pool;
	atomic_int looks, finds; /* how often it looked, and how often it still finds something */
	struct piece found;      /* put into the queue by the last find */
	sem_t done;
};

static bool search(void *ctx)
{
	struct searcher *s = ctx;

	atomic_fetch_add(&s->looks, 1);
	if (atomic_load(&s->finds) == 0)
		return false;
	if (atomic_fetch_sub(&s->finds, 1) == 1)
		workers_run(s->pool, &s->found.job);
	return true;
}

/* It finds three times, and goes on with what that brought; then it looks some times in vain. */
static void test_worker_looks_for_more_before_it_sleeps(void **state)
{
	static struct searcher s; /* its thread never ends */
	atomic_int count = 0;
	struct piece first = {{NULL, piece_run}, NULL, NULL, &s.done, &count, -1, 0};
	int looks;

	(void)state;
	sem_init(&s.done, 0, 0);
	s.found = first;
	s.finds = 3;
	s.pool = workers_start(1, 0);
	assert_non_null(s.pool);
	workers_look(s.pool, search, &s);
	workers_run(s.pool, &first.job);
	wait_for(&s.done);
	wait_for(&s.done);
	assert_int_equal(first.order, 0);
	assert_int_equal(s.found.order, 1);
	assert_int_equal(atomic_load(&s.finds), 0);
	/* More looks than finds, and an end of them: the next job finds it as it was. */
	do {
		looks = atomic_load(&s.looks);
		usleep(20000);
	} while (looks == 3 || looks != atomic_load(&s.looks));
	assert_in_range(looks, 4, 1000);
	workers_run(s.pool, &s.found.job);
	wait_for(&s.done);
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
	    cmocka_unit_test(test_soon_means_soon),
	    cmocka_unit_test(test_queue_keeps_order_and_gives_back),
	    cmocka_unit_test(test_worker_looks_for_more_before_it_sleeps),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
