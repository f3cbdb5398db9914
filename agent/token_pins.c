/* PINs that are remembered for a time. */
#include <stddef.h>

#include "agent/modules_impl.h"
#include "proto/base/clock.h"

const struct blob *token_pin(const struct token *t)
{
	return t->pin.len != 0 ? &t->pin : NULL;
}

void token_pin_forget(struct token *t)
{
	if (t->module != NULL)
		timer_cancel(t->module->all->loop, &t->pin_end);
	blob_clear(&t->pin);
}

static void pin_end(struct timer *timer)
{
	token_pin_forget((struct token *)(void *)((char *)timer - offsetof(struct token, pin_end)));
}

void token_pin_keep(struct token *t, struct bytes pin, uint32_t seconds)
{
	uint64_t at = seconds == UINT32_MAX ? UINT64_MAX : clock_now() + (uint64_t)seconds * 1000;
	/* While no helper is open nobody would see the token go. */
	bool may = pin.len != 0 && pin.len <= TOKEN_PIN_MOST && seconds != 0 && t->sealed == 0 &&
		   t->module != NULL && t->module->state == HELPER_OPEN;

	t->pin_end.due = pin_end;
	if (!may || timer_arm(t->module->all->loop, &t->pin_end, at) != ERR_OK ||
	    blob_copy(&t->pin, pin) != ERR_OK)
		token_pin_forget(t);
}

void token_pins_forget(struct module *m)
{
	for (struct token *t = m->tokens; t != NULL; t = t->next)
		token_pin_forget(t);
}

static void seal(struct token *t)
{
	for (struct token_use *u = t->turns.first; u != NULL; u = u->next) {
		t->sealed += !u->sealed;
		u->sealed = true;
	}
}

/* A helper that cannot be told would go on with the PINs that it was given. */
static void tell_logout(struct module *m)
{
	struct builder b = {0};
	enum err e;

	token_logout_build(&b);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = call_send(m->call, builder_view(&b));
	builder_clear(&b);
	if (e != ERR_OK)
		module_fail(m, e);
}

/* Those that wait for a helper would be sent their PIN afterwards. */
static void fail_selections(struct module *m)
{
	struct token_request *next;

	for (struct token_request *r = m->waiting.first; r != NULL; r = next) {
		next = r->next;
		if (r->pick->pin.len == 0)
			continue;
		blob_clear(&r->pick->pin);
		request_fail(r, ERR_CANCELLED);
	}
}

void modules_forget_pins(struct modules *ms)
{
	for (struct module *m = ms->first; m != NULL; m = m->next) {
		token_pins_forget(m);
		fail_selections(m);
		for (struct token *t = m->tokens; t != NULL; t = t->next)
			seal(t);
		if (m->state == HELPER_OPEN)
			tell_logout(m);
	}
}
