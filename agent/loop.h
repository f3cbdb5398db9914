/*
 * The core's event loop: descriptors (epoll), timers (one timerfd on
 * CLOCK_BOOTTIME, so that time runs through suspend and nothing wakes an idle
 * agent), and work that comes back from other threads.
 *
 * Everything here, and whatever callbacks touch, belongs to one thread at a time: that of
 * loop_run() while it runs a round, or one between loop_enter() and loop_leave(); save loop_post().
 * A callback may remove any watch or timer, its own and its neighbours' included; whoever frees
 * memory that holds one does so through loop_defer().
 */
#ifndef SIGNET_LOOP_H
#define SIGNET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "proto/base/err.h"

struct loop;

/* A descriptor being watched; embed it, zero-initialised. */
struct watch {
	int fd;
	void (*ready)(struct watch *w, uint32_t events); /* EPOLL* bits */
	struct loop *loop;                               /* set while watched */
	uint32_t events;                                 /* what it is watched for */
};

/* A point in time; embed it, zero-initialised. */
struct timer {
	uint64_t at; /* clock_now() milliseconds */
	void (*due)(struct timer *t);
	size_t slot; /* 1-based place in the heap; 0: not armed */
};

/* Something to run later, in a round; embed it. */
struct task {
	struct task *next;
	void (*run)(struct task *t);
};

/* NULL when there is no memory or no descriptor. */
struct loop *loop_new(void);

/* Runs what was deferred; watches, timers and posted tasks that are left are forgotten.  NULL is
 * allowed. */
void loop_free(struct loop *l);

/* Returns when loop_stop() was called; can be called again then. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/*
 * fn is called after each round of events, with nothing else on the stack.  What it returns is run
 * by the same thread once the round is over, and must not touch what belongs to the loop, which
 * another thread may have entered.  NULL is nothing.  To be called once, before loop_run.
 */
void loop_after_round(struct loop *l, struct task *(*fn)(void *ctx), void *ctx);

/*
 * Between these another thread does what a callback may do, while the loop's waits for its turn:
 * so not for long.  loop_leave does what is done after a round of events (loop_after_round,
 * loop_defer); what was posted is left to the loop's own thread.
 */
void loop_enter(struct loop *l);
void loop_leave(struct loop *l);

/* Start watching w->fd for events (EPOLLIN...; EPOLLHUP always comes). */
enum err loop_watch(struct loop *l, struct watch *w, uint32_t events);
void loop_change(struct watch *w, uint32_t events);
/* Stop watching; no callback comes after this.  Allowed when not watched. */
void loop_unwatch(struct watch *w);

/* Arm or move t to fire at t->at.  ERR_MEMORY leaves it as it was. */
enum err timer_arm(struct loop *l, struct timer *t, uint64_t at);
void timer_cancel(struct loop *l, struct timer *t);

/* Run t in a round; from any thread.  t is the loop's until run is called. */
void loop_post(struct loop *l, struct task *t);

/* Run t at the end of this round, when no event of it can still name freed memory. */
void loop_defer(struct loop *l, struct task *t);

#endif
