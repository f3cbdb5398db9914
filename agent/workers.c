#include "agent/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "keystore/secretmem.h"

/* Invariant: first..last holds exactly waiting jobs; threads without work sleep on more. */
struct workers {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_cond_t ready; /* a thread has settled */
	struct job *first, **last;
	atomic_uint waiting; /* read without the lock, too */
	unsigned threads;
	unsigned idle;    /* threads without work */
	unsigned settled; /* threads that have their priority */
	int nice;
};

static void settle(struct workers *w)
{
	id_t self = (id_t)gettid();

	/* On Linux these are the calling thread's own.  Refusal does no harm. */
	if (w->nice != 0)
		(void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + w->nice);
	pthread_mutex_lock(&w->lock);
	w->settled++;
	pthread_cond_signal(&w->ready);
	pthread_mutex_unlock(&w->lock);
}

/* The first, or the first that does not last. */
static struct job *take(struct workers *w, bool lasting)
{
	struct job **at = &w->first, *j;

	while (*at != NULL && (*at)->lasting && !lasting)
		at = &(*at)->next;
	j = *at;
	if (j == NULL)
		return NULL;
	*at = j->next;
	if (j->next == NULL)
		w->last = at;
	w->waiting--;
	return j;
}

static struct job *wait_for_one(struct workers *w)
{
	struct job *j;

	pthread_mutex_lock(&w->lock);
	w->idle++;
	while ((j = take(w, true)) == NULL)
		pthread_cond_wait(&w->more, &w->lock);
	w->idle--;
	pthread_mutex_unlock(&w->lock);
	return j;
}

static void work(void *arg)
{
	struct workers *w = arg;

	settle(w);
	for (;;) {
		struct job *j = wait_for_one(w);

		j->run(j);
		secret_stack_clean();
	}
}

struct workers *workers_start(unsigned threads, int nice)
{
	struct workers *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_cond_init(&w->ready, NULL);
	w->last = &w->first;
	w->nice = nice;
	for (unsigned i = 0; i < threads; i++)
		w->threads += secret_thread(work, w, SECRET_STACK) == ERR_OK;
	/* The sandbox that closes next forbids what they do at first. */
	pthread_mutex_lock(&w->lock);
	while (w->settled < w->threads)
		pthread_cond_wait(&w->ready, &w->lock);
	pthread_mutex_unlock(&w->lock);
	if (w->threads == 0) {
		free(w);
		return NULL;
	}
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

bool workers_run_soon(struct workers *w, struct job *j)
{
	bool given;

	if (w == NULL)
		return false;
	pthread_mutex_lock(&w->lock);
	given = w->waiting < w->idle;
	if (given)
		put(w, j);
	pthread_mutex_unlock(&w->lock);
	return given;
}

bool workers_help(struct workers *w)
{
	struct job *j;

	if (w == NULL || atomic_load(&w->waiting) == 0)
		return false;
	pthread_mutex_lock(&w->lock);
	j = take(w, false);
	pthread_mutex_unlock(&w->lock);
	if (j == NULL)
		return false;
	j->run(j);
	return true;
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
