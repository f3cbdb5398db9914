/*
 * A pool of threads, on stacks in secret memory.
 *
 * The core has two: one for what takes long (slow signatures, checking keys,
 * key derivation), at a lower priority than the loop, so that nobody waits for
 * it; and one, at the loop's own priority, for fast signatures while the loop
 * has another one to make, and for clients who want many (attend.h).
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
	bool lasting;               /* for a thread without work: not for workers_help */
};

/*
 * Start the threads, before the sandbox closes; returns when all have settled.
 * nice is added to the caller's own.  NULL when none could be started.
 */
struct workers *workers_start(unsigned threads, int nice);

/* Queue work. */
void workers_run(struct workers *w, struct job *j);

/*
 * Queue work for a thread that has none; false (and j untouched) when all have some.  w may be
 * NULL: false.
 */
bool workers_run_soon(struct workers *w, struct job *j);

/*
 * From any thread, a worker too: run a job that waits for a thread and is not lasting.  False:
 * there is none.  w may be NULL: false.
 */
bool workers_help(struct workers *w);

/*
 * Take a queued job back.  True: it will not be run, and its memory is the caller's again;
 * false: a worker has begun with it, or has done it.
 */
bool workers_cancel(struct workers *w, struct job *j);

#endif
