#include "agent/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "keystore/secretmem.h"

enum {
	MOST_WORKERS = 4,
	WORKER_STACK = SECRET_STACK,
	WORKER_NICE = 10,
};

/* Invariant: first..last holds exactly waiting jobs; idle threads sleep on more. */
struct workers {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_cond_t ready; /* a thread has settled */
	struct job *first, **last;
	unsigned idle;    /* threads waiting for work */
	unsigned waiting; /* jobs in the queue */
	unsigned settled; /* threads that have their priority */
};

static struct job *take(struct workers *w)
{
	struct job *j;

	pthread_mutex_lock(&w->lock);
	w->idle++;
	while (w->first == NULL)
		pthread_cond_wait(&w->more, &w->lock);
	w->idle--;
	w->waiting--;
	j = w->first;
	w->first = j->next;
	if (w->first == NULL)
		w->last = &w->first;
	pthread_mutex_unlock(&w->lock);
	return j;
}

static void work(void *arg)
{
	struct workers *w = arg;

	/* On Linux this is the calling thread's own priority.  Refusal does no harm. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE);
	pthread_mutex_lock(&w->lock);
	w->settled++;
	pthread_cond_signal(&w->ready);
	pthread_mutex_unlock(&w->lock);
	for (;;) {
		struct job *j = take(w);

		j->run(j);
		secret_stack_clean();
	}
}

static unsigned worker_count(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 2)
		return 1; /* one more than the loop, so that a slow signature never holds it up */
	return cpus < MOST_WORKERS ? (unsigned)cpus : MOST_WORKERS;
}

struct workers *workers_start(void)
{
	struct workers *w = calloc(1, sizeof(*w));
	unsigned started = 0;

	if (w == NULL)
		return NULL;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_cond_init(&w->ready, NULL);
	w->last = &w->first;
	for (unsigned i = 0; i < worker_count(); i++)
		started += secret_thread(work, w, WORKER_STACK) == ERR_OK;
	if (started == 0) {
		free(w);
		return NULL;
	}
	/* The sandbox that closes next forbids what they do at first. */
	pthread_mutex_lock(&w->lock);
	while (w->settled < started)
		pthread_cond_wait(&w->ready, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return w;
}

static void put(struct workers *w, struct job *j)
{
	j->next = NULL;
	*w->last = j;
	w->last = &j->next;
	w->waiting++;
	pthread_cond_signal(&w->more);
}

void workers_run(struct workers *w, struct job *j)
{
	pthread_mutex_lock(&w->lock);
	put(w, j);
	pthread_mutex_unlock(&w->lock);
}

bool workers_run_if_idle(struct workers *w, struct job *j)
{
	bool given;

	pthread_mutex_lock(&w->lock);
	given = w->waiting < w->idle;
	if (given)
		put(w, j);
	pthread_mutex_unlock(&w->lock);
	return given;
}

bool workers_cancel(struct workers *w, struct job *j)
{
	struct job **at;
	bool found;

	pthread_mutex_lock(&w->lock);
	for (at = &w->first; *at != NULL && *at != j;)
		at = &(*at)->next;
	found = *at != NULL;
	if (found) {
		*at = j->next;
		if (w->last == &j->next)
			w->last = at;
		w->waiting--;
	}
	pthread_mutex_unlock(&w->lock);
	return found;
}
