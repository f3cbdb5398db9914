/*
 * Threads for what takes long: slow signatures, checking keys, key derivation;
 * and for fast signatures while the loop has another one to make.
 *
 * They run on stacks in secret memory and at a lower priority than the loop
 * (nice 10), so that nobody waits for them.
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

/* Start the threads, once, before the sandbox closes.  NULL when none could be started. */
struct workers *workers_start(void);

/* Queue work of any length. */
void workers_run(struct workers *w, struct job *j);

/*
 * Take a queued job back.  True: it will not be run, and its memory is the caller's again;
 * false: a worker has begun with it, or has done it.
 */
bool workers_cancel(struct workers *w, struct job *j);

/*
 * Give a fast job to a worker that is idle now; false (and j untouched) when
 * all are busy: then the caller is the quickest to do it.
 */
bool workers_run_if_idle(struct workers *w, struct job *j);

#endif
