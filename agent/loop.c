#include "agent/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/fdio.h"

enum { EVENTS = 64, BELL_TRIES = 16 };

/*
 * Whoever runs a round, or has entered, holds the baton; nobody does while the loop waits for
 * events.  Of those that it was waiting for some may be of watches that were removed meanwhile:
 * unwatched tells, and then they are all asked for again.
 *
 * Invariants: heap[1..timers] is a min-heap on at, and heap[t->slot] == t for
 * each armed timer.  events[next_event..nevents) are those of this round that
 * have not been delivered; a watch removed meanwhile is struck out of them.
 */
struct loop {
	int epoll;
	int alarm;
	int bell;
	pthread_mutex_t baton;
	pthread_mutex_t gate; /* held by who enters until it has the baton: one at a time */
	atomic_uint entering; /* threads that wait for either */
	bool stop;
	uint64_t alarm_at; /* what the timerfd is set to; 0: nothing */
	struct epoll_event events[EVENTS];
	int next_event, nevents;
	struct timer **heap;
	size_t timers, heap_room;
	unsigned unwatched;   /* watches removed so far */
	pthread_mutex_t lock; /* guards posted, running, thread */
	struct task *posted;
	bool running; /* by thread, which looks at what is posted before it waits */
	pthread_t thread;
	struct task *deferred;
	struct task *(*after_round)(void *ctx);
	void *after_round_ctx;
	struct watch alarm_watch, bell_watch;
};

static void alarm_ready(struct watch *w, uint32_t events)
{
	uint64_t expirations;
	ssize_t n = read(w->fd, &expirations, sizeof(expirations));

	(void)events;
	(void)n; /* due timers are looked for by the clock, not by this count */
	w->loop->alarm_at = 0;
}

static void bell_ready(struct watch *w, uint32_t events)
{
	uint64_t rings;
	ssize_t n = read(w->fd, &rings, sizeof(rings));

	(void)events;
	(void)n; /* posted tasks are run once a round anyway */
}

static enum err open_watch(
    struct loop *l, struct watch *w, int fd, void (*ready)(struct watch *, uint32_t))
{
	w->fd = fd;
	w->ready = ready;
	return fd < 0 ? ERR_SYSTEM : loop_watch(l, w, EPOLLIN);
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	enum err e;

	if (l == NULL)
		return NULL;
	pthread_mutex_init(&l->baton, NULL);
	pthread_mutex_init(&l->gate, NULL);
	pthread_mutex_init(&l->lock, NULL);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->alarm = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e = l->epoll < 0 ? ERR_SYSTEM : open_watch(l, &l->alarm_watch, l->alarm, alarm_ready);
	if (e == ERR_OK)
		e = open_watch(l, &l->bell_watch, l->bell, bell_ready);
	if (e != ERR_OK) {
		loop_free(l);
		return NULL;
	}
	return l;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

void loop_after_round(struct loop *l, struct task *(*fn)(void *ctx), void *ctx)
{
	l->after_round = fn;
	l->after_round_ctx = ctx;
}

enum err loop_watch(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, w->fd, &ev) != 0)
		return ERR_SYSTEM;
	w->loop = l;
	w->events = events;
	return ERR_OK;
}

void loop_change(struct watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (w->events == events)
		return;
	w->events = events;
	/* Cannot fail for a descriptor that is in the set. */
	(void)epoll_ctl(w->loop->epoll, EPOLL_CTL_MOD, w->fd, &ev);
}

void loop_unwatch(struct watch *w)
{
	struct loop *l = w->loop;

	if (l == NULL)
		return;
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	for (int i = l->next_event; i < l->nevents; i++) {
		if (l->events[i].data.ptr == w)
			l->events[i].data.ptr = NULL;
	}
	l->unwatched++;
	w->loop = NULL;
}

static void heap_set(struct loop *l, size_t slot, struct timer *t)
{
	l->heap[slot] = t;
	t->slot = slot;
}

static void heap_up(struct loop *l, struct timer *t, size_t slot)
{
	while (slot > 1 && l->heap[slot / 2]->at > t->at) {
		heap_set(l, slot, l->heap[slot / 2]);
		slot /= 2;
	}
	heap_set(l, slot, t);
}

static void heap_down(struct loop *l, struct timer *t, size_t slot)
{
	for (;;) {
		size_t child = slot * 2;

		if (child > l->timers)
			break;
		if (child < l->timers && l->heap[child + 1]->at < l->heap[child]->at)
			child++;
		if (l->heap[child]->at >= t->at)
			break;
		heap_set(l, slot, l->heap[child]);
		slot = child;
	}
	heap_set(l, slot, t);
}

enum err timer_arm(struct loop *l, struct timer *t, uint64_t at)
{
	if (t->slot == 0 && l->timers + 1 >= l->heap_room) {
		size_t room = l->heap_room == 0 ? 16 : l->heap_room * 2;
		struct timer **heap = realloc(l->heap, room * sizeof(*heap));

		if (heap == NULL)
			return ERR_MEMORY;
		l->heap = heap;
		l->heap_room = room;
	}
	timer_cancel(l, t);
	t->at = at;
	heap_up(l, t, ++l->timers);
	return ERR_OK;
}

void timer_cancel(struct loop *l, struct timer *t)
{
	struct timer *last;
	size_t slot = t->slot;

	if (slot == 0)
		return;
	last = l->heap[l->timers--];
	t->slot = 0;
	if (last == t)
		return;
	if (slot > 1 && l->heap[slot / 2]->at > last->at)
		heap_up(l, last, slot);
	else
		heap_down(l, last, slot);
}

static void run_due_timers(struct loop *l)
{
	uint64_t now;

	if (l->timers == 0)
		return;
	now = clock_now();
	while (l->timers != 0 && l->heap[1]->at <= now) {
		struct timer *t = l->heap[1];

		timer_cancel(l, t);
		t->due(t);
	}
}

/* Set the one timerfd to the earliest timer; no system call when that is unchanged. */
static void set_alarm(struct loop *l)
{
	uint64_t at = l->timers == 0 ? 0 : l->heap[1]->at;
	struct itimerspec when = {0};

	if (at == l->alarm_at)
		return;
	when.it_value.tv_sec = (time_t)(at / 1000);
	when.it_value.tv_nsec = (long)(at % 1000) * 1000000;
	(void)timerfd_settime(l->alarm, TFD_TIMER_ABSTIME, &when, NULL);
	l->alarm_at = at;
}

/* A bell that stays silent would leave somebody without an answer: nothing is as good as trying
 * again. */
static void ring(struct loop *l)
{
	static const uint64_t one = 1;

	for (int tries = 0; write(l->bell, &one, sizeof(one)) < 0 && tries < BELL_TRIES;)
		tries += errno != EINTR;
}

void loop_post(struct loop *l, struct task *t)
{
	bool first;

	pthread_mutex_lock(&l->lock);
	first = l->posted == NULL && !(l->running && pthread_equal(l->thread, pthread_self()));
	t->next = l->posted;
	l->posted = t;
	pthread_mutex_unlock(&l->lock);
	if (first) /* or the bell has been rung for the one before */
		ring(l);
}

void loop_defer(struct loop *l, struct task *t)
{
	t->next = l->deferred;
	l->deferred = t;
}

/* Tasks were stacked; run the oldest first. */
static void run_tasks(struct task *newest_first)
{
	struct task *oldest_first = NULL;

	while (newest_first != NULL) {
		struct task *t = newest_first;

		newest_first = t->next;
		t->next = oldest_first;
		oldest_first = t;
	}
	while (oldest_first != NULL) {
		struct task *t = oldest_first;

		oldest_first = t->next;
		t->run(t);
	}
}

static void run_posted(struct loop *l)
{
	struct task *posted;

	pthread_mutex_lock(&l->lock);
	posted = l->posted;
	l->posted = NULL;
	pthread_mutex_unlock(&l->lock);
	run_tasks(posted);
}

static void run_deferred(struct loop *l)
{
	struct task *deferred = l->deferred;

	l->deferred = NULL;
	run_tasks(deferred);
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	run_deferred(l);
	fd_close(&l->epoll);
	fd_close(&l->alarm);
	fd_close(&l->bell);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->gate);
	pthread_mutex_destroy(&l->baton);
	free(l->heap);
	free(l);
}

static void deliver(struct loop *l)
{
	for (l->next_event = 0; l->next_event < l->nevents;) {
		const struct epoll_event *ev = &l->events[l->next_event++];
		struct watch *w = ev->data.ptr;

		if (w != NULL)
			w->ready(w, ev->events);
	}
	l->nevents = 0;
}

static void set_running(struct loop *l, bool running)
{
	pthread_mutex_lock(&l->lock);
	l->running = running;
	l->thread = pthread_self();
	pthread_mutex_unlock(&l->lock);
}

/* In milliseconds: not at all while something is posted, for which the bell may not have been rung.
 */
static int patience(struct loop *l)
{
	bool posted;

	pthread_mutex_lock(&l->lock);
	posted = l->posted != NULL;
	pthread_mutex_unlock(&l->lock);
	return posted ? 0 : -1;
}

/* A round that follows at once would take the baton again before who waits for it is awake. */
static void let_in(struct loop *l)
{
	if (atomic_load(&l->entering) == 0)
		return;
	pthread_mutex_lock(&l->gate);
	pthread_mutex_unlock(&l->gate);
}

/* Others may have the baton meanwhile. */
static void wait_for_events(struct loop *l)
{
	const int wait = patience(l);
	const unsigned unwatched = l->unwatched;
	int n;

	pthread_mutex_unlock(&l->baton);
	let_in(l);
	n = epoll_wait(l->epoll, l->events, EVENTS, wait);
	pthread_mutex_lock(&l->baton);
	/* EINTR: nothing else can happen to this descriptor. */
	l->nevents = n < 0 || l->unwatched != unwatched ? 0 : n;
}

/* The end of a round, or of what somebody else did: the baton is given away. */
static void run_rest(struct loop *l)
{
	struct task *left = l->after_round == NULL ? NULL : l->after_round(l->after_round_ctx);

	run_deferred(l);
	set_alarm(l);
	if (left == NULL)
		return;
	pthread_mutex_unlock(&l->baton);
	left->run(left);
	pthread_mutex_lock(&l->baton);
}

void loop_run(struct loop *l)
{
	set_running(l, true);
	pthread_mutex_lock(&l->baton);
	set_alarm(l);
	while (!l->stop) {
		wait_for_events(l);
		deliver(l);
		run_due_timers(l);
		run_posted(l);
		run_rest(l);
	}
	l->stop = false; /* it may be run again */
	pthread_mutex_unlock(&l->baton);
	set_running(l, false);
}

void loop_enter(struct loop *l)
{
	atomic_fetch_add(&l->entering, 1);
	pthread_mutex_lock(&l->gate);
	pthread_mutex_lock(&l->baton);
	atomic_fetch_sub(&l->entering, 1);
	pthread_mutex_unlock(&l->gate);
}

void loop_leave(struct loop *l)
{
	run_rest(l);
	if (l->stop)
		ring(l);
	pthread_mutex_unlock(&l->baton);
}
