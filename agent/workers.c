#include "agent/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "keystore/secretmem.h"

enum {
	MOST_WORKERS = 4,
	WORKER_STACK = SECRET_STACK,
	WORKER_NICE = 10, /* added to the loop's own */
};

struct queue {
	struct job *first, **last;
	unsigned length;
};

/*
 * Fast jobs come first, but only fast_most threads work on them at a time: the
 * loop signs as well, and more threads than processors would take turns
 * instead of working.  A short queue for them saves a thread from going to
 * sleep between two jobs.
 */
struct workers {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct queue fast, slow;
	unsigned idle;        /* threads waiting for work */
	unsigned fast_active; /* threads working on fast jobs */
	unsigned fast_most;
};

static void queue_put(struct queue *q, struct job *j)
{
	j->next = NULL;
	*q->last = j;
	q->last = &j->next;
	q->length++;
}

static struct job *queue_take(struct queue *q)
{
	struct job *j = q->first;

	q->first = j->next;
	if (q->first == NULL)
		q->last = &q->first;
	q->length--;
	return j;
}

/* The next job that this thread may do, or NULL. */
static struct job *choose(struct workers *w)
{
	if (w->fast.first != NULL && w->fast_active < w->fast_most) {
		w->fast_active++;
		return queue_take(&w->fast);
	}
	return w->slow.first != NULL ? queue_take(&w->slow) : NULL;
}

static struct job *take(struct workers *w, bool after_fast)
{
	struct job *j;

	pthread_mutex_lock(&w->lock);
	if (after_fast)
		w->fast_active--;
	while ((j = choose(w)) == NULL) {
		w->idle++;
		pthread_cond_wait(&w->more, &w->lock);
		w->idle--;
	}
	pthread_mutex_unlock(&w->lock);
	return j;
}

static void work(void *arg)
{
	struct workers *w = arg;
	id_t self = (id_t)gettid();

	/* On Linux these are the calling thread's own.  Refusal does no harm. */
	(void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + WORKER_NICE);
	for (bool fast = false;;) {
		struct job *j = take(w, fast);

		fast = j->fast;
		j->run(j);
		secret_stack_clean();
	}
}

/* At least one besides the loop, so that a slow signature never holds it up. */
static unsigned worker_count(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		return 1;
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
	w->fast.last = &w->fast.first;
	w->slow.last = &w->slow.first;
	w->fast_most = worker_count() > 1 ? worker_count() - 1 : 1;
	for (unsigned i = 0; i < worker_count(); i++)
		started += secret_thread(work, w, WORKER_STACK) == ERR_OK;
	if (started == 0) {
		free(w);
		return NULL;
	}
	return w;
}

void workers_run(struct workers *w, struct job *j)
{
	pthread_mutex_lock(&w->lock);
	j->fast = false;
	queue_put(&w->slow, j);
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}

bool workers_run_fast(struct workers *w, struct job *j)
{
	bool given;

	pthread_mutex_lock(&w->lock);
	/* A thread must be free for it, or be about to be, with no more than one job before it. */
	given = w->fast.length < w->fast_most && (w->fast_active != 0 || w->idle != 0);
	if (given) {
		j->fast = true;
		queue_put(&w->fast, j);
		if (w->fast_active < w->fast_most)
			pthread_cond_signal(&w->more);
	}
	pthread_mutex_unlock(&w->lock);
	return given;
}
