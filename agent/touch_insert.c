/* A key whose device is not plugged in. */
#include "agent/touch_impl.h"

static const char title[] = "Signet: plug in a security key";

static struct prompt *ask(struct insertion_member *m, uint32_t timeout,
    void (*answered)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	struct touch *t = TOUCH_OF(m, insertion);
	struct builder text = {0};
	struct prompt *p = NULL;

	touch_insert_text(&text, t);
	if (builder_error(&text) == ERR_OK)
		p = touch_ask(
		    t, ASKPASS_CONFIRM, title, builder_view(&text), timeout, answered, ctx);
	builder_clear(&text);
	return p;
}

static void over(struct insertion_member *m, enum err why)
{
	touch_finish(TOUCH_OF(m, insertion), why, BYTES_NONE);
}

void touch_insert(struct touch *t)
{
	/* Without the helper that would see it come, nobody need plug it in. */
	enum err trouble = devices_trouble(t->all->devices);
	enum err e = trouble == ERR_HELPER_MISSING || trouble == ERR_VERSION ? trouble : ERR_OK;

	t->insertion.key = key_blob(t->key);
	t->insertion.ask = ask;
	t->insertion.over = over;
	if (e == ERR_OK)
		e = insertion_join(t->all->insertions, &t->insertion, t->forwarded);
	if (e == ERR_OK)
		t->stage = TOUCH_INSERT;
	else
		touch_finish(t, e, BYTES_NONE);
}
