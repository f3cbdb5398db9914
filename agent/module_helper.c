/* A module's helper: its life, and what it says. */
#include <stddef.h>

#include "agent/modules_impl.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/limits.h"

enum {
	PAUSE_LEAST = 1000,     /* before one that ended is started again, in milliseconds, */
	PAUSE_MOST = 60000,     /* which grows; one that ran for so long begins anew, with none */
	GAP_MOST = 2000,        /* after such a pause what the last one told counts no more */
	INVENTORIES_MOST = 128, /* within INVENTORIES_MS, beside one for each answer: nobody plugs
				   that fast */
	INVENTORIES_MS = 10000,
	WORD_MOST = 300, /* of a log line */
};

static struct bytes name_of(const struct module *m)
{
	return blob_view(&m->path);
}

/* Armed already: this cannot fail. */
static void be_due_at(struct module *m, uint64_t at)
{
	(void)timer_arm(m->all->loop, &m->due, at);
}

static void set_trouble(struct module *m, enum err why)
{
	char name[WORD_MOST];

	/* Once, not with every try. */
	if (m->trouble != why && why != ERR_OK)
		log_warn("tokens of %s are not seen: %s; tried again from time to time",
		    text_quote(name_of(m), name, sizeof(name)), err_text(why));
	m->trouble = why;
	modules_changed(m->all);
}

/* Why a selection fails that waited for a helper that did not open. */
static enum err why_not_open(enum err why)
{
	return token_failure_allowed(why) || why == ERR_TOKEN_TIMEOUT || why == ERR_VERSION ||
		       why == ERR_HELPER_MISSING
		   ? why
		   : ERR_HELPER;
}

/* It is of no use any more, though its process may be there still. */
static void lose(struct module *m, enum err why)
{
	m->ran = m->state == HELPER_OPEN;
	m->why = why;
	m->state = HELPER_ENDING;
	be_due_at(m, UINT64_MAX);
	token_pins_forget(m);
	requests_fail(m, why_not_open(why));
}

/* Its process is gone. */
static void plan_next(struct module *m)
{
	uint64_t now = clock_now();
	uint64_t pause = m->ran && now - m->opened >= PAUSE_MOST ? 0 : m->pause;
	char name[WORD_MOST];

	if (!m->ran && pause == 0)
		pause = PAUSE_LEAST;
	m->call = NULL;
	m->state = HELPER_PAUSING;
	m->ended = now;
	m->pause = pause * 2 < PAUSE_MOST ? pause * 2 : PAUSE_MOST;
	if (pause == 0)
		m->pause = PAUSE_LEAST;
	if (m->ran)
		log_warn("the helper for %s ended: %s; it is started again",
		    text_quote(name_of(m), name, sizeof(name)), err_text(m->why));
	if (!m->ran || pause > GAP_MOST) {
		m->told = false;
		tokens_lose(m);
		set_trouble(m, m->why);
	}
	be_due_at(m, now + pause);
	if (pause == 0 || m->waiting.first != NULL)
		module_start(m);
}

void module_fail(struct module *m, enum err why)
{
	if (m->state != HELPER_OPENING && m->state != HELPER_OPEN)
		return;
	lose(m, why);
	call_fail(m->call, why);
}

static void ended(void *ctx, enum err why)
{
	struct module *m = ctx;

	if (m->state != HELPER_ENDING)
		lose(m, why);
	plan_next(m);
}

static void due(struct timer *t)
{
	struct module *m = (struct module *)(void *)((char *)t - offsetof(struct module, due));

	be_due_at(m, UINT64_MAX);
	if (m->state == HELPER_PAUSING)
		module_start(m);
	else
		module_fail(m, ERR_TOKEN_TIMEOUT);
}

static bool is_flood(struct module *m)
{
	uint64_t now = clock_now();

	if (now - m->counted_since >= INVENTORIES_MS) {
		m->counted_since = now;
		m->inventories = 0;
	}
	return ++m->inventories > INVENTORIES_MOST;
}

static void opened(struct module *m)
{
	struct builder b = {0};

	m->state = HELPER_OPEN;
	m->opened = clock_now();
	be_due_at(m, UINT64_MAX);
	token_watch_build(&b, true);
	if (m->awaited != 0 && builder_error(&b) == ERR_OK)
		(void)call_send(m->call, builder_view(&b));
	builder_clear(&b);
}

static enum err inventory_came(struct module *m, struct bytes message)
{
	enum err trouble;
	enum err e = is_flood(m) ? ERR_REPLY : tokens_take(m, message, &trouble);

	if (e != ERR_OK)
		return e;
	if (m->state == HELPER_OPENING)
		opened(m);
	m->told = true;
	set_trouble(m, trouble);
	selections_send(m);
	return ERR_OK;
}

static enum err failure_came(struct module *m, struct bytes message)
{
	struct token_failure f;
	enum err e = token_failed_parse(message, &f);
	char name[WORD_MOST], detail[WORD_MOST];

	if (e != ERR_OK)
		return e;
	if (f.number != 0)
		return request_refused(m, &f);
	if (m->state != HELPER_OPENING)
		return ERR_REPLY;
	if (f.detail.len != 0 && m->trouble != f.why)
		log_warn("%s: %s", text_quote(name_of(m), name, sizeof(name)),
		    text_escape(f.detail, detail, sizeof(detail)));
	module_fail(m, f.why);
	return ERR_OK;
}

static enum err selection_came(struct module *m, struct bytes message)
{
	uint32_t number, count;
	struct reader refs;
	enum err e = token_selected_parse(message, &number, &count, &refs);

	return e == ERR_OK ? request_selected(m, number, count, refs) : e;
}

static enum err signature_came(struct module *m, struct bytes message)
{
	struct token_signed s;
	enum err e = token_signed_parse(message, &s);

	return e == ERR_OK ? request_signed(m, &s) : e;
}

static void said(void *ctx, struct bytes message)
{
	struct module *m = ctx;
	enum token_message kind;
	enum err e = token_message_of(message, &kind);

	if (e == ERR_OK && kind == TOKEN_INVENTORY)
		e = inventory_came(m, message);
	else if (e == ERR_OK && kind == TOKEN_FAILED)
		e = failure_came(m, message);
	else if (e == ERR_OK && kind == TOKEN_SELECTED)
		e = selection_came(m, message);
	else if (e == ERR_OK && kind == TOKEN_SIGNED)
		e = signature_came(m, message);
	else if (e == ERR_OK)
		e = ERR_REPLY;
	/* ERR_OK: whoever was told may have freed it. */
	if (e != ERR_OK)
		module_fail(m, e == ERR_VERSION || e == ERR_MEMORY ? e : ERR_REPLY);
}

static const struct call_handler handler = {
    .message = said,
    .ended = ended,
    .most = LIMIT_TOKEN_MESSAGE,
};

void module_start(struct module *m)
{
	bool cards = bytes_is(name_of(m), MODULE_CARDS);
	struct token_open open = {cards ? BYTES_NONE : name_of(m), m->open_flags};
	struct builder b = {0};

	if (m->state != HELPER_PAUSING)
		return;
	m->state = HELPER_OPENING;
	m->due.due = due;
	be_due_at(m, clock_now() + LIMIT_TOKEN_MS);
	token_open_build(&b, &open);
	if (builder_error(&b) == ERR_OK)
		m->call = call_start(m->all->calls, cards ? HELPER_CARD : HELPER_PKCS11,
		    builder_view(&b), 0, &handler, m);
	builder_clear(&b);
	if (m->call == NULL) {
		lose(m, ERR_MEMORY);
		m->state = HELPER_PAUSING;
		plan_next(m);
	}
}

void module_hurry(struct module *m)
{
	uint64_t soonest = m->ended + PAUSE_LEAST;

	if (m->state == HELPER_PAUSING && soonest < m->due.at)
		be_due_at(m, soonest);
}

void module_stop(struct module *m)
{
	call_abandon(m->call, BYTES_NONE);
	m->call = NULL;
	m->state = HELPER_ENDING;
	m->told = false;
	timer_cancel(m->all->loop, &m->due);
	tokens_lose(m);
	while (m->open.first != NULL)
		request_free(m->open.first);
}

uint32_t module_number(struct module *m)
{
	do
		m->last_number++;
	while (m->last_number == 0 || request_numbered(m, m->last_number) != NULL);
	return m->last_number;
}
