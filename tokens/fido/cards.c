#include "tokens/fido/cards.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "tokens/fido/card.h"
#include "tokens/base/pcsc.h"

enum {
	LOOKS = 6,          /* at a card that answers with errors, before it is taken for none */
	LOOK_MS = 500,      /* between two looks, twice as long each time */
	SETTLE_MS = 1000,   /* after a change, when a reader may be added unnoticed */
	ATTEMPTS = 6,       /* to reach a service whose socket is there */
	ATTEMPT_MS = 500,   /* between two attempts, twice as long each time */
	LIST_MS = 2000,     /* for a single list, while cards are in use */
	LIST_LOOK_MS = 250, /* between two looks for it */
};

enum verdict { UNKNOWN, IS_KEY, IS_NONE };

struct slot {
	char name[PCSC_NAME_ROOM];
	uint16_t changes;
	enum verdict verdict;
	unsigned looks;
	bool busy; /* in use at the last look */
};

/* What is known of the readers of one connection to pcscd. */
struct view {
	struct pcsc_reader readers[PCSC_READERS_MOST];
	struct slot slots[PCSC_READERS_MOST]; /* of the same index */
	size_t n;
};

static const struct slot *slot_named(const struct slot *slots, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(slots[i].name, name) == 0)
			return &slots[i];
	}
	return NULL;
}

/* Bring slots into the readers' order, and forget what was known of cards that were changed. */
static void match_slots(struct view *v, size_t slots_before)
{
	struct slot before[PCSC_READERS_MOST];

	memcpy(before, v->slots, sizeof(before));
	for (size_t i = 0; i < v->n; i++) {
		const struct pcsc_reader *r = &v->readers[i];
		const struct slot *known = slot_named(before, slots_before, r->name);

		if (known != NULL && known->changes == r->changes && r->present) {
			v->slots[i] = *known;
			continue;
		}
		v->slots[i] = (struct slot){.changes = r->changes};
		memcpy(v->slots[i].name, r->name, sizeof(r->name));
	}
}

/*
 * Selecting the FIDO applet takes the card's attention from whatever another program selected
 * there, so a card in use is asked only once it is free, however long that takes.
 */
static void look_at(const struct pcsc_reader *r, struct slot *s)
{
	enum err e;

	s->busy = r->shared;
	if (s->busy) {
		s->looks = 0;
		return;
	}
	s->looks++;
	e = card_probe(r->name);
	s->busy = e == ERR_DEVICE_BUSY;
	if (e == ERR_OK)
		s->verdict = IS_KEY;
	else if (e == ERR_NO_DEVICE || (s->looks >= LOOKS && !s->busy))
		s->verdict = IS_NONE;
}

static bool is_undecided(const struct view *v, size_t i)
{
	return v->readers[i].present && v->slots[i].verdict == UNKNOWN;
}

/* Wait and look; what was found is in the view.  ERR_TIMEOUT, ERR_DEVICE_GONE as pcsc_wait. */
static enum err view_round(struct view *v, struct pcsc *service, int ms)
{
	size_t before = v->n;
	enum err e = pcsc_wait(service, v->readers, &v->n, ms);

	if (e != ERR_OK && e != ERR_TIMEOUT)
		return e;
	match_slots(v, before);
	for (size_t i = 0; i < v->n; i++) {
		if (is_undecided(v, i))
			look_at(&v->readers[i], &v->slots[i]);
		v->readers[i].awaited = is_undecided(v, i);
	}
	return e;
}

static bool is_key(const struct view *v, size_t i)
{
	return v->readers[i].present && v->slots[i].verdict == IS_KEY;
}

/* Connections are counted, so that a card found after a restart is another than before. */
static void tell(const struct view *v, uint32_t connection, struct found_list *out)
{
	for (size_t i = 0; i < v->n; i++) {
		if (is_key(v, i))
			list_card(
			    out, &v->readers[i], (uint64_t)connection << 32 | v->slots[i].changes);
	}
}

/* For one list: with cards in use that may be keys. */
static void tell_once(const struct view *v, struct found_list *out)
{
	for (size_t i = 0; i < v->n; i++) {
		bool busy = is_undecided(v, i) && v->slots[i].busy;

		if ((!is_key(v, i) && !busy) || out->n == FIDO_PATHS_MOST)
			continue;
		list_card(out, &v->readers[i], v->slots[i].changes);
		out->all[out->n - 1].undecided = busy;
	}
}

static bool any_undecided(const struct view *v)
{
	for (size_t i = 0; i < v->n; i++) {
		if (is_undecided(v, i))
			return true;
	}
	return false;
}

void cards_list(struct found_list *out)
{
	uint64_t end = clock_now() + LIST_MS;
	struct pcsc *service;
	struct view v = {0};
	enum err e;

	if (!pcsc_socket_there() || pcsc_start(&service) != ERR_OK)
		return;
	/* An agent that has just seen a card come asks it, too, and not for long. */
	e = view_round(&v, service, 0);
	while ((e == ERR_OK || e == ERR_TIMEOUT) && any_undecided(&v) && clock_now() < end)
		e = view_round(&v, service, LIST_LOOK_MS);
	if (e == ERR_OK || e == ERR_TIMEOUT)
		tell_once(&v, out);
	pcsc_end(service);
}

struct cards_watch {
	pthread_mutex_t lock; /* of poked and list */
	pthread_cond_t woken;
	bool poked;
	struct found_list list;
	int fd;
	/* The thread's own. */
	struct view view;
	uint32_t connection;
};

static void publish(struct cards_watch *w)
{
	static const uint64_t one = 1;

	pthread_mutex_lock(&w->lock);
	w->list.n = 0;
	tell(&w->view, w->connection, &w->list);
	/* The counter cannot overflow: at worst it was readable already. */
	if (write(w->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
	pthread_mutex_unlock(&w->lock);
}

/* Until poked, or for ms milliseconds (-1: no limit). */
static void sleep_until_poked(struct cards_watch *w, int ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000L;
	if (end.tv_nsec >= 1000000000L) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&w->lock);
	while (!w->poked) {
		if (ms < 0)
			pthread_cond_wait(&w->woken, &w->lock);
		else if (pthread_cond_timedwait(&w->woken, &w->lock, &end) != 0)
			break;
	}
	w->poked = false;
	pthread_mutex_unlock(&w->lock);
}

/*
 * How long the next wait may last: a card that could not be asked is looked at again.  The end of
 * others' use of a card ends the wait, so that needs no look.
 */
static int patience(const struct view *v, bool changed)
{
	int ms = changed ? SETTLE_MS : -1;

	for (size_t i = 0; i < v->n; i++) {
		const struct slot *s = &v->slots[i];
		int look = LOOK_MS << (s->looks < LOOKS ? s->looks : LOOKS);

		if (is_undecided(v, i) && !v->readers[i].shared && (ms < 0 || look < ms))
			ms = look;
	}
	return ms;
}

/* Follow one connection to its end; whether it was of any use. */
static bool follow(struct cards_watch *w, struct pcsc *service)
{
	bool useful = false;
	int ms = 0;

	w->connection++;
	memset(&w->view, 0, sizeof(w->view));
	for (;;) {
		enum err e = view_round(&w->view, service, ms);

		if (e != ERR_OK && e != ERR_TIMEOUT)
			return useful;
		useful = true;
		publish(w);
		ms = patience(&w->view, e == ERR_OK);
	}
}

static void *run(void *arg)
{
	struct cards_watch *w = arg;
	unsigned failures = 0;

	for (;;) {
		struct pcsc *service;
		bool useful = false;

		if (pcsc_socket_there() && pcsc_start(&service) == ERR_OK) {
			useful = follow(w, service);
			pcsc_end(service);
		}
		w->view.n = 0;
		publish(w);
		failures = useful ? 0 : failures + 1;
		/* A socket that nobody listens at any more is no reason to stay awake. */
		if (!pcsc_socket_there() || failures >= ATTEMPTS) {
			sleep_until_poked(w, -1);
			failures = 0;
		} else {
			sleep_until_poked(w, ATTEMPT_MS << failures);
		}
	}
	return NULL;
}

static enum err start_thread(struct cards_watch *w)
{
	sigset_t all, before;
	pthread_t thread;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0)
		return ERR_SYSTEM;
	pthread_detach(thread);
	return ERR_OK;
}

enum err cards_watch_start(struct cards_watch **out, int *fd)
{
	struct cards_watch *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (w == NULL)
		return ERR_MEMORY;
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd == -1) {
		free(w);
		return ERR_SYSTEM;
	}
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->woken, &attr);
	if (start_thread(w) != ERR_OK) {
		close(w->fd);
		free(w);
		return ERR_SYSTEM;
	}
	*out = w;
	*fd = w->fd;
	return ERR_OK;
}

void cards_watch_poke(struct cards_watch *w)
{
	pthread_mutex_lock(&w->lock);
	w->poked = true;
	pthread_cond_signal(&w->woken);
	pthread_mutex_unlock(&w->lock);
}

void cards_now(struct cards_watch *w, struct found_list *out)
{
	uint64_t count;

	pthread_mutex_lock(&w->lock);
	if (read(w->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		abort();
	for (size_t i = 0; i < w->list.n && out->n < FIDO_PATHS_MOST; i++)
		out->all[out->n++] = w->list.all[i];
	pthread_mutex_unlock(&w->lock);
}
