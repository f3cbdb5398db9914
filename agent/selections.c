/* Which keys of a module are meant. */
#include <stdlib.h>

#include "agent/modules_impl.h"

static enum err send(struct selection *s)
{
	struct token_request *r = &s->request;
	struct token_select m = {.uri = blob_view(&s->uri), .pin = blob_view(&s->pin)};
	struct builder b = {0};
	enum err e;

	r->number = m.number = module_number(r->module);
	m.flags = s->flags;
	token_select_build(&b, &m);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = request_send(r, builder_view(&b), (s->flags & TOKEN_USE_PAD) != 0);
	builder_clear(&b);
	blob_clear(&s->uri);
	blob_clear(&s->pin);
	return e;
}

static void send_or_fail(struct selection *s)
{
	enum err e = send(s);

	if (e != ERR_OK)
		request_fail(&s->request, e);
}

void selections_send(struct module *m)
{
	while (m->waiting.first != NULL) {
		struct token_request *r = m->waiting.first;

		request_take(r);
		send_or_fail(r->pick);
	}
}

struct selection *module_select(struct module *m, struct bytes uri, struct bytes pin,
    uint32_t flags,
    void (*done)(void *ctx, enum err result, const struct token_failure *f, uint32_t count,
	struct reader refs),
    void *ctx)
{
	struct selection *s = m->all != NULL ? calloc(1, sizeof(*s)) : NULL;
	enum err e = request_check_text(uri, TOKEN_PATH_MOST);

	if (s == NULL)
		return NULL;
	if (blob_copy(&s->uri, uri) != ERR_OK || blob_copy(&s->pin, pin) != ERR_OK) {
		blob_clear(&s->uri);
		blob_clear(&s->pin);
		free(s);
		return NULL;
	}
	s->flags = flags;
	s->with_pin = pin.len != 0;
	s->done = done;
	s->ctx = ctx;
	s->request.pick = s;
	s->request.module = module_ref(m);
	if (e == ERR_OK)
		e = request_check_text(pin, TOKEN_PIN_MOST);
	if (e != ERR_OK) {
		request_fail(&s->request, e);
	} else if (m->state == HELPER_OPEN) {
		send_or_fail(s);
	} else {
		request_put(&m->waiting, &s->request);
		module_start(m);
	}
	return s;
}

void selection_over(struct selection *s, enum err why, const struct token_failure *f,
    uint32_t count, struct reader refs)
{
	struct module *m = s->request.module;
	void (*done)(void *, enum err, const struct token_failure *, uint32_t, struct reader) =
	    s->done;
	void *ctx = s->ctx;

	request_free(&s->request);
	done(ctx, why, f, count, refs);
	module_unref(m);
}

void selection_cancel(struct selection *s)
{
	struct module *m = s != NULL ? s->request.module : NULL;

	if (m == NULL || s->done == NULL)
		return;
	s->done = NULL;
	if (s->request.list != &m->open)
		request_free(&s->request);
	module_unref(m);
}
