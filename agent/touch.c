#include "agent/touch_impl.h"

#include <stddef.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/fidomsg.h"
#include "proto/limits.h"

enum {
	MOST_ROUNDS = 4,     /* devices that disappoint before the request is refused */
	PAUSE_MS = 1000,     /* until a device that was gone or busy is looked at again */
	MOST_WRONG_PINS = 2, /* one more chance than the first */
};

static const char touch_title[] = "Signet: touch your security key";
static const char pin_title[] = "Signet: PIN of a security key";

#define TOUCH_OF(ptr, member)                                                                      \
	((struct touch *)(void *)((char *)(ptr)-offsetof(struct touch, member)))

static void sign(struct touch *t);

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

/* Nothing is on the screen for it, and no timer runs, any more. */
static void quieten(struct touch *t)
{
	prompt_cancel(t->notice);
	t->notice = NULL;
	prompt_cancel(t->prompt);
	t->prompt = NULL;
	timer_cancel(t->all->loop, &t->timer);
	devices_unlisten(t->all->devices, &t->listener);
	touch_insert_leave(t);
}

/* Nobody waits for it any more; a helper that runs keeps the device until it is gone. */
static void retire(struct touch *t)
{
	struct builder cancel = {0};

	quieten(t);
	blob_clear(&t->pin);
	t->all->pending--;
	if (t->call == NULL) {
		turn_leave(&t->turn);
		touch_free(t);
		return;
	}
	t->stage = TOUCH_ENDING;
	fido_plain_build(&cancel, FIDO_CANCEL);
	call_end(t->call, builder_view(&cancel));
	builder_clear(&cancel);
}

void touch_finish(struct touch *t, enum err why, struct bytes signature)
{
	t->done(t->ctx, why, signature);
	retire(t);
}

void touch_cancel(struct touch *t)
{
	if (t != NULL)
		retire(t);
}

struct prompt *touch_ask(struct touch *t, uint8_t kind, const char *title, struct bytes text,
    uint32_t timeout, void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	const struct touches *ts = t->all;
	struct helper_ask ask = {
	    .kind = kind,
	    .title = bytes_str(title),
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

static void heard(void *ctx, struct bytes message);

static void ended(void *ctx, enum err why)
{
	struct touch *t = ctx;

	t->call = NULL;
	if (t->stage == TOUCH_ENDING) {
		turn_leave(&t->turn);
		touch_free(t);
		return;
	}
	prompt_cancel(t->notice);
	t->notice = NULL;
	timer_cancel(t->all->loop, &t->timer);
	if (why == ERR_OK)
		t->then(t);
	else
		touch_finish(t, why == ERR_TIMEOUT ? ERR_TOUCH_TIMEOUT : why, BYTES_NONE);
}

static const struct call_handler handler = {
    .message = heard, .ended = ended, .most = LIMIT_FIDO_ANSWER};

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
	struct key_token token;

	key_token(t->key, &token);
	if (t->stage == TOUCH_SIGNING && (token.flags & (FIDO_TOUCH | FIDO_VERIFY)) == 0)
		return; /* only slow */
	touch_notice_text(&text, t);
	if (builder_error(&text) == ERR_OK)
		t->notice = touch_ask(
		    t, ASKPASS_NOTICE, touch_title, builder_view(&text), 0, notice_gone, t);
	builder_clear(&text);
}

/* Start the helper with this request, and tell the person of it when it takes long. */
static void call(struct touch *t, struct builder *request, enum touch_stage stage)
{
	enum err e = builder_error(request);

	t->stage = stage;
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

/* The helper has said what it had to say: go on when it is gone. */
static void go_on_with(struct touch *t, void (*then)(struct touch *t))
{
	t->then = then;
	call_end(t->call, BYTES_NONE);
}

static void refused(struct touch *t)
{
	touch_finish(t, t->why, BYTES_NONE);
}

/* --- finding the device ------------------------------------------------------- */

static void look_again(struct timer *timer)
{
	touch_find(TOUCH_OF(timer, timer));
}

/* A device came, went, or answered. */
static void devices_changed(struct device_listener *l)
{
	struct touch *t = TOUCH_OF(l, listener);
	struct device *found;
	bool settled;

	/* One that only just disappointed is given its pause; a question stays until it is void. */
	if (t->timer.slot != 0 ||
	    (t->stage == TOUCH_INSERT &&
		devices_holding(t->all->devices, t->key, &found, 1, &settled) == 0))
		return;
	touch_find(t);
}

static void wait_for_devices(struct touch *t)
{
	t->listener.changed = devices_changed;
	devices_listen(t->all->devices, &t->listener);
}

/* The device is not there (any more), or in use by others. */
static void disappointed(struct touch *t)
{
	turn_leave(&t->turn);
	t->device = NULL;
	if (++t->rounds == MOST_ROUNDS) {
		touch_finish(t, t->why == ERR_DEVICE_GONE ? ERR_NO_DEVICE : t->why, BYTES_NONE);
		return;
	}
	t->stage = TOUCH_FINDING;
	wait_for_devices(t);
	t->timer.due = look_again;
	if (timer_arm(t->all->loop, &t->timer, clock_now() + PAUSE_MS) != ERR_OK)
		touch_finish(t, ERR_MEMORY, BYTES_NONE);
}

static void lost(struct turn *turn)
{
	struct touch *t = TOUCH_OF(turn, turn);
	struct builder cancel = {0};

	t->device = NULL;
	if (t->stage == TOUCH_ENDING)
		return;
	if (t->call == NULL) {
		quieten(t);
		touch_find(t);
		return;
	}
	/* The helper sees it too, and may say so first. */
	t->why = ERR_DEVICE_GONE;
	t->then = disappointed;
	fido_plain_build(&cancel, FIDO_CANCEL);
	call_end(t->call, builder_view(&cancel));
	builder_clear(&cancel);
}

static void choose(struct touch *t)
{
	struct bytes paths[FIDO_PATHS_MOST];
	struct builder b = {0};

	for (size_t i = 0; i < t->turn.count; i++)
		paths[i] = device_path(t->turn.wants[i]);
	fido_choose_build(&b, paths, t->turn.count);
	call(t, &b, TOUCH_CHOOSE);
}

static void granted(struct turn *turn)
{
	struct touch *t = TOUCH_OF(turn, turn);

	if (turn->count > 1) {
		choose(t);
		return;
	}
	t->device = turn->wants[0];
	sign(t);
}

static void line_up(struct touch *t, struct device *const *wants, size_t count)
{
	t->stage = TOUCH_LINE;
	t->turn.granted = granted;
	t->turn.lost = lost;
	turn_take(t->all->devices, &t->turn, wants, count);
}

/* Of several that hold the same key, the one with the fewest in line. */
static struct device *shortest_line(struct device *const *devices, size_t count)
{
	struct device *best = devices[0];

	for (size_t i = 1; i < count; i++) {
		if (device_waiting(devices[i]) < device_waiting(best))
			best = devices[i];
	}
	return best;
}

void touch_find(struct touch *t)
{
	struct devices *ds = t->all->devices;
	struct device *found[FIDO_PATHS_MOST];
	bool settled, here;
	size_t n;

	quieten(t);
	if (t->provider.len != 0) {
		found[0] = devices_provider(ds, blob_view(&t->provider));
		if (found[0] == NULL)
			touch_finish(t, ERR_MEMORY, BYTES_NONE);
		else
			line_up(t, found, 1);
		return;
	}
	n = devices_holding(ds, t->key, found, FIDO_PATHS_MOST, &settled);
	here = devices_presence(ds, t->key) == PRESENCE_HERE;
	if (n != 0 && here) {
		found[0] = shortest_line(found, n);
		line_up(t, found, 1);
	} else if (n != 0 && settled) {
		line_up(t, found, n);
	} else if (!settled) {
		t->stage = TOUCH_FINDING;
		wait_for_devices(t);
	} else {
		wait_for_devices(t);
		touch_insert(t);
	}
}

/* The person touched one of several: only that one is needed from here on. */
static void chosen(struct touch *t)
{
	struct device *device = t->device;

	t->device = NULL;
	turn_leave(&t->turn);
	line_up(t, &device, 1);
}

static enum err read_choice(struct touch *t, struct bytes message)
{
	struct bytes path;
	enum err e = fido_text_parse(message, FIDO_CHOSEN, &path);

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < t->turn.count; i++) {
		if (bytes_equal(device_path(t->turn.wants[i]), path)) {
			t->device = t->turn.wants[i];
			return ERR_OK;
		}
	}
	return ERR_REPLY;
}

/* --- PIN ---------------------------------------------------------------------- */

static void ask_pin(struct touch *t);

static void pin_given(void *ctx, enum err result, struct bytes answer)
{
	struct touch *t = ctx;

	t->prompt = NULL;
	if (result == ERR_OK && answer.len == 0)
		result = ERR_DENIED;
	/* None that a device could have: no try is spent on it. */
	if (result == ERR_OK && answer.len > FIDO_PIN_MOST) {
		ask_pin(t);
		return;
	}
	if (result == ERR_OK)
		result = blob_copy(&t->pin, answer);
	if (result == ERR_OK)
		sign(t);
	else
		touch_finish(t, result == ERR_NO_PROMPT ? ERR_PIN_NEEDED : result, BYTES_NONE);
}

static void ask_pin(struct touch *t)
{
	struct builder text = {0};

	t->stage = TOUCH_PIN;
	touch_pin_text(&text, t);
	if (builder_error(&text) == ERR_OK)
		t->prompt =
		    touch_ask(t, ASKPASS_SECRET, pin_title, builder_view(&text), 0, pin_given, t);
	builder_clear(&text);
	if (t->prompt == NULL)
		touch_finish(t, ERR_PIN_NEEDED, BYTES_NONE);
}

/* A PIN that was typed or remembered and is not good: spent, whichever it was. */
static void pin_was_wrong(struct touch *t)
{
	if (t->device != NULL)
		device_pin_forget(t->device);
	if (++t->wrong == MOST_WRONG_PINS)
		touch_finish(t, ERR_PIN, BYTES_NONE);
	else
		ask_pin(t);
}

static void pin_was_good(struct touch *t)
{
	if (t->pin.len != 0 && t->all->options->remember_pin != 0 && t->device != NULL)
		device_pin_keep(t->device, blob_view(&t->pin), t->all->options->remember_pin);
}

/* --- signing ------------------------------------------------------------------ */

static void sign(struct touch *t)
{
	const struct blob *kept = t->device != NULL ? device_pin(t->device) : NULL;
	struct builder b = {0};
	struct key_token token;
	struct fido_sign m = {
	    .provider = blob_view(&t->provider),
	    .path = t->provider.len == 0 ? device_path(t->device) : BYTES_NONE,
	    .data = blob_view(&t->data),
	};

	key_token(t->key, &token);
	m.key = (struct fido_credential){
	    .algorithm = key_type(t->key)->family == FAMILY_SK_ECDSA ? FIDO_ECDSA : FIDO_ED25519,
	    .application = token.application,
	    .handle = token.handle,
	    .flags = token.flags,
	};
	if ((token.flags & FIDO_VERIFY) != 0)
		m.pin = t->pin.len != 0 ? blob_view(&t->pin)
			: kept != NULL  ? blob_view(kept)
					: BYTES_NONE;
	fido_sign_build(&b, &m);
	call(t, &b, TOUCH_SIGNING);
}

/* "string algorithm, string signature, byte flags, uint32 counter" (OpenSSH's PROTOCOL.u2f). */
static void build_signature(struct builder *b, const struct touch *t, const struct fido_signed *s)
{
	size_t mark;

	builder_cstring(b, t->alg->name);
	mark = builder_open(b);
	if (key_type(t->key)->family == FAMILY_SK_ECDSA) {
		builder_mpint(b, s->r);
		builder_mpint(b, s->s);
	} else {
		builder_put(b, s->r);
	}
	builder_close(b, mark);
	builder_u8(b, s->flags);
	builder_u32(b, s->counter);
}

/* A helper's word is not taken for it: the public key tells whether it is a signature. */
static void signature_came(struct touch *t, const struct fido_signed *s)
{
	struct builder b = {0};
	enum err e;

	build_signature(&b, t, s);
	e = builder_error(&b);
	if (e == ERR_OK &&
	    key_verify(key_blob(t->key), blob_view(&t->data), builder_view(&b)) != ERR_OK) {
		log_warn("a security key gave a signature that its public key does not fit");
		e = ERR_DEVICE;
	}
	if (e == ERR_OK)
		pin_was_good(t);
	touch_finish(t, e, e == ERR_OK ? builder_view(&b) : BYTES_NONE);
	builder_clear(&b);
}

static void failure_came(struct touch *t, const struct fido_failure *f)
{
	if (f->detail.len != 0)
		log_info("security key: %s (%.*s)", err_text(f->why), (int)f->detail.len,
		    (const char *)f->detail.data);
	t->why = f->why;
	t->tries = f->tries;
	blob_clear(&t->pin);
	switch (f->why) {
	case ERR_PIN_NEEDED:
		go_on_with(t, ask_pin);
		break;
	case ERR_PIN:
		go_on_with(t, pin_was_wrong);
		break;
	case ERR_NO_DEVICE:
	case ERR_DEVICE_GONE:
	case ERR_DEVICE_BUSY:
		go_on_with(t, t->provider.len == 0 ? disappointed : refused);
		break;
	default:
		go_on_with(t, refused);
	}
}

static enum err read_message(struct touch *t, struct bytes message)
{
	struct fido_failure failure;
	struct fido_signed s;
	enum fido_kind kind;
	enum err e = fido_kind_of(message, &kind);

	if (e != ERR_OK)
		return e;
	if (kind == FIDO_FAILED) {
		e = fido_failed_parse(message, &failure);
		if (e == ERR_OK)
			failure_came(t, &failure);
		return e;
	}
	if (t->stage == TOUCH_CHOOSE) {
		e = read_choice(t, message);
		if (e == ERR_OK)
			go_on_with(t, chosen);
		return e;
	}
	e = fido_signed_parse(message, &s);
	if (e == ERR_OK)
		signature_came(t, &s);
	return e;
}

static void heard(void *ctx, struct bytes message)
{
	struct touch *t = ctx;
	enum err e = read_message(t, message);

	if (e != ERR_OK) {
		log_warn("signet-fido's answer makes no sense: %s", err_text(e));
		call_fail(t->call, ERR_REPLY);
	}
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
	return e;
}

static void begin(struct timer *timer)
{
	touch_find(TOUCH_OF(timer, timer));
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
