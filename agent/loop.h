/*
 * The core's event loop: descriptors (epoll), timers (one timerfd on
 * CLOCK_BOOTTIME, so that time runs through suspend and nothing wakes an idle
 * agent), and work that comes back from other threads.
 *
 * Everything here belongs to whoever runs a round: the thread of loop_run(), or one that helps it
 * (loop_help), never both at once; save loop_post().  A callback may remove any watch or timer, its
 * own and its neighbours' included; whoever frees memory that holds one does so through
 * loop_defer().
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
 * by the same thread once the round is over, and must not touch what belongs to the loop:
 * meanwhile another thread may help.  NULL is nothing.  To be called once, before loop_run.
 */
void loop_after_round(struct loop *l, struct task *(*fn)(void *ctx), void *ctx);

/*
 * Run a round without waiting, from another thread, while the loop's own is busy with what its last
 * round left to be done; and then what this one leaves.  False: nothing had happened, or no help is
 * needed.  Whoever calls it has ended before loop_free.  loop: a struct loop.
 */
bool loop_help(void *loop);

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
