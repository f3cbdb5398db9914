/* The core's event loop: other threads that enter it. */
#include "tests/support/base_test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/loop.h"
#include "proto/base/clock.h"

/* cmocka's state: one loop for each test. */
static struct loop *loop_in(void **state)
{
	return *state;
}

/* A loop that waits in vain ends the program. */
static int setup(void **state)
{
	(void)alarm(BASE_PATIENCE / 1000);
	*state = loop_new();
	return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)alarm(0);
	loop_free(*state);
	return 0;
}

/* A thread that enters, does something in the loop, leaves, and does something more. */
struct visitor {
	pthread_t thread;
	struct loop *loop;
	void (*inside)(void *ctx);
	void (*outside)(void *ctx); /* may be NULL */
	void *ctx;
};

static void *visit(void *arg)
{
	struct visitor *v = arg;

	loop_enter(v->loop);
	v->inside(v->ctx);
	loop_leave(v->loop);
	if (v->outside != NULL)
		v->outside(v->ctx);
	return NULL;
}

static void visit_begin(struct visitor *v)
{
	assert_int_equal(pthread_create(&v->thread, NULL, visit, v), 0);
}

static void visit_end(struct visitor *v)
{
	assert_int_equal(pthread_join(v->thread, NULL), 0);
}

/* The loop's only call that waits, as it is linked here: these come in once each.  One begins as
 * soon as the loop's thread is about to wait; the other is there and gone between the kernel's
 * answer and the loop's looking at it. */
static struct visitor *at_wait, *at_answer;
static int answered; /* the events of that answer */

extern __typeof__(epoll_wait) __real_epoll_wait, __wrap_epoll_wait;

int __wrap_epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	struct visitor *v = at_wait;
	int n;

	at_wait = NULL;
	if (v != NULL)
		visit_begin(v);
	n = __real_epoll_wait(fd, events, most, timeout);
	v = at_answer;
	at_answer = NULL;
	if (v != NULL) {
		answered = n;
		visit_begin(v);
		visit_end(v);
	}
	return n;
}

static void stop(void *ctx)
{
	loop_stop(ctx);
}

static void test_entered_thread_stops_the_loop(void **state)
{
	struct visitor v = {.loop = loop_in(state), .inside = stop, .ctx = loop_in(state)};

	for (int i = 0; i < 3; i++) {
		at_wait = &v;
		loop_run(v.loop);
		visit_end(&v);
	}
}

struct appointment {
	struct timer timer;
	struct loop *loop;
	enum err armed;
	pthread_t due_in;
	bool due;
};

static void appointment_due(struct timer *t)
{
	struct appointment *a =
	    (struct appointment *)(void *)((char *)t - offsetof(struct appointment, timer));

	a->due = true;
	a->due_in = pthread_self();
	loop_stop(a->loop);
}

static void appoint(void *ctx)
{
	struct appointment *a = ctx;

	a->timer.due = appointment_due;
	a->armed = timer_arm(a->loop, &a->timer, clock_now() + 1);
}

/* Nothing else would end the wait. */
static void test_timer_of_an_entered_thread_comes_in_the_loops_own(void **state)
{
	struct appointment a = {.loop = loop_in(state)};
	struct visitor v = {.loop = loop_in(state), .inside = appoint, .ctx = &a};

	at_wait = &v;
	loop_run(a.loop);
	visit_end(&v);
	assert_int_equal(a.armed, ERR_OK);
	assert_true(a.due);
	assert_true(pthread_equal(a.due_in, pthread_self()));
}

/* What is left of a round: while it is done, another thread comes and goes. */
struct rest {
	struct task task, deferred;
	struct loop *loop;
	struct visitor guest;
	bool wanted;         /* there is some, which after_round gives out */
	unsigned asked;      /* how often after_round was called until then */
	unsigned then, now;  /* what was deferred was done so often: before the rest, and in all */
	unsigned left;       /* how often the rest was done */
	unsigned seen, rest; /* now and left when loop_leave had returned */
	pthread_t in, deferred_in, asked_in, left_in; /* who entered, and who did these */
};

static struct task *rest_asked_for(void *ctx)
{
	struct rest *r = ctx;

	r->asked += r->left == 0;
	if (!r->wanted)
		return NULL;
	r->wanted = false;
	r->asked_in = pthread_self();
	return &r->task;
}

static void rest_deferred(struct task *t)
{
	struct rest *r = (struct rest *)(void *)((char *)t - offsetof(struct rest, deferred));

	r->now++;
	r->deferred_in = pthread_self();
}

static void rest_done(struct task *t)
{
	struct rest *r = (struct rest *)(void *)((char *)t - offsetof(struct rest, task));

	r->then = r->now;
	r->left++;
	r->left_in = pthread_self();
	visit_begin(&r->guest); /* never ends if the baton is still held */
	visit_end(&r->guest);
}

static void rest_leave_some(void *ctx)
{
	struct rest *r = ctx;

	r->wanted = true;
	r->in = pthread_self();
	r->deferred.run = rest_deferred;
	loop_defer(r->loop, &r->deferred);
}

static void rest_see(void *ctx)
{
	struct rest *r = ctx;

	r->seen = r->now;
	r->rest = r->left;
	loop_enter(r->loop);
	loop_stop(r->loop);
	loop_leave(r->loop);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void test_leaving_is_the_end_of_a_round(void **state)
{
	struct loop *l = loop_in(state);
	struct rest r = {.loop = l, .task.run = rest_done, .guest = {.loop = l, .inside = nothing}};
	struct visitor v = {.loop = l, .inside = rest_leave_some, .outside = rest_see, .ctx = &r};

	loop_after_round(l, rest_asked_for, &r);
	at_wait = &v;
	loop_run(l);
	visit_end(&v);
	assert_int_equal(r.asked, 1);
	assert_int_equal(r.then, 1);
	assert_int_equal(r.seen, 1);
	assert_int_equal(r.rest, 1);
	assert_int_equal(r.now, 1);
	assert_int_equal(r.left, 1);
	assert_false(pthread_equal(r.in, pthread_self()));
	assert_true(pthread_equal(r.deferred_in, r.in));
	assert_true(pthread_equal(r.asked_in, r.in));
	assert_true(pthread_equal(r.left_in, r.in));
}

struct round_task {
	struct task task;
	struct rest *rest;
};

static void round_leaves_some(struct task *t)
{
	rest_leave_some(((struct round_task *)(void *)t)->rest);
}

/* The guest's timer is known before the loop's thread waits. */
static void test_rest_of_a_round_is_done_outside(void **state)
{
	struct loop *l = loop_in(state);
	struct appointment a = {.loop = l};
	struct rest r = {
	    .loop = l, .task.run = rest_done, .guest = {.loop = l, .inside = appoint, .ctx = &a}};
	struct round_task t = {{NULL, round_leaves_some}, &r};

	loop_after_round(l, rest_asked_for, &r);
	loop_post(l, &t.task);
	loop_run(l);
	assert_int_equal(r.then, 1);
	assert_int_equal(r.now, 1);
	assert_int_equal(r.left, 1);
	assert_true(pthread_equal(r.left_in, pthread_self()));
	assert_true(a.due);
	assert_true(pthread_equal(a.due_in, pthread_self()));
}

/* Its memory stays, so that a call that must not come can be counted. */
struct door {
	struct watch watch;
	struct task burial;
	unsigned calls;
	bool buried;
};

static void door_ready(struct watch *w, uint32_t events)
{
	struct door *d = (struct door *)(void *)w;

	(void)events;
	d->calls++;
	loop_stop(w->loop);
}

static void door_open(struct door *d, struct loop *l)
{
	d->watch = (struct watch){.fd = eventfd(1, EFD_CLOEXEC), .ready = door_ready};
	assert_int_equal(loop_watch(l, &d->watch, EPOLLIN), ERR_OK);
}

static void door_buried(struct task *t)
{
	struct door *d = (struct door *)(void *)((char *)t - offsetof(struct door, burial));

	d->buried = true;
}

static void door_remove(void *ctx)
{
	struct door *d = ctx;
	struct loop *l = d->watch.loop;

	loop_unwatch(&d->watch);
	close(d->watch.fd);
	d->watch.loop = l; /* for a call that comes nevertheless */
	d->burial.run = door_buried;
	loop_defer(l, &d->burial);
}

/* The kernel has told of all three.  The others' events come with the next answer. */
static void test_watch_removed_by_an_entered_thread_is_not_called(void **state)
{
	struct loop *l = loop_in(state);
	struct door doors[3] = {0};

	for (size_t gone = 0; gone < 3; gone++) {
		struct visitor v = {.loop = l, .inside = door_remove, .ctx = &doors[gone]};

		memset(doors, 0, sizeof(doors));
		for (int i = 0; i < 3; i++)
			door_open(&doors[i], l);
		at_answer = &v;
		loop_run(l);
		assert_int_equal(answered, 3);
		assert_true(doors[gone].buried);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(doors[i].calls, i == gone ? 0 : 1);
			if (i == gone)
				continue;
			loop_unwatch(&doors[i].watch);
			close(doors[i].watch.fd);
		}
	}
}

/* Two callbacks and an end of a round, during which somebody wants to enter. */
struct order {
	struct watch watches[2];
	struct task end;
	struct visitor visitor;
	struct loop *loop;
	atomic_int tid;     /* the visitor's, when it is about to enter */
	atomic_int entered; /* the steps that the round had made by then, and one; 0: not yet */
	int steps;
	bool too_early; /* it had entered while the first callback waited for it */
};

/* It sleeps, which it does nowhere but in front of the loop. */
static bool sleeps(int tid)
{
	char path[64], line[256], *name_end = NULL;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	if (f != NULL && fgets(line, sizeof(line), f) != NULL)
		name_end = strrchr(line, ')');
	if (f != NULL)
		(void)fclose(f);
	return name_end != NULL && strncmp(name_end, ") S", 3) == 0;
}

static void *order_visit(void *arg)
{
	struct order *o = arg;

	atomic_store(&o->tid, gettid());
	return visit(&o->visitor);
}

static void order_entered(void *ctx)
{
	struct order *o = ctx;

	atomic_store(&o->entered, o->steps + 1);
	loop_stop(o->loop);
}

static void order_end(struct task *t)
{
	struct order *o = (struct order *)(void *)((char *)t - offsetof(struct order, end));

	o->steps++;
}

/* The first of them lets the visitor come, and waits until it has to wait (or need not). */
static void order_step(struct order *o)
{
	if (o->steps++ != 0)
		return;
	o->end.run = order_end;
	loop_defer(o->loop, &o->end);
	assert_int_equal(pthread_create(&o->visitor.thread, NULL, order_visit, o), 0);
	while (atomic_load(&o->entered) == 0 &&
	       (atomic_load(&o->tid) == 0 || !sleeps(atomic_load(&o->tid))))
		sched_yield();
	o->too_early = atomic_load(&o->entered) != 0;
}

static struct order *ordered; /* the one there is */

static void order_ready(struct watch *w, uint32_t events)
{
	(void)events;
	loop_unwatch(w);
	order_step(ordered);
}

static void test_one_thread_at_a_time(void **state)
{
	struct order o = {.loop = loop_in(state)};

	ordered = &o;
	o.visitor = (struct visitor){.loop = o.loop, .inside = order_entered, .ctx = &o};
	for (int i = 0; i < 2; i++) {
		o.watches[i] = (struct watch){.fd = eventfd(1, EFD_CLOEXEC), .ready = order_ready};
		assert_int_equal(loop_watch(o.loop, &o.watches[i], EPOLLIN), ERR_OK);
	}
	loop_run(o.loop);
	visit_end(&o.visitor);
	for (int i = 0; i < 2; i++)
		close(o.watches[i].fd);
	assert_false(o.too_early);
	assert_int_equal(o.steps, 3);
	assert_int_equal(atomic_load(&o.entered), 3 + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_entered_thread_stops_the_loop),
	    TEST(test_timer_of_an_entered_thread_comes_in_the_loops_own),
	    TEST(test_leaving_is_the_end_of_a_round),
	    TEST(test_rest_of_a_round_is_done_outside),
	    TEST(test_watch_removed_by_an_entered_thread_is_not_called),
	    TEST(test_one_thread_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
