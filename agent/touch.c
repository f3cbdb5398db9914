#include "agent/touch_impl.h"

#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/fidomsg.h"
#include "proto/limits.h"

static const char title[] = "Signet: touch your security key";

/* --- life --------------------------------------------------------------------- */

static void touch_free(struct touch *t)
{
	struct touches *ts = t->all;

	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		ts->first = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	key_unref(t->key);
	blob_clear(&t->data);
	blob_clear(&t->provider);
	blob_clear(&t->comment);
	blob_clear(&t->purpose);
	blob_clear(&t->pin);
	mem_free(t);
}

/* No touch is awaited any more. */
static void take_notice_back(struct touch *t)
{
	prompt_cancel(t->notice);
	t->notice = NULL;
	timer_cancel(t->all->loop, &t->timer);
}

void touch_quieten(struct touch *t)
{
	take_notice_back(t);
	prompt_cancel(t->prompt);
	t->prompt = NULL;
	insertion_leave(&t->insertion);
}

void touch_leave_device(struct touch *t)
{
	t->device = NULL;
	t->asked = 0;
	t->remark = REMARK_NONE;
	t->pin_wanted = false;
	t->tries = FIDO_TRIES_UNKNOWN;
	t->sent = SENT_NONE;
	blob_clear(&t->pin);
}

static void tell_to_end(struct touch *t)
{
	struct builder cancel = {0};

	fido_plain_build(&cancel, FIDO_CANCEL);
	call_end(t->call, builder_view(&cancel));
	builder_clear(&cancel);
}

/* Nobody waits for it any more; a helper that runs keeps the device until it is gone. */
static void retire(struct touch *t)
{
	touch_quieten(t);
	devices_unlisten(t->all->devices, &t->listener);
	touch_doubt_pin(t);
	blob_clear(&t->pin);
	t->all->pending--;
	if (t->call == NULL) {
		turn_leave(&t->turn);
		touch_free(t);
		return;
	}
	t->stage = TOUCH_ENDING;
	tell_to_end(t);
}

void touch_finish(struct touch *t, enum err why, struct bytes signature)
{
	t->done(t->ctx, why, signature);
	retire(t);
}

void touch_refuse(struct touch *t)
{
	touch_finish(t, t->why, BYTES_NONE);
}

void touch_cancel(struct touch *t)
{
	if (t != NULL)
		retire(t);
}

struct prompt *touch_ask(struct touch *t, uint8_t kind, const char *heading, struct bytes text,
    uint32_t timeout, void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	const struct touches *ts = t->all;
	struct helper_ask ask = {
	    .kind = kind,
	    .title = bytes_str(heading),
	    .text = text,
	    .pid = t->pid,
	    .started = t->started,
	    .flags = t->forwarded ? HELPER_ASK_FORWARDED : 0,
	    .timeout = timeout < LIMIT_PROMPT_SECONDS ? timeout : LIMIT_PROMPT_SECONDS,
	    .environment = ts->environment != NULL ? blob_view(ts->environment) : BYTES_NONE,
	};

	return prompt_ask(ts->prompts, &ask, done, ctx);
}

/* --- the helper --------------------------------------------------------------- */

static enum err read_message(struct touch *t, struct bytes message)
{
	struct fido_failure failure;
	enum fido_kind kind;
	enum err e = fido_kind_of(message, &kind);

	if (e != ERR_OK)
		return e;
	if (kind != FIDO_FAILED)
		return t->stage == TOUCH_CHOOSE ? touch_choice_came(t, message)
						: touch_signature_came(t, message);
	e = fido_failed_parse(message, &failure);
	/* Of no device yet, so of nobody's PIN. */
	if (e == ERR_OK && t->stage == TOUCH_CHOOSE &&
	    (failure.why == ERR_PIN || failure.why == ERR_PIN_NEEDED))
		e = ERR_REPLY;
	if (e == ERR_OK)
		touch_failure_came(t, &failure);
	return e;
}

static void heard(void *ctx, struct bytes message)
{
	struct touch *t = ctx;
	enum err e = read_message(t, message);

	if (e != ERR_OK) {
		log_warn("signet-fido's answer makes no sense: %s", err_text(e));
		call_fail(t->call, e == ERR_VERSION ? e : ERR_REPLY);
	}
}

static void ended(void *ctx, enum err why)
{
	struct touch *t = ctx;

	t->call = NULL;
	if (t->stage == TOUCH_ENDING) {
		turn_leave(&t->turn);
		touch_free(t);
		return;
	}
	take_notice_back(t);
	if (why == ERR_OK)
		t->then(t);
	else
		touch_finish(t,
		    why == ERR_TIMEOUT   ? ERR_TOUCH_TIMEOUT
		    : why == ERR_SURPLUS ? ERR_REPLY
					 : why,
		    BYTES_NONE);
}

static const struct call_handler handler = {
    .message = heard, .ended = ended, .most = LIMIT_FIDO_ANSWER, .once = true};

static void notice_gone(void *ctx, enum err result, struct bytes answer)
{
	struct touch *t = ctx;

	(void)answer;
	t->notice = NULL;
	if (result != ERR_OK)
		log_info("a touch of a security key is awaited, and nobody can be told: %s",
		    err_text(result));
}

/* It takes longer than a machine does: a person is awaited. */
static void tell_person(struct timer *timer)
{
	struct touch *t = TOUCH_OF(timer, timer);
	struct builder text = {0};
	struct key_sk token;

	key_sk(t->key, &token);
	if (t->stage == TOUCH_SIGNING && (token.flags & (FIDO_TOUCH | FIDO_VERIFY)) == 0)
		return; /* only slow */
	t->blinks = true;
	touch_notice_text(&text, t);
	if (builder_error(&text) == ERR_OK)
		t->notice =
		    touch_ask(t, ASKPASS_NOTICE, title, builder_view(&text), 0, notice_gone, t);
	builder_clear(&text);
}

void touch_call(struct touch *t, struct builder *request, enum touch_stage stage)
{
	enum err e = builder_error(request);

	t->stage = stage;
	t->blinks = false;
	if (e == ERR_OK) {
		t->call = call_start(
		    t->all->calls, HELPER_FIDO, builder_view(request), LIMIT_TOUCH_MS, &handler, t);
		e = t->call != NULL ? ERR_OK : ERR_MEMORY;
	}
	builder_clear(request);
	if (e != ERR_OK) {
		touch_finish(t, e, BYTES_NONE);
		return;
	}
	t->timer.due = tell_person;
	(void)timer_arm(t->all->loop, &t->timer, clock_now() + LIMIT_NOTICE_MS);
}

void touch_go_on(struct touch *t, void (*then)(struct touch *t))
{
	take_notice_back(t);
	t->then = then;
	call_end(t->call, BYTES_NONE);
}

void touch_interrupt(struct touch *t, void (*then)(struct touch *t))
{
	take_notice_back(t);
	t->then = then;
	tell_to_end(t);
}

/* --- what is allowed no longer ------------------------------------------------ */

static void review(struct task *task)
{
	struct touches *ts =
	    (struct touches *)(void *)((char *)task - offsetof(struct touches, review));
	struct touch *next;

	ts->review_posted = false;
	for (struct touch *t = ts->first; t != NULL; t = next) {
		enum err e = t->stage == TOUCH_ENDING ? ERR_OK : t->allowed(t->ctx);

		next = t->next;
		if (e != ERR_OK)
			touch_finish(t, e, BYTES_NONE);
	}
}

void touches_review(struct touches *ts)
{
	if (ts->review_posted || ts->first == NULL)
		return;
	ts->review_posted = true;
	ts->review.run = review;
	loop_post(ts->loop, &ts->review);
}

/* --- beginning ---------------------------------------------------------------- */

static enum err copy_request(struct touch *t, const struct touch_request *r)
{
	enum err e = blob_copy(&t->data, r->data);

	if (e == ERR_OK)
		e = blob_copy(&t->provider, r->provider);
	if (e == ERR_OK)
		e = blob_copy(&t->comment, r->comment);
	if (e == ERR_OK)
		e = blob_copy(&t->purpose, r->purpose);
	memccpy(t->print, r->print, '\0', sizeof(t->print) - 1);
	t->key = key_ref(r->key);
	t->alg = r->alg;
	t->pid = r->pid;
	t->started = r->started;
	t->forwarded = r->forwarded;
	t->allowed = r->allowed;
	return e;
}

static void begin(struct timer *timer)
{
	struct touch *t = TOUCH_OF(timer, timer);

	t->pausing = false;
	devices_listen(t->all->devices, &t->listener);
	touch_find(t);
}

struct touch *touch_begin(struct touches *ts, const struct touch_request *request,
    void (*done)(void *ctx, enum err result, struct bytes signature), void *ctx)
{
	struct touch *t = mem_alloc(sizeof(*t));
	enum err e;

	if (t == NULL)
		return NULL;
	*t = (struct touch){
	    .all = ts, .next = ts->first, .done = done, .ctx = ctx, .tries = FIDO_TRIES_UNKNOWN};
	if (ts->first != NULL)
		ts->first->prev = t;
	ts->first = t;
	e = copy_request(t, request);
	t->listener.changed = touch_devices_changed;
	/* Not from within this call: it may be refused at once. */
	t->timer.due = begin;
	if (e == ERR_OK)
		e = timer_arm(ts->loop, &t->timer, clock_now());
	if (e != ERR_OK) {
		touch_free(t);
		return NULL;
	}
	ts->pending++;
	return t;
}
