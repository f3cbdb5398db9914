#include "agent/hostnames.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"
#include "proto/limits.h"

enum stage {
	WAITING, /* for its turn */
	ASKED,   /* the supervisor */
	SEARCHED /* a job has it, or it is on its way back to the loop */
};

/* One that is given up while a job has it lives on, without done, until the job is back. */
struct hostnames_query {
	struct hostnames_query *next, *prev;
	struct hostnames *all;
	enum stage stage;
	struct letter letter;
	void (*done)(void *ctx, enum err result, const char *text);
	void *ctx;
	struct timer patience;
	struct job job;
	struct task back;
	atomic_bool cancelled;
	int files[KNOWNFILES];
	enum err result;
	char text[HOSTSEARCH_TEXT];
	struct bytes host_key;
	size_t n;
	struct bytes candidates[LIMIT_HOST_CANDIDATES];
	uint8_t copies[]; /* what those point to */
};

#define OF(ptr, member)                                                                            \
	((struct hostnames_query *)(void *)((char *)(ptr)-offsetof(struct hostnames_query, member)))

static void advance(struct hostnames *h);

static void query_free(struct hostnames_query *q)
{
	struct hostnames *h = q->all;

	outbox_take_back(h->outbox, &q->letter);
	for (unsigned i = 0; i < KNOWNFILES; i++)
		fd_close(&q->files[i]);
	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		h->first = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	else
		h->last = q->prev;
	if (h->current == q)
		h->current = NULL;
	free(q);
	advance(h);
}

/* Its owner has heard, or wants to hear, no more. */
static void disown(struct hostnames_query *q)
{
	timer_cancel(q->all->loop, &q->patience);
	q->done = NULL;
	q->all->open--;
}

static void back(struct task *t)
{
	struct hostnames_query *q = OF(t, back);
	void (*done)(void *ctx, enum err result, const char *text) = q->done;

	if (done != NULL) {
		disown(q);
		done(q->ctx, q->result, q->text);
	}
	query_free(q);
}

static void search(struct job *j)
{
	struct hostnames_query *q = OF(j, job);
	struct hostsearch s = {
	    .host_key = q->host_key,
	    .candidates = q->candidates,
	    .n = q->n,
	    .files = q->files,
	    .cancelled = &q->cancelled,
	};

	q->result = hostsearch_run(&s, q->text);
	loop_post(q->all->loop, &q->back);
}

/* The next one's turn, when there is one and nothing is worked on. */
static void advance(struct hostnames *h)
{
	struct hostnames_query *q = h->first;

	if (q == NULL || h->current != NULL)
		return;
	h->current = q;
	q->letter.kind = CHANNEL_FILES;
	q->letter.id = ++h->last_id;
	q->stage = ASKED;
	if (outbox_send(h->outbox, &q->letter) != ERR_OK) {
		q->stage = SEARCHED;
		q->result = ERR_SYSTEM;
		loop_post(h->loop, &q->back);
	}
}

void hostnames_cancel(struct hostnames_query *q)
{
	if (q == NULL)
		return;
	disown(q);
	atomic_store(&q->cancelled, true);
	if (q->stage != SEARCHED || workers_cancel(q->all->workers, &q->job))
		query_free(q);
}

static void patience_over(struct timer *t)
{
	struct hostnames_query *q = OF(t, patience);
	void (*done)(void *ctx, enum err result, const char *text) = q->done;
	void *ctx = q->ctx;

	hostnames_cancel(q);
	done(ctx, ERR_TIMEOUT, "");
}

/* Where the copy ends is where the next one goes. */
static uint8_t *copy(struct bytes *out, struct bytes src, uint8_t *place)
{
	if (src.len != 0)
		memcpy(place, src.data, src.len);
	*out = BYTES(place, src.len);
	return place + src.len;
}

static struct hostnames_query *query_new(
    struct bytes host_key, const struct bytes *candidates, size_t n)
{
	struct hostnames_query *q;
	size_t room = host_key.len;
	uint8_t *place;

	for (size_t i = 0; i < n; i++)
		room += candidates[i].len;
	q = calloc(1, sizeof(*q) + room);
	if (q == NULL)
		return NULL;
	place = copy(&q->host_key, host_key, q->copies);
	for (size_t i = 0; i < n; i++)
		place = copy(&q->candidates[i], candidates[i], place);
	q->n = n;
	for (unsigned i = 0; i < KNOWNFILES; i++)
		q->files[i] = -1;
	q->patience.due = patience_over;
	q->job.run = search;
	q->back.run = back;
	atomic_init(&q->cancelled, false);
	return q;
}

struct hostnames_query *hostnames_ask(struct hostnames *h, struct bytes host_key,
    const struct bytes *candidates, size_t n,
    void (*done)(void *ctx, enum err result, const char *text), void *ctx)
{
	struct hostnames_query *q;

	if (n > LIMIT_HOST_CANDIDATES)
		n = LIMIT_HOST_CANDIDATES;
	q = query_new(host_key, candidates, n);
	if (q == NULL)
		return NULL;
	if (timer_arm(h->loop, &q->patience, clock_now() + LIMIT_WITNESS_MS) != ERR_OK) {
		free(q);
		return NULL;
	}
	q->all = h;
	q->done = done;
	q->ctx = ctx;
	q->prev = h->last;
	if (q->prev != NULL)
		q->prev->next = q;
	else
		h->first = q;
	h->last = q;
	h->open++;
	advance(h);
	return q;
}

void hostnames_heard(struct hostnames *h, uint32_t id, unsigned which, int fd)
{
	struct hostnames_query *q = h->current;

	if (q != NULL && q->letter.id == id && q->stage == ASKED) {
		if (which < KNOWNFILES && q->files[which] < 0) {
			q->files[which] = fd;
			fd = -1;
		} else if (which == KNOWNFILES) {
			q->stage = SEARCHED;
			workers_run(h->workers, &q->job);
		} else {
			log_error("the supervisor sent a file that was not asked for");
		}
	}
	fd_close(&fd); /* of a query that is gone, or not wanted */
}
