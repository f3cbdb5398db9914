/* The core's event loop: timers, watches, tasks (other threads in it: t_loop_enter.c). */
#include "tests/support/base_test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/loop.h"
#include "proto/base/clock.h"

enum { MANY = 300, THREADS = 4, EACH = 500 };

/* cmocka's state: one loop for each test. */
static struct loop *loop_in(void **state)
{
	return *state;
}

static int setup(void **state)
{
	*state = loop_new();
	return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	clock_replace(NULL, NULL);
	loop_free(*state);
	return 0;
}

/* A replaced clock: a millisecond later whenever somebody looks at it. */
static uint64_t fake_now;

static uint64_t fake_clock(void)
{
	return ++fake_now;
}

struct alarm {
	struct timer timer;
	struct loop *loop;
	struct timer *victim; /* cancelled when this one is due */
	uint64_t again;       /* armed anew for then, once */
	bool last;
	struct record *record;
};

struct record {
	uint64_t at[MANY];
	size_t n;
	bool early; /* one came before its time */
};

static void alarm_due(struct timer *t)
{
	struct alarm *a = (struct alarm *)(void *)((char *)t - offsetof(struct alarm, timer));

	assert_true(a->record->n < MANY);
	a->record->early = a->record->early || clock_now() < t->at;
	a->record->at[a->record->n++] = t->at;
	if (a->victim != NULL)
		timer_cancel(a->loop, a->victim);
	if (a->again != 0) {
		assert_int_equal(timer_arm(a->loop, t, a->again), ERR_OK);
		a->again = 0;
	}
	if (a->last)
		loop_stop(a->loop);
}

static void arm(struct alarm *a, struct loop *l, struct record *r, uint64_t at)
{
	a->loop = l;
	a->record = r;
	a->timer.due = alarm_due;
	assert_int_equal(timer_arm(l, &a->timer, at), ERR_OK);
}

static void test_timers_come_in_the_order_of_their_times(void **state)
{
	static struct alarm alarms[MANY];
	struct loop *l = loop_in(state);
	struct record r = {0};
	uint64_t dice = 7;
	size_t left = MANY;

	memset(alarms, 0, sizeof(alarms));
	fake_now = 0;
	clock_replace(fake_clock, NULL);
	for (int i = 0; i < MANY; i++) {
		dice = dice * 6364136223846793005u + 1442695040888963407u;
		arm(&alarms[i], l, &r, 100 + (dice >> 33) % 1000);
	}
	/* Some move, some go: the heap must stay one from any place in it. */
	for (int i = 0; i < MANY; i += 7) {
		timer_cancel(l, &alarms[i].timer);
		left--;
	}
	for (int i = 1; i < MANY; i += 7)
		arm(&alarms[i], l, &r, alarms[i].timer.at / 2 + 50);
	struct alarm end = {.last = true};
	arm(&end, l, &r, 5000);
	loop_run(l);
	assert_int_equal(r.n, left + 1);
	for (size_t i = 1; i < r.n; i++)
		assert_true(r.at[i - 1] <= r.at[i]);
	assert_false(r.early);
}

static void test_timer_callback_cancels_another_and_arms_itself(void **state)
{
	struct loop *l = loop_in(state);
	struct record r = {0};
	struct alarm victim = {0}, end = {.last = true};
	struct alarm first = {.victim = &victim.timer, .again = 30};

	fake_now = 1000; /* all are due at once */
	clock_replace(fake_clock, NULL);
	arm(&end, l, &r, 40);
	arm(&victim, l, &r, 20);
	arm(&first, l, &r, 10);
	loop_run(l);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.at[0], 10);
	assert_int_equal(r.at[1], 30);
	assert_int_equal(r.at[2], 40);
	timer_cancel(l, &victim.timer); /* once more does nothing */
}

static void test_real_time_is_waited_for(void **state)
{
	struct loop *l = loop_in(state);
	struct record r = {0};
	struct alarm end = {.last = true}, far = {0};
	uint64_t from = clock_now();

	arm(&far, l, &r, from + 3600000);
	arm(&end, l, &r, from + 40);
	loop_run(l);
	assert_true(clock_now() >= from + 40);
	assert_int_equal(r.n, 1);
	assert_false(r.early);
	timer_cancel(l, &far.timer);
}

/* A watch on an eventfd that takes its neighbour away when it is called. */
struct bell {
	struct watch watch;
	struct bell *neighbour;
	struct task burial;
	struct loop *loop;
	unsigned *calls;
};

static void bury(struct task *t)
{
	struct bell *b = (struct bell *)(void *)((char *)t - offsetof(struct bell, burial));

	memset(b, 0xee, sizeof(*b)); /* a callback for it would now crash */
	free(b);
}

static void bell_remove(struct bell *b)
{
	loop_unwatch(&b->watch);
	close(b->watch.fd);
	b->burial.run = bury;
	loop_defer(b->loop, &b->burial);
}

static void bell_rings(struct watch *w, uint32_t events)
{
	struct bell *b = (struct bell *)(void *)((char *)w - offsetof(struct bell, watch));

	assert_true((events & EPOLLIN) != 0);
	++*b->calls;
	loop_stop(b->loop);
	if (b->neighbour != NULL) {
		bell_remove(b->neighbour);
		bell_remove(b);
	}
}

static struct bell *bell_new(struct loop *l, unsigned *calls)
{
	struct bell *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->watch = (struct watch){.fd = eventfd(1, EFD_CLOEXEC), .ready = bell_rings};
	b->loop = l;
	b->calls = calls;
	assert_int_equal(loop_watch(l, &b->watch, EPOLLIN), ERR_OK);
	return b;
}

/* Both have an event in the same round; whichever comes first removes both. */
static void test_watch_removed_in_the_round_of_its_event_is_not_called(void **state)
{
	struct loop *l = loop_in(state);
	unsigned calls = 0;
	struct bell *a = bell_new(l, &calls), *b = bell_new(l, &calls);

	a->neighbour = b;
	b->neighbour = a;
	loop_run(l);
	assert_int_equal(calls, 1);
}

static void hang_up(struct watch *w, uint32_t events)
{
	assert_true((events & EPOLLHUP) != 0);
	assert_true((events & EPOLLIN) == 0);
	loop_stop(w->loop);
	loop_unwatch(w);
}

/* How a parked connection is watched: not for what it sends, but for its leaving. */
static void test_watch_for_nothing_still_sees_the_end(void **state)
{
	struct loop *l = loop_in(state);
	struct watch w = {.ready = hang_up};
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	w.fd = ends[0];
	assert_int_equal(loop_watch(l, &w, EPOLLIN), ERR_OK);
	loop_change(&w, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	close(ends[1]);
	loop_run(l);
	assert_null(w.loop);
	loop_unwatch(&w); /* allowed when not watched */
	close(ends[0]);
}

struct errand {
	struct task task;
	struct poster *from;
	unsigned number;
};

struct poster {
	struct loop *loop;
	struct errand errands[EACH];
	unsigned done;
	bool in_order;
	unsigned *all;
	pthread_t loops_thread;
	pthread_t thread;
};

static void errand_run(struct task *t)
{
	struct errand *e = (struct errand *)(void *)t;
	struct poster *p = e->from;

	p->in_order =
	    p->in_order && e->number == p->done && pthread_equal(pthread_self(), p->loops_thread);
	p->done++;
	if (++*p->all == THREADS * EACH)
		loop_stop(p->loop);
}

static void *post_all(void *arg)
{
	struct poster *p = arg;

	for (unsigned i = 0; i < EACH; i++) {
		p->errands[i] = (struct errand){{NULL, errand_run}, p, i};
		loop_post(p->loop, &p->errands[i].task);
	}
	return NULL;
}

static void test_tasks_of_threads_all_come_in_their_order(void **state)
{
	static struct poster posters[THREADS];
	unsigned all = 0;

	for (int i = 0; i < THREADS; i++) {
		posters[i].loop = loop_in(state);
		posters[i].all = &all;
		posters[i].in_order = true;
		posters[i].loops_thread = pthread_self();
		assert_int_equal(
		    pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
	}
	loop_run(loop_in(state));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(posters[i].thread, NULL);
		assert_int_equal(posters[i].done, EACH);
		assert_true(posters[i].in_order);
	}
}

struct turns {
	struct task task;
	struct loop *loop;
	unsigned runs, rounds;
};

static void turn_run(struct task *t)
{
	struct turns *turns = (struct turns *)(void *)t;

	if (++turns->runs == 5)
		loop_stop(turns->loop);
	else
		loop_post(turns->loop, t);
}

static struct task *turn_round(void *arg)
{
	struct turns *turns = arg;

	turns->rounds++;
	assert_in_range(turns->runs, turns->rounds - 1, turns->rounds);
	return NULL;
}

/* Who posts itself again and again holds up nobody: it runs once a round. */
static void test_task_posted_by_a_task_waits_for_the_next_round(void **state)
{
	struct turns turns = {.task = {NULL, turn_run}, .loop = loop_in(state)};

	loop_after_round(turns.loop, turn_round, &turns);
	loop_post(turns.loop, &turns.task);
	loop_run(turns.loop);
	assert_int_equal(turns.runs, 5);
	assert_int_equal(turns.rounds, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_timers_come_in_the_order_of_their_times),
	    TEST(test_timer_callback_cancels_another_and_arms_itself),
	    TEST(test_real_time_is_waited_for),
	    TEST(test_watch_removed_in_the_round_of_its_event_is_not_called),
	    TEST(test_watch_for_nothing_still_sees_the_end),
	    TEST(test_tasks_of_threads_all_come_in_their_order),
	    TEST(test_task_posted_by_a_task_waits_for_the_next_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
