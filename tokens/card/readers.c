#include "tokens/card/readers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/base/clock.h"
#include "proto/base/mem.h"

enum {
	LOOKS = 6,     /* at a card that does not answer, before it is taken for one not known */
	LOOK_MS = 500, /* between two looks, twice as long each time */
	LOOK_BUSY_MS = 2000, /* for somebody else's use of the card to end, for a look */
	LOOKING_MS = 200,    /* between two looks at what the lanes have found */
	SETTLE_MS = 1000,    /* after a change, when a reader may be added unnoticed */
};

/* --- one card ----------------------------------------------------------------------- */

static void forget_tokens(struct reader_slot *s)
{
	while (s->n > 0)
		card_token_free(s->tokens[--s->n]);
}

/* A look found nothing, since the card was busy or did not answer; s->all->mutex is held. */
static void look_failed(struct reader_slot *s, enum err e)
{
	/* What was known of it stays so. */
	if (s->found == FOUND_TOKENS)
		return;
	s->looks++;
	s->look_due = clock_now() + ((uint64_t)LOOK_MS << (s->looks < LOOKS ? s->looks : LOOKS));
	if (e == ERR_TOKEN_BUSY)
		s->found = FOUND_BUSY;
	else if (s->looks >= LOOKS)
		s->found = FOUND_UNKNOWN;
	else
		s->found = FOUND_LOOKING;
}

static void install(struct reader_slot *s, struct card_token *tokens[CARD_APPLETS], size_t n)
{
	forget_tokens(s);
	memcpy(s->tokens, tokens, n * sizeof(tokens[0]));
	s->n = n;
	s->looks = 0;
	s->found = n != 0 ? FOUND_TOKENS : FOUND_UNKNOWN;
}

/* s->use is held. */
static void look(struct reader_slot *s)
{
	struct card_token *tokens[CARD_APPLETS] = {NULL};
	struct session session;
	char name[PCSC_NAME_ROOM];
	uint64_t generation;
	size_t n = 0;
	enum err e;
	bool present;

	pthread_mutex_lock(&s->all->mutex);
	s->posted = false;
	generation = s->generation;
	present = s->present;
	memcpy(name, s->name, sizeof(name));
	pthread_mutex_unlock(&s->all->mutex);
	if (!present)
		return;
	e = session_begin(&session, name, LOOK_BUSY_MS);
	if (e == ERR_OK)
		e = card_look(&session.wire, tokens, &n);
	session_end(&session);
	pthread_mutex_lock(&s->all->mutex);
	if (s->generation != generation) {
		while (n > 0)
			card_token_free(tokens[--n]);
	} else if (e == ERR_OK) {
		install(s, tokens, n);
	} else {
		look_failed(s, e);
	}
	pthread_cond_broadcast(&s->all->changed);
	pthread_mutex_unlock(&s->all->mutex);
}

void readers_look_held(struct reader_slot *s)
{
	look(s);
}

void readers_look(struct reader_slot *s)
{
	pthread_mutex_lock(&s->use);
	look(s);
	pthread_mutex_unlock(&s->use);
	readers_publish(s->all);
}

/* In the lane: an empty message is a look. */
static void run(void *ctx, struct bytes message)
{
	struct reader_slot *s = ctx;

	if (message.len == 0)
		readers_look(s);
	else
		s->all->serve(s, message);
}

static void post_look(struct reader_slot *s)
{
	struct blob nothing = {0};

	if (s->lane == NULL)
		s->lane = lane_new(1, run, s);
	if (!s->posted && s->lane != NULL)
		s->posted = lane_put(s->lane, &nothing) == ERR_OK;
}

struct card_token *readers_token(struct reader_slot *s, struct bytes id, char name[PCSC_NAME_ROOM])
{
	struct card_token *t = NULL;

	pthread_mutex_lock(&s->all->mutex);
	for (size_t i = 0; s->present && s->found == FOUND_TOKENS && i < s->n; i++) {
		if (card_id_is(&s->tokens[i]->id, id))
			t = s->tokens[i];
	}
	memcpy(name, s->name, PCSC_NAME_ROOM);
	pthread_mutex_unlock(&s->all->mutex);
	return t;
}

enum err readers_resume(
    struct reader_slot *s, const char *name, unsigned ms, struct session *session)
{
	return session_resume(session, s->all->keeper, (size_t)(s - s->all->slots), name, ms);
}

enum err readers_hand(struct readers *all, struct bytes token, struct blob *message)
{
	enum err e;

	pthread_mutex_lock(&all->mutex);
	e = all->service ? ERR_TOKEN_GONE : ERR_NO_READER;
	for (size_t i = 0; i < PCSC_READERS_MOST && e != ERR_OK; i++) {
		struct reader_slot *s = &all->slots[i];

		for (size_t k = 0; s->present && s->found == FOUND_TOKENS && k < s->n; k++) {
			if (card_id_is(&s->tokens[k]->id, token)) {
				e = lane_put(s->lane, message);
				goto out;
			}
		}
	}
out:
	pthread_mutex_unlock(&all->mutex);
	return e;
}

/* --- what is told ---------------------------------------------------------------------- */

void readers_publish(struct readers *all)
{
	struct builder b = {0};
	enum err e;

	pthread_mutex_lock(&all->publish);
	pthread_mutex_lock(&all->mutex);
	if (all->open)
		inventory_build(&b, all);
	pthread_mutex_unlock(&all->mutex);
	e = builder_error(&b);
	if (e == ERR_OK && all->open && !bytes_equal(builder_view(&b), blob_view(&all->told))) {
		e = blob_copy(&all->told, builder_view(&b));
		if (e == ERR_OK)
			e = outlet_send(all->outlet, &b);
	}
	if (e != ERR_OK && e != ERR_CLOSED)
		outlet_hang_up(all->outlet);
	builder_clear(&b);
	pthread_mutex_unlock(&all->publish);
}

/* --- all readers ------------------------------------------------------------------------- */

static bool is_settled(const struct readers *all)
{
	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		const struct reader_slot *s = &all->slots[i];

		if (s->name[0] != '\0' && s->present && s->found == FOUND_LOOKING)
			return false;
	}
	return all->listed;
}

void readers_settle(struct readers *all, unsigned ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000L;
	if (end.tv_nsec >= 1000000000L) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&all->mutex);
	while (!is_settled(all) && pthread_cond_timedwait(&all->changed, &all->mutex, &end) == 0)
		;
	pthread_mutex_unlock(&all->mutex);
}

static const struct pcsc_reader *view_named(
    const struct pcsc_reader *view, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(view[i].name, name) == 0)
			return &view[i];
	}
	return NULL;
}

static struct reader_slot *slot_for(struct readers *all, const char *name)
{
	struct reader_slot *free_one = NULL;

	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		struct reader_slot *s = &all->slots[i];

		if (strcmp(s->name, name) == 0)
			return s;
		if (free_one == NULL && s->name[0] == '\0')
			free_one = s;
	}
	return free_one;
}

/* The card in s is another one, or none. */
static void renew(struct reader_slot *s, const struct pcsc_reader *r)
{
	s->generation = ++s->all->generations;
	s->changes = r->changes;
	s->present = r->present;
	s->found = r->present ? FOUND_LOOKING : FOUND_NOTHING;
	s->looks = 0;
	s->entered = false;
	keeper_drop(s->all->keeper, (size_t)(s - s->all->slots), false);
	if (r->present)
		post_look(s);
}

static void take_reader(struct readers *all, struct pcsc_reader *r)
{
	struct reader_slot *s = slot_for(all, r->name);
	bool freed;

	if (s == NULL)
		return;
	if (s->name[0] == '\0' || s->changes != r->changes || s->present != r->present) {
		memcpy(s->name, r->name, sizeof(s->name));
		renew(s, r);
	}
	freed = s->shared && !r->shared;
	s->shared = r->shared;
	/* Again: what could not be asked, when its user is gone or after a while. */
	if ((s->found == FOUND_BUSY || (s->found == FOUND_LOOKING && s->looks != 0)) &&
	    (freed || clock_now() >= s->look_due))
		post_look(s);
	r->awaited = s->found == FOUND_BUSY;
}

void readers_take(struct readers *all, struct pcsc_reader *view, size_t n)
{
	pthread_mutex_lock(&all->mutex);
	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		struct reader_slot *s = &all->slots[i];

		if (s->name[0] != '\0' && view_named(view, n, s->name) == NULL) {
			renew(s, &(struct pcsc_reader){.present = false});
			s->name[0] = '\0';
		}
	}
	for (size_t i = 0; i < n; i++)
		take_reader(all, &view[i]);
	all->listed = true;
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->mutex);
}

int readers_patience(struct readers *all, bool changed)
{
	uint64_t now = clock_now(), due;
	int ms = changed ? SETTLE_MS : -1;

	pthread_mutex_lock(&all->mutex);
	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		const struct reader_slot *s = &all->slots[i];

		if (s->name[0] == '\0' || !s->present ||
		    (s->found != FOUND_LOOKING && s->found != FOUND_BUSY && !s->posted))
			continue;
		due = s->posted || s->look_due <= now ? LOOKING_MS : s->look_due - now;
		if (due < LOOKING_MS)
			due = LOOKING_MS;
		if (ms < 0 || due < (uint64_t)ms)
			ms = (int)due;
	}
	pthread_mutex_unlock(&all->mutex);
	return ms;
}

void readers_service(struct readers *all, bool runs)
{
	pthread_mutex_lock(&all->mutex);
	all->service = runs;
	pthread_mutex_unlock(&all->mutex);
}

struct readers *readers_new(
    struct outlet *outlet, void (*serve)(struct reader_slot *s, struct bytes message))
{
	struct readers *all = calloc(1, sizeof(*all));
	pthread_condattr_t attr;

	if (all == NULL)
		return NULL;
	all->keeper = keeper_new(KEEP_MS);
	if (all->keeper == NULL) {
		free(all);
		return NULL;
	}
	pthread_mutex_init(&all->mutex, NULL);
	pthread_mutex_init(&all->publish, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&all->changed, &attr);
	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		all->slots[i].all = all;
		pthread_mutex_init(&all->slots[i].use, NULL);
	}
	all->outlet = outlet;
	all->serve = serve;
	return all;
}
