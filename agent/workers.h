/*
 * A pool of threads, on stacks in secret memory.
 *
 * The core has two: one for what takes long (slow signatures, checking keys,
 * key derivation), at a lower priority than the loop, so that nobody waits for
 * it; and one, at the loop's own priority, for fast signatures while the loop
 * has another one to make.  That one looks for more to do by itself (workers_look).
 */
#ifndef SIGNET_WORKERS_H
#define SIGNET_WORKERS_H

#include <stdbool.h>

#include "proto/base/err.h"

struct workers;

/* One piece of work; embed it.  The memory is the worker's until run returns. */
struct job {
	struct job *next;
	void (*run)(struct job *j); /* on a worker; may free what embeds j */
};

/*
 * Start the threads, before the sandbox closes; returns when all have settled.
 * nice is added to the caller's own.  NULL when none could be started.
 */
struct workers *workers_start(unsigned threads, int nice);

/*
 * Before a thread that has just worked goes to sleep it calls look(ctx) some times, which does what
 * it finds and returns whether it found anything.  To be called before there is any work.
 */
void workers_look(struct workers *w, bool (*look)(void *ctx), void *ctx);

/* Queue work. */
void workers_run(struct workers *w, struct job *j);

/*
 * Queue work that takes microseconds; false (and j untouched) when more than two jobs a
 * thread wait: then the caller is the quickest to do it.  w may be NULL: false.
 */
bool workers_run_soon(struct workers *w, struct job *j);

/*
 * Take a queued job back.  True: it will not be run, and its memory is the caller's again;
 * false: a worker has begun with it, or has done it.
 */
bool workers_cancel(struct workers *w, struct job *j);

#endif
