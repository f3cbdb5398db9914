#include "agent/witness.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/limits.h"

struct testimony {
	struct testimony *next, *prev;
	struct witness *all;
	struct letter letter;
	uint64_t since;
	void (*done)(void *ctx, const struct lineage *who);
	void *ctx;
	struct timer patience;
	struct task unheard; /* the supervisor could not be asked, */
	bool posted;         /* which the loop is to say */
};

#define OF(ptr, member)                                                                            \
	((struct testimony *)(void *)((char *)(ptr)-offsetof(struct testimony, member)))

static const struct lineage nobody;

static void unlink_from(struct testimony *t)
{
	struct witness *w = t->all;

	timer_cancel(w->loop, &t->patience);
	outbox_take_back(w->outbox, &t->letter);
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		w->first = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	w->open--;
}

static void finish(struct testimony *t, const struct lineage *who)
{
	unlink_from(t);
	t->done(t->ctx, who);
	free(t);
}

static void unheard(struct task *task)
{
	struct testimony *t = OF(task, unheard);

	if (t->done == NULL)
		free(t); /* cancelled meanwhile, and unlinked */
	else
		finish(t, &nobody);
}

static void patience_over(struct timer *timer)
{
	finish(OF(timer, patience), &nobody);
}

static enum err ask(struct testimony *t, pid_t pid)
{
	struct witness *w = t->all;
	enum err e = timer_arm(w->loop, &t->patience, clock_now() + LIMIT_WITNESS_MS);

	(void)snprintf(t->letter.text, sizeof(t->letter.text), "%ld", (long)pid);
	return e == ERR_OK ? outbox_send(w->outbox, &t->letter) : e;
}

struct testimony *witness_ask(struct witness *w, pid_t pid, uint64_t since,
    void (*done)(void *ctx, const struct lineage *who), void *ctx)
{
	struct testimony *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	*t = (struct testimony){.all = w, .since = since, .done = done, .ctx = ctx};
	t->letter.kind = CHANNEL_WHO;
	t->letter.id = ++w->last_id;
	t->patience.due = patience_over;
	t->unheard.run = unheard;
	t->next = w->first;
	if (t->next != NULL)
		t->next->prev = t;
	w->first = t;
	w->open++;
	if (ask(t, pid) != ERR_OK) {
		t->posted = true;
		loop_post(w->loop, &t->unheard);
	}
	return t;
}

void witness_cancel(struct testimony *t)
{
	if (t == NULL)
		return;
	unlink_from(t);
	t->done = NULL;
	if (!t->posted)
		free(t);
}

/* Did the process begin before this time, in milliseconds since boot?  Both are rounded down. */
static bool began_before(const struct process *p, uint64_t when)
{
	uint64_t hertz = (uint64_t)sysconf(_SC_CLK_TCK);

	return p->started <= UINT64_MAX / 1000 && p->started * 1000 / hertz <= when;
}

static bool is_client(const struct lineage *who, uint64_t since)
{
	return who->count == 0 || began_before(&who->process[0], since);
}

void witness_heard(struct witness *w, uint32_t id, struct bytes record)
{
	struct testimony *t = w->first;
	struct lineage who = {0};

	while (t != NULL && (t->letter.id != id || t->posted))
		t = t->next;
	if (t == NULL)
		return;
	if (lineage_parse(record, &who) != ERR_OK)
		log_error("the supervisor sent a malformed record of a process");
	finish(t, is_client(&who, t->since) ? &who : &nobody);
}
