/* What a module's helper was asked, until it is answered or cannot be any more. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "agent/modules_impl.h"
#include "proto/base/clock.h"
#include "proto/limits.h"

void request_put(struct token_requests *list, struct token_request *r)
{
	r->list = list;
	r->next = NULL;
	r->prev = list->last;
	if (list->last != NULL)
		list->last->next = r;
	else
		list->first = r;
	list->last = r;
}

void request_take(struct token_request *r)
{
	struct token_requests *list = r->list;

	if (list == NULL)
		return;
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		list->first = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	else
		list->last = r->prev;
	r->next = r->prev = NULL;
	r->list = NULL;
}

struct token_request *request_numbered(const struct module *m, uint32_t number)
{
	struct token_request *r = m->open.first;

	while (r != NULL && r->number != number)
		r = r->next;
	return r;
}

static void due(struct timer *t)
{
	struct token_request *r =
	    (struct token_request *)(void *)((char *)t - offsetof(struct token_request, due));

	r->late = true;
	module_fail(r->module, ERR_TOKEN_TIMEOUT);
}

enum err request_send(struct token_request *r, struct bytes frame, bool person)
{
	struct module *m = r->module;
	uint64_t most = person ? LIMIT_TOUCH_MS : LIMIT_TOKEN_MS;
	enum err e = frame.len > LIMIT_TOKEN_MESSAGE ? ERR_TOO_LONG : ERR_OK;

	r->due.due = due;
	if (e == ERR_OK)
		e = timer_arm(m->all->loop, &r->due, clock_now() + most);
	if (e == ERR_OK)
		e = call_send(m->call, frame);
	if (e == ERR_OK)
		request_put(&m->open, r);
	else
		timer_cancel(m->all->loop, &r->due);
	return e;
}

enum err request_check_text(struct bytes text, size_t most)
{
	if (text.len > most)
		return ERR_TOO_LONG;
	return text.len != 0 && memchr(text.data, '\0', text.len) != NULL ? ERR_TEXT : ERR_OK;
}

void request_fail(struct token_request *r, enum err why)
{
	struct modules *ms = r->module->all;

	timer_cancel(ms->loop, &r->due);
	request_take(r);
	r->why = why;
	request_put(&ms->failed, r);
	modules_tell_soon(ms);
}

void request_free(struct token_request *r)
{
	request_take(r);
	timer_cancel(r->module->all->loop, &r->due);
	if (r->keeps) {
		r->token->taken--;
		modules_tell_soon(r->module->all);
	}
	if (r->use != NULL)
		r->use->request = NULL;
	token_release(r->token);
	if (r->pick != NULL) {
		blob_clear(&r->pick->uri);
		blob_clear(&r->pick->pin);
		free(r->pick);
	} else {
		free(r);
	}
}

static bool is_given_up(const struct token_request *r)
{
	return r->pick != NULL ? r->pick->done == NULL : r->use == NULL;
}

void requests_fail(struct module *m, enum err why)
{
	while (m->open.first != NULL) {
		struct token_request *r = m->open.first;

		if (is_given_up(r))
			request_free(r);
		else
			request_fail(r, r->late ? ERR_TOKEN_TIMEOUT : ERR_HELPER);
	}
	while (m->waiting.first != NULL)
		request_fail(m->waiting.first, why);
}

static void tell_failed(struct token_request *r)
{
	struct token_failure f = {.why = r->why, .tries = TOKEN_TRIES_UNKNOWN};
	struct token_use *u = r->use;

	request_take(r);
	if (r->pick != NULL) {
		selection_over(r->pick, f.why, &f, 0, reader_of(BYTES_NONE));
		return;
	}
	request_free(r);
	u->answered(u, NULL, &f);
}

void requests_tell_failed(struct modules *ms)
{
	/* Those that fail meanwhile are told the next time: each may be tried again at once. */
	while (ms->failed.first != NULL) {
		struct token_request *r = ms->failed.first;

		request_take(r);
		request_put(&ms->telling_failed, r);
	}
	while (ms->telling_failed.first != NULL)
		tell_failed(ms->telling_failed.first);
}

/* The one that was answered, no longer open; NULL: there is none of this number and kind. */
static struct token_request *answered(struct module *m, uint32_t number)
{
	struct token_request *r = request_numbered(m, number);

	if (r == NULL)
		return NULL;
	/* What it was asked may have changed what it told; but a selection without a PIN may be
	   asked for because of what it told, and must not let that go on for ever. */
	if (r->pick == NULL || r->pick->with_pin)
		m->inventories -= m->inventories != 0;
	request_take(r);
	timer_cancel(m->all->loop, &r->due);
	return r;
}

enum err request_signed(struct module *m, const struct token_signed *s)
{
	struct token_request *r = request_numbered(m, s->number);
	struct token_use *u;

	if (r == NULL || r->pick != NULL)
		return ERR_REPLY;
	r = answered(m, s->number);
	u = r->use;
	request_free(r);
	if (u != NULL)
		u->answered(u, s, NULL);
	return ERR_OK;
}

static bool is_known(const struct module *m, uint32_t count, struct reader refs)
{
	struct token_ref ref;
	struct token_key key;

	for (uint32_t i = 0; i < count; i++) {
		const struct token *t =
		    token_ref_next(&refs, &ref) == ERR_OK ? module_token_with(m, ref.token) : NULL;

		if (t == NULL || token_find_key(t, ref.key, &key) != ERR_OK)
			return false;
	}
	return true;
}

enum err request_selected(struct module *m, uint32_t number, uint32_t count, struct reader refs)
{
	struct token_failure gone = {number, ERR_TOKEN_GONE, TOKEN_TRIES_UNKNOWN, 0, BYTES_NONE};
	struct token_request *r = request_numbered(m, number);

	if (r == NULL || r->pick == NULL)
		return ERR_REPLY;
	r = answered(m, number);
	if (is_given_up(r))
		request_free(r);
	else if (is_known(m, count, refs))
		selection_over(r->pick, ERR_OK, NULL, count, refs);
	else
		selection_over(r->pick, gone.why, &gone, 0, reader_of(BYTES_NONE));
	return ERR_OK;
}

enum err request_refused(struct module *m, const struct token_failure *f)
{
	struct token_request *r = answered(m, f->number);
	struct token_use *u = r != NULL ? r->use : NULL;

	if (r == NULL)
		return ERR_REPLY;
	if (r->pick != NULL && !is_given_up(r)) {
		selection_over(r->pick, f->why, f, 0, reader_of(BYTES_NONE));
		return ERR_OK;
	}
	request_free(r);
	if (u != NULL)
		u->answered(u, NULL, f);
	return ERR_OK;
}
