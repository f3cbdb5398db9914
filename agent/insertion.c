#include "agent/insertion.h"

#include <stddef.h>

#include "proto/base/clock.h"
#include "proto/base/mem.h"

enum { AGAIN_MS = 1000 }; /* before a question that was answered too early is put again */

/* Invariant: the timer is always armed, so that moving it needs no memory. */
struct insertion {
	struct insertion *next;
	struct insertions *all;
	struct insertion_member *first, *last; /* who waits longest, and asks, first */
	bool over;
	struct prompt *prompt;
	struct timer timer; /* puts the question */
	uint64_t until;     /* clock_now(), from the first question on */
};

static void detach(struct insertion *n)
{
	struct insertion **at = &n->all->first;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	prompt_cancel(n->prompt);
	timer_cancel(n->all->loop, &n->timer);
}

static void append(struct insertion *n, struct insertion_member *m)
{
	m->of = n;
	m->next = NULL;
	m->prev = n->last;
	if (n->last != NULL)
		n->last->next = m;
	else
		n->first = m;
	n->last = m;
}

static void take_out(struct insertion *n, struct insertion_member *m)
{
	if (m->prev != NULL)
		m->prev->next = m->next;
	else
		n->first = m->next;
	if (m->next != NULL)
		m->next->prev = m->prev;
	else
		n->last = m->prev;
	m->of = NULL;
	m->next = m->prev = NULL;
}

/* All who wait get the same answer.  Some may leave meanwhile, or wait again: for another one. */
static void settle(struct insertion *n, enum err why)
{
	struct insertion_member *m;

	detach(n);
	n->over = true;
	while ((m = n->first) != NULL) {
		take_out(n, m);
		m->over(m, why);
	}
	mem_free(n);
}

static void put_at(struct insertion *n, uint64_t when)
{
	(void)timer_arm(n->all->loop, &n->timer, when);
}

static void answered(void *ctx, enum err result, struct bytes answer)
{
	struct insertion *n = ctx;
	struct insertion_member *asker = n->first;

	(void)answer;
	n->prompt = NULL;
	switch (result) {
	case ERR_OK: /* "Yes, it is there", before it is: patience */
		put_at(n, clock_now() + AGAIN_MS);
		break;
	case ERR_NO_PROMPT: /* others may have a terminal */
		insertion_leave(asker);
		asker->over(asker, ERR_NO_DEVICE);
		break;
	case ERR_DENIED:
	case ERR_SCREEN:
		settle(n, result);
		break;
	default:
		settle(n, ERR_NO_DEVICE);
	}
}

static void put_question(struct timer *timer)
{
	struct insertion *n =
	    (struct insertion *)(void *)((char *)timer - offsetof(struct insertion, timer));
	uint64_t now = clock_now();

	put_at(n, UINT64_MAX);
	if (n->until == 0)
		n->until = now + (uint64_t)n->all->options->insert_wait * 1000;
	if (now < n->until)
		n->prompt =
		    n->first->ask(n->first, (uint32_t)((n->until - now + 999) / 1000), answered, n);
	if (n->prompt == NULL)
		settle(n, ERR_NO_DEVICE);
}

static struct insertion *find(const struct insertions *all, struct bytes key)
{
	struct insertion *n = all->first;

	while (n != NULL && !bytes_equal(n->first->key, key))
		n = n->next;
	return n;
}

static struct insertion *open_insertion(struct insertions *all)
{
	struct insertion *n = mem_alloc(sizeof(*n));

	if (n == NULL)
		return NULL;
	*n = (struct insertion){.all = all, .timer.due = put_question};
	if (timer_arm(all->loop, &n->timer, clock_now()) != ERR_OK) {
		mem_free(n);
		return NULL;
	}
	n->next = all->first;
	all->first = n;
	return n;
}

enum err insertion_join(struct insertions *all, struct insertion_member *m, bool forwarded)
{
	const struct options *o = all->options;
	struct insertion *n;

	if (o->insert_wait == 0 || (forwarded && !o->insert_wait_forwarded))
		return ERR_NO_DEVICE;
	n = find(all, m->key);
	if (n == NULL)
		n = open_insertion(all);
	if (n == NULL)
		return ERR_MEMORY;
	append(n, m);
	return ERR_OK;
}

void insertion_leave(struct insertion_member *m)
{
	struct insertion *n = m->of;
	bool asked = n != NULL && n->first == m && !n->over;

	if (n != NULL)
		take_out(n, m);
	if (!asked)
		return;
	if (n->first == NULL) {
		detach(n);
		mem_free(n);
		return;
	}
	/* Not from here: the others may leave along with it. */
	prompt_cancel(n->prompt);
	n->prompt = NULL;
	put_at(n, clock_now());
}
