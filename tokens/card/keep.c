#include "tokens/card/keep.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/clock.h"

struct keeper {
	unsigned ms;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t changed;
	struct kept places[PCSC_READERS_MOST];
};

static void *run_close(void *card)
{
	pcsc_close(card);
	return NULL;
}

static void *run_reset(void *card)
{
	pcsc_reset(card);
	return NULL;
}

/* pcscd lets nobody go while somebody else has a transaction, so a thread waits for that. */
static void close_aside(struct pcsc_card *card, void *(*way)(void *card))
{
	pthread_t thread;

	if (card == NULL)
		return;
	if (pthread_create(&thread, NULL, way, card) == 0)
		(void)pthread_detach(thread);
	else
		(void)way(card);
}

/* End what is due; when the next is, UINT64_MAX: nothing is kept. */
static uint64_t end_due(struct keeper *k, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		struct kept *p = &k->places[i];

		if (p->card != NULL && p->due <= now) {
			close_aside(p->card, run_close);
			p->card = NULL;
		} else if (p->card != NULL && p->due < next) {
			next = p->due;
		}
	}
	return next;
}

static void await(struct keeper *k, uint64_t ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)(ms / 1000);
	end.tv_nsec += (long)(ms % 1000) * 1000000L;
	if (end.tv_nsec >= 1000000000L) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000L;
	}
	(void)pthread_cond_timedwait(&k->changed, &k->mutex, &end);
}

static void *run(void *arg)
{
	struct keeper *k = arg;

	pthread_mutex_lock(&k->mutex);
	for (;;) {
		uint64_t now = clock_now(), next = end_due(k, now);

		if (next == UINT64_MAX)
			pthread_cond_wait(&k->changed, &k->mutex);
		else
			await(k, next - now);
	}
	return NULL;
}

struct keeper *keeper_new(unsigned ms)
{
	struct keeper *k = calloc(1, sizeof(*k));
	pthread_condattr_t attr;
	pthread_t thread;

	if (k == NULL)
		return NULL;
	k->ms = ms;
	pthread_mutex_init(&k->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->changed, &attr);
	if (pthread_create(&thread, NULL, run, k) == 0) {
		(void)pthread_detach(thread);
		return k;
	}
	free(k);
	return NULL;
}

struct kept keeper_take(struct keeper *k, size_t place)
{
	struct kept out;

	pthread_mutex_lock(&k->mutex);
	out = k->places[place];
	k->places[place].card = NULL;
	pthread_mutex_unlock(&k->mutex);
	return out;
}

void keeper_put(struct keeper *k, size_t place, const struct kept *kept, bool renew)
{
	uint64_t now = clock_now(), due = renew ? now + k->ms : kept->due;
	struct kept *p = &k->places[place];

	pthread_mutex_lock(&k->mutex);
	if (p->epoch == kept->epoch && p->card == NULL && due > now) {
		p->card = kept->card;
		p->due = due;
		pthread_cond_signal(&k->changed);
	} else {
		close_aside(kept->card, run_close);
	}
	pthread_mutex_unlock(&k->mutex);
}

void keeper_drop(struct keeper *k, size_t place, bool reset)
{
	pthread_mutex_lock(&k->mutex);
	k->places[place].epoch++;
	close_aside(k->places[place].card, reset ? run_reset : run_close);
	k->places[place].card = NULL;
	pthread_mutex_unlock(&k->mutex);
}
