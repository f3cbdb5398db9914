/*
 * Instead of workers.c's, which has threads: what is queued is done when the fuzzer says so.
 *
 * A job that lasts waits for its client (agent/attend.h), so it has a thread, but never runs at the
 * same time as the fuzzer: it goes on when it is told to, until it waits again or is done.  It is
 * told to when its client has said something, or when the fuzzer's clock says that it has waited
 * for long enough; so nobody waits for the machine's time, and the same input does the same each
 * time.
 */
#ifndef SIGNET_FUZZ_SCENE_WORKERS_H
#define SIGNET_FUZZ_SCENE_WORKERS_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "agent/workers.h"
#include "proto/base/clock.h"
#include "tests/fuzz/fuzz.h"

enum { SCENE_ATTENDANTS = 2 }; /* fewer than clients: some are left without */

/* Invariant: first..last holds exactly waiting jobs. */
struct workers {
	struct job *first, **last;
	unsigned waiting;
};

/* A fast worker, as far as its jobs last. */
struct scene_attendant {
	pthread_t thread;
	sem_t go, back;  /* it may go on; it has stopped */
	struct job *job; /* NULL: it has none */
	int fd;          /* what it waits for, */
	uint64_t until;  /* and for how long */
};

struct scene_crew {
	struct workers slow, fast;
	struct scene_attendant attendant[SCENE_ATTENDANTS];
	bool lazy;     /* jobs wait for scene_work, and those of a round are other threads' */
	unsigned done; /* pieces of work */
};

static struct scene_crew crew;
static _Thread_local struct scene_attendant *scene_self;

/* --- the queues ----------------------------------------------------------------- */

static unsigned scene_idle(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SCENE_ATTENDANTS; i++)
		n += crew.attendant[i].job == NULL;
	return n;
}

static void scene_queue_clear(struct workers *w)
{
	*w = (struct workers){.last = &w->first};
}

static void scene_unqueue(struct workers *w, struct job **at)
{
	struct job *j = *at;

	*at = j->next;
	if (w->last == &j->next)
		w->last = at;
	w->waiting--;
}

static struct job *scene_take(struct workers *w, bool lasting)
{
	struct job **at = &w->first, *j;

	while (*at != NULL && (*at)->lasting && !lasting)
		at = &(*at)->next;
	j = *at;
	if (j != NULL)
		scene_unqueue(w, at);
	return j;
}

void workers_run(struct workers *w, struct job *j)
{
	j->next = NULL;
	*w->last = j;
	w->last = &j->next;
	w->waiting++;
}

bool workers_run_soon(struct workers *w, struct job *j)
{
	if (w == NULL || w->waiting >= scene_idle())
		return false;
	workers_run(w, j);
	return true;
}

bool workers_help(struct workers *w)
{
	struct job *j = w == NULL || (crew.lazy && scene_idle() != 0) ? NULL : scene_take(w, false);

	if (j == NULL)
		return false;
	j->run(j);
	return true;
}

bool workers_cancel(struct workers *w, struct job *j)
{
	struct job **at = &w->first;

	while (*at != NULL && *at != j)
		at = &(*at)->next;
	if (*at == NULL)
		return false;
	scene_unqueue(w, at);
	return true;
}

struct workers *workers_start(unsigned threads, int nice)
{
	(void)threads, (void)nice;
	return NULL;
}

/* --- attendants ------------------------------------------------------------------- */

static void scene_wait(sem_t *s)
{
	while (sem_wait(s) != 0)
		fuzz_require(errno == EINTR, "one waits for the other");
}

static void *scene_attend(void *arg)
{
	scene_self = arg;
	for (;;) {
		scene_wait(&scene_self->go);
		scene_self->job->run(scene_self->job);
		scene_self->job = NULL;
		sem_post(&scene_self->back);
	}
	return NULL;
}

static void scene_go_on(struct scene_attendant *a)
{
	a->fd = -1;
	sem_post(&a->go);
	scene_wait(&a->back);
	fuzz_require(a->job == NULL || a->fd >= 0, "who is attended is waited for");
}

static uint64_t scene_moment(int fd)
{
	struct timeval moment = {0};
	socklen_t len = sizeof(moment);

	fuzz_require(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, &len) == 0 &&
			 (moment.tv_sec != 0 || moment.tv_usec != 0),
	    "who is attended is waited for a moment only");
	return (uint64_t)moment.tv_sec * 1000 + (uint64_t)moment.tv_usec / 1000;
}

/* Instead of the C library's recv: an attendant that waits stops here. */
ssize_t scene_recv(int fd, void *data, size_t n, int flags) __asm__("recv");

ssize_t scene_recv(int fd, void *data, size_t n, int flags)
{
	ssize_t got;

	if (scene_self == NULL || (flags & MSG_DONTWAIT) != 0)
		return recvfrom(fd, data, n, flags, NULL, NULL);
	scene_self->until = clock_now() + scene_moment(fd);
	do {
		scene_self->fd = fd;
		sem_post(&scene_self->back);
		scene_wait(&scene_self->go);
		got = recvfrom(fd, data, n, flags | MSG_DONTWAIT, NULL, NULL);
	} while (got < 0 && errno == EAGAIN && clock_now() < scene_self->until);
	return got;
}

static bool scene_is_wanted(const struct scene_attendant *a)
{
	struct pollfd p = {.fd = a->fd, .events = POLLIN};
	int n;

	if (a->job == NULL)
		return false;
	do /* libFuzzer has an alarm */
		n = poll(&p, 1, 0);
	while (n < 0 && errno == EINTR);
	fuzz_require(
	    n >= 0 && (p.revents & POLLNVAL) == 0, "the connection of who is attended is open");
	return p.revents != 0 || clock_now() >= a->until;
}

static inline bool scene_attends(int fd)
{
	bool any = false;

	for (unsigned i = 0; i < SCENE_ATTENDANTS; i++)
		any = any || (crew.attendant[i].job != NULL && crew.attendant[i].fd == fd);
	return any;
}

static bool scene_begin_lasting(struct job *j)
{
	struct scene_attendant *a = crew.attendant;

	while (a->job != NULL)
		a++;
	a->job = j;
	scene_go_on(a);
	return true;
}

/* --- for the scene ------------------------------------------------------------------ */

static bool scene_work_queue(struct workers *w)
{
	struct job *j = scene_take(w, scene_idle() != 0);

	if (j == NULL)
		return false;
	if (j->lasting)
		return scene_begin_lasting(j);
	j->run(j);
	return true;
}

/* Some piece of work; those who have some take turns.  False: there is none. */
static bool scene_work(void)
{
	enum { CHOICES = 2 + SCENE_ATTENDANTS };
	const unsigned first = crew.done++;

	for (unsigned i = 0; i < CHOICES; i++) {
		unsigned choice = (first + i) % CHOICES;

		if (choice < 2) {
			if (scene_work_queue(choice == 0 ? &crew.slow : &crew.fast))
				return true;
		} else if (scene_is_wanted(&crew.attendant[choice - 2])) {
			scene_go_on(&crew.attendant[choice - 2]);
			return true;
		}
	}
	return false;
}

/* Once. */
static void scene_crew_start(void)
{
	for (unsigned i = 0; i < SCENE_ATTENDANTS; i++) {
		struct scene_attendant *a = &crew.attendant[i];

		fuzz_require(sem_init(&a->go, 0, 0) == 0 && sem_init(&a->back, 0, 0) == 0 &&
				 pthread_create(&a->thread, NULL, scene_attend, a) == 0,
		    "a thread");
	}
}

/* For a new core. */
static void scene_crew_begin(void)
{
	scene_queue_clear(&crew.slow);
	scene_queue_clear(&crew.fast);
	crew.lazy = false;
	crew.done = 0;
}

#endif
