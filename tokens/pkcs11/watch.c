#include "tokens/pkcs11/watch.h"

#include <time.h>

#include "tokens/pkcs11/slots.h"

enum { SLOW_MS = 2000, FAST_MS = 500, RESTART_MS = 2000 };

/* Wait until it is time to look; how long it was meant to be. */
static int wait_for_turn(struct world *w)
{
	struct timespec end;
	int ms, rv = 0;

	pthread_mutex_lock(&w->lock);
	do {
		ms = w->watched ? FAST_MS : w->removable ? SLOW_MS : -1;
		if (ms == -1) {
			pthread_cond_wait(&w->woken, &w->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &end);
		end.tv_sec += ms / 1000;
		end.tv_nsec += ms % 1000 * 1000000L;
		if (end.tv_nsec >= 1000000000L) {
			end.tv_sec++;
			end.tv_nsec -= 1000000000L;
		}
		rv = pthread_cond_timedwait(&w->woken, &w->lock, &end);
	} while (rv == 0);
	pthread_mutex_unlock(&w->lock);
	return ms;
}

/* Is there no login that another start would lose? */
static bool nobody_logged_in(struct world *w)
{
	bool nobody = true;

	pthread_mutex_lock(&w->lock);
	for (struct token *t = w->tokens; t != NULL; t = t->next)
		nobody = nobody && !t->logged;
	pthread_mutex_unlock(&w->lock);
	return nobody;
}

/* Some modules see what is plugged in only when they start. */
static void *run(void *arg)
{
	struct world *w = arg;
	int waited = 0;

	for (;;) {
		int ms = wait_for_turn(w);

		slots_scan(w, false);
		waited = ms == FAST_MS ? waited + ms : 0;
		if (waited >= RESTART_MS && nobody_logged_in(w)) {
			(void)slots_restart(w);
			waited = 0;
		}
	}
	return NULL;
}

enum err watch_start(struct world *w)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, w) != 0)
		return ERR_SYSTEM;
	(void)pthread_detach(thread);
	return ERR_OK;
}

void watch_set(struct world *w, bool somebody)
{
	pthread_mutex_lock(&w->lock);
	w->watched = somebody;
	pthread_cond_signal(&w->woken);
	pthread_mutex_unlock(&w->lock);
}
