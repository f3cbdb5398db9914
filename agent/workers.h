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
	bool fast;                  /* set by workers.c */
};

/* Start the threads, once, before the sandbox closes.  NULL when none could be started. */
struct workers *workers_start(void);

/* Queue work of any length. */
void workers_run(struct workers *w, struct job *j);

/*
 * Queue a job of microseconds, ahead of all long ones; false (and j untouched)
 * when it would have to wait there: then the caller is the quickest to do it.
 */
bool workers_run_fast(struct workers *w, struct job *j);

#endif
