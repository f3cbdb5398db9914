/* A key whose device is not plugged in: one question, however many wait for it. */
#include "agent/touch_impl.h"

#include "proto/base/mem.h"

static const char title[] = "Signet: plug in a security key";

struct insertion {
	struct insertion *next;
	struct touches *all;
	struct key *key;
	struct touch *asker; /* whose words are on the screen */
	struct prompt *prompt;
};

static void insertion_free(struct insertion *n)
{
	struct insertion **at = &n->all->insertions;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	prompt_cancel(n->prompt);
	mem_free(n);
}

static struct touch *member(const struct insertion *n)
{
	struct touch *t = n->all->first;

	while (t != NULL && t->insertion != n)
		t = t->next;
	return t;
}

/* All who wait get the same answer. */
static void settle(struct insertion *n, enum err why)
{
	struct touch *t;

	while ((t = member(n)) != NULL) {
		t->insertion = NULL;
		touch_finish(t, why, BYTES_NONE);
	}
	insertion_free(n);
}

static enum err put_question(struct insertion *n);

static void answered(void *ctx, enum err result, struct bytes answer)
{
	struct insertion *n = ctx;

	(void)answer;
	n->prompt = NULL;
	/* "Yes, it is there", before it is: patience. */
	if (result == ERR_OK)
		result = put_question(n);
	if (result == ERR_OK)
		return;
	settle(n, result == ERR_DENIED ? ERR_DENIED : ERR_NO_DEVICE);
}

static enum err put_question(struct insertion *n)
{
	struct builder text = {0};
	struct touch *t = n->asker;

	touch_insert_text(&text, t);
	if (builder_error(&text) == ERR_OK)
		n->prompt = touch_ask(t, ASKPASS_CONFIRM, title, builder_view(&text),
		    t->all->options->insert_wait, answered, n);
	builder_clear(&text);
	return n->prompt != NULL ? ERR_OK : ERR_NO_DEVICE;
}

static struct insertion *find(const struct touches *ts, const struct key *key)
{
	struct insertion *n = ts->insertions;

	while (n != NULL && !bytes_equal(key_blob(n->key), key_blob(key)))
		n = n->next;
	return n;
}

static struct insertion *open_insertion(struct touch *t)
{
	struct insertion *n = mem_alloc(sizeof(*n));

	if (n == NULL)
		return NULL;
	*n = (struct insertion){
	    .next = t->all->insertions, .all = t->all, .key = t->key, .asker = t};
	t->all->insertions = n;
	if (put_question(n) == ERR_OK)
		return n;
	insertion_free(n);
	return NULL;
}

void touch_insert(struct touch *t)
{
	const struct options *o = t->all->options;
	struct insertion *n = NULL;

	if (o->insert_wait != 0 && (!t->forwarded || o->insert_wait_forwarded)) {
		n = find(t->all, t->key);
		if (n == NULL)
			n = open_insertion(t);
	}
	if (n == NULL) {
		touch_finish(t, ERR_NO_DEVICE, BYTES_NONE);
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
	n->key = n->asker->key;
	prompt_cancel(n->prompt);
	n->prompt = NULL;
	if (put_question(n) != ERR_OK)
		settle(n, ERR_NO_DEVICE);
}
