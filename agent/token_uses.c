/* Whose turn it is on each token. */
#include <stdlib.h>

#include "agent/modules_impl.h"

void use_line_put(struct token_line *line, struct token_use *u)
{
	u->line = line;
	u->next = NULL;
	u->prev = line->last;
	if (line->last != NULL)
		line->last->next = u;
	else
		line->first = u;
	line->last = u;
}

void use_line_drop(struct token_use *u)
{
	struct token_line *line = u->line;

	if (u->prev != NULL)
		u->prev->next = u->next;
	else
		line->first = u->next;
	if (u->next != NULL)
		u->next->prev = u->prev;
	else
		line->last = u->prev;
	u->next = u->prev = NULL;
	u->line = NULL;
}

void token_use_begin(struct token *t, struct token_use *u)
{
	u->token = token_hold(t);
	u->request = NULL;
	u->has = u->sealed = false;
	if (t->module != NULL) {
		module_ref(t->module);
		use_line_put(&t->waits, u);
		t->waiting++;
	} else {
		use_line_put(&t->all->lost, u);
	}
	modules_tell_soon(t->all);
}

/* Is it in one of its token's lines? */
static bool is_in_line(const struct token_use *u)
{
	return u->line == &u->token->turns || u->line == &u->token->waits;
}

/* Out of its token's lines, with all that it had; the token is held still. */
static void leave(struct token_use *u)
{
	struct token *t = u->token;
	struct token_request *r = u->request;

	if (u->has) {
		t->taken--;
		t->sealed -= u->sealed;
	} else {
		t->waiting--;
	}
	use_line_drop(u);
	u->has = u->sealed = false;
	u->request = NULL;
	if (r == NULL)
		return;
	r->use = NULL;
	if (r->list == &r->module->open) {
		r->keeps = true;
		t->taken++;
	} else {
		request_free(r);
	}
}

void token_use_end(struct token_use *u)
{
	struct token *t = u->token;

	if (t == NULL)
		return;
	if (is_in_line(u)) {
		leave(u);
		modules_tell_soon(t->all);
		module_unref(t->module);
	} else {
		use_line_drop(u);
	}
	u->token = NULL;
	token_release(t);
}

static void lose(struct token *t, struct token_line *line)
{
	while (line->first != NULL) {
		struct token_use *u = line->first;

		leave(u);
		use_line_put(&t->all->lost, u);
		module_unref(t->module);
	}
}

void uses_lose(struct token *t)
{
	lose(t, &t->turns);
	lose(t, &t->waits);
	modules_tell_soon(t->all);
}

void uses_forget(struct token_line *line)
{
	while (line->first != NULL)
		token_use_end(line->first);
}

void uses_tell_lost(struct modules *ms)
{
	struct token_failure gone = {.why = ERR_TOKEN_GONE, .tries = TOKEN_TRIES_UNKNOWN};

	/* Those that come meanwhile are told the next time: each may come again at once. */
	while (ms->lost.first != NULL) {
		struct token_use *u = ms->lost.first;

		use_line_drop(u);
		use_line_put(&ms->telling_lost, u);
	}
	while (ms->telling_lost.first != NULL) {
		struct token_use *u = ms->telling_lost.first;

		token_use_end(u);
		u->answered(u, NULL, &gone);
	}
}

static struct token_use *next_to_grant(const struct modules *ms)
{
	for (struct module *m = ms->first; m != NULL; m = m->next) {
		if (m->state != HELPER_OPEN)
			continue;
		for (struct token *t = m->tokens; t != NULL; t = t->next) {
			if (t->waits.first != NULL && t->taken < t->about.parallel)
				return t->waits.first;
		}
	}
	return NULL;
}

void uses_grant(struct modules *ms)
{
	struct token_use *u;

	while (!ms->freed && (u = next_to_grant(ms)) != NULL) {
		use_line_drop(u);
		use_line_put(&u->token->turns, u);
		u->token->waiting--;
		u->token->taken++;
		u->has = true;
		u->granted(u);
	}
}

static enum err send(struct token_request *r, struct token_sign *m, bool person)
{
	struct builder b = {0};
	enum err e;

	r->number = m->number = module_number(r->module);
	token_sign_build(&b, m);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = request_send(r, builder_view(&b), person);
	builder_clear(&b);
	return e;
}

enum err token_use_sign(struct token_use *u, struct token_sign *request, bool person)
{
	struct token *t = u->token;
	struct token_request *r;
	enum err e = request_check_text(request->pin, TOKEN_PIN_MOST);

	if (t != NULL && t->module == NULL)
		return ERR_OK; /* it hears of that soon */
	if (t == NULL || !u->has || u->request != NULL)
		return ERR_LIMIT;
	if (e != ERR_OK)
		return e;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return ERR_MEMORY;
	r->module = t->module;
	r->token = token_hold(t);
	r->use = u;
	u->request = r;
	request->token = t->about.id;
	if (t->module->state == HELPER_OPEN)
		e = send(r, request, person);
	else
		request_fail(r, ERR_HELPER);
	if (e != ERR_OK)
		request_free(r);
	return e;
}

size_t token_waiting(const struct token *t)
{
	return t->waiting;
}
