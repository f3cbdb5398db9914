/* A key whose device is not plugged in: one question, however many wait for it. */
#include "agent/touch_impl.h"

#include "proto/base/clock.h"
#include "proto/base/mem.h"

enum { AGAIN_MS = 1000 }; /* before a question that was answered too early is put again */

static const char title[] = "Signet: plug in a security key";

/* Invariant: the timer is always armed, so that moving it needs no memory. */
struct insertion {
	struct insertion *next;
	struct touches *all;
	struct touch *asker; /* a member; whose words are on the screen */
	struct prompt *prompt;
	struct timer timer; /* puts the question */
	uint64_t until;     /* clock_now(), from the first question on */
};

static void insertion_free(struct insertion *n)
{
	struct insertion **at = &n->all->insertions;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	prompt_cancel(n->prompt);
	timer_cancel(n->all->loop, &n->timer);
	mem_free(n);
}

/* The one that waits longest. */
static struct touch *member(const struct insertion *n)
{
	struct touch *oldest = NULL;

	for (struct touch *t = n->all->first; t != NULL; t = t->next) {
		if (t->insertion == n)
			oldest = t;
	}
	return oldest;
}

/* All who wait get the same answer. */
static void settle(struct insertion *n, enum err why)
{
	struct touch *next;

	for (struct touch *t = n->all->first; t != NULL; t = next) {
		next = t->next;
		if (t->insertion != n)
			continue;
		t->insertion = NULL;
		touch_finish(t, why, BYTES_NONE);
	}
	insertion_free(n);
}

static void put_at(struct insertion *n, uint64_t when)
{
	(void)timer_arm(n->all->loop, &n->timer, when);
}

static void answered(void *ctx, enum err result, struct bytes answer)
{
	struct insertion *n = ctx;

	(void)answer;
	n->prompt = NULL;
	switch (result) {
	case ERR_OK: /* "Yes, it is there", before it is: patience */
		put_at(n, clock_now() + AGAIN_MS);
		break;
	case ERR_NO_PROMPT: /* others may have a terminal */
		touch_finish(n->asker, ERR_NO_DEVICE, BYTES_NONE);
		break;
	case ERR_DENIED:
		settle(n, ERR_DENIED);
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
	struct builder text = {0};

	put_at(n, UINT64_MAX);
	if (n->until == 0)
		n->until = now + (uint64_t)n->all->options->insert_wait * 1000;
	if (now < n->until) {
		touch_insert_text(&text, n->asker);
		if (builder_error(&text) == ERR_OK)
			n->prompt = touch_ask(n->asker, ASKPASS_CONFIRM, title, builder_view(&text),
			    (uint32_t)((n->until - now + 999) / 1000), answered, n);
		builder_clear(&text);
	}
	if (n->prompt == NULL)
		settle(n, ERR_NO_DEVICE);
}

static struct insertion *find(const struct touches *ts, const struct key *key)
{
	struct insertion *n = ts->insertions;

	while (n != NULL && !bytes_equal(key_blob(n->asker->key), key_blob(key)))
		n = n->next;
	return n;
}

static struct insertion *open_insertion(struct touch *t)
{
	struct insertion *n = mem_alloc(sizeof(*n));

	if (n == NULL)
		return NULL;
	*n = (struct insertion){.all = t->all, .asker = t, .timer.due = put_question};
	if (timer_arm(t->all->loop, &n->timer, clock_now()) != ERR_OK) {
		mem_free(n);
		return NULL;
	}
	n->next = t->all->insertions;
	t->all->insertions = n;
	return n;
}

void touch_insert(struct touch *t)
{
	const struct options *o = t->all->options;
	struct insertion *n = NULL;
	enum err why = ERR_NO_DEVICE;

	/* Without the helper that would see it come, nobody need plug it in. */
	if (devices_trouble(t->all->devices) == ERR_HELPER_MISSING) {
		why = ERR_HELPER_MISSING;
	} else if (o->insert_wait != 0 && (!t->forwarded || o->insert_wait_forwarded)) {
		n = find(t->all, t->key);
		if (n == NULL)
			n = open_insertion(t);
	}
	if (n == NULL) {
		touch_finish(t, why, BYTES_NONE);
		return;
	}
	t->stage = TOUCH_INSERT;
	t->insertion = n;
}

void touch_insert_leave(struct touch *t)
{
	struct insertion *n = t->insertion;

	if (n == NULL)
		return;
	t->insertion = NULL;
	if (n->asker != t)
		return;
	n->asker = member(n);
	if (n->asker == NULL) {
		insertion_free(n);
		return;
	}
	/* Not from here: the others may leave along with it. */
	prompt_cancel(n->prompt);
	n->prompt = NULL;
	put_at(n, clock_now());
}
