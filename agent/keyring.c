#include "agent/keyring.h"

#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/limits.h"

enum { CALL_MS = LIMIT_PROMPT_MS + LIMIT_DEVICE_MS };

/*
 * One operation.  Invariants: it is in all's list, newest first, and counted there, until it is
 * told or cancelled; it has a request or a call, which is alive as long as it is.  done is NULL
 * where nobody waits.
 */
struct keyring_call {
	struct keyring_call *next, *prev;
	struct keyring *all;
	struct blob request; /* while it waits in line */
	struct call *call;
	enum keyring_message what;
	enum keyring_kind kind; /* of the item */
	struct blob name;
	void (*done)(void *ctx, enum err result, struct bytes secret);
	void *ctx;
};

static void op_free(struct keyring_call *c)
{
	struct keyring *k = c->all;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		k->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	k->open--;
	blob_clear(&c->request);
	blob_clear(&c->name);
	mem_free(c);
}

static bool was_answered(enum err result)
{
	return result == ERR_OK || result == ERR_NOT_FOUND || result == ERR_KEYRING_LOCKED;
}

/* What is known of the service now; that there is none is said once. */
static void learn(struct keyring *k, enum err result)
{
	if (result == ERR_SCREEN)
		return;
	if (was_answered(result)) {
		k->absent = false;
		k->told_absent = false;
		return;
	}
	k->absent = true;
	if (result != ERR_NO_KEYRING && result != ERR_HELPER_MISSING)
		return;
	if (!k->told_absent)
		log_info("no keyring answers: passphrases are asked for");
	k->told_absent = true;
}

static void tell_log(const struct keyring_call *c, enum err result)
{
	char name[256];

	if (result == ERR_NO_KEYRING || result == ERR_HELPER_MISSING || result == ERR_OK)
		return;
	text_escape(blob_view(&c->name), name, sizeof(name));
	if (c->what == KEYRING_STORE)
		log_warn("%s: not stored in the keyring: %s", name, err_text(result));
	else if (result == ERR_NOT_FOUND)
		log_debug("%s: not in the keyring", name);
	else if (c->what == KEYRING_FORGET)
		log_warn("%s: not forgotten by the keyring: %s", name, err_text(result));
	else
		log_info("%s: not looked up in the keyring: %s", name, err_text(result));
}

static void go_on(struct keyring *k);

/* It is told and gone; whoever is told may start another. */
static void finish(struct keyring_call *c, enum err result, struct bytes secret)
{
	void (*done)(void *ctx, enum err result, struct bytes secret) = c->done;
	void *ctx = c->ctx;
	struct keyring *k = c->all;

	learn(k, result);
	tell_log(c, result);
	op_free(c);
	if (done != NULL)
		done(ctx, result, secret);
	go_on(k);
}

static enum err read_answer(
    const struct keyring_call *c, struct bytes message, struct bytes *secret, enum err *result)
{
	uint8_t kind;
	enum err e = helper_message_kind(message, &kind);

	if (e != ERR_OK)
		return e;
	*result = ERR_OK;
	if (kind == KEYRING_FAILED)
		return keyring_failed_parse(message, result);
	return c->what == KEYRING_LOOKUP ? keyring_secret_parse(message, secret)
					 : keyring_done_parse(message);
}

static void heard(void *ctx, struct bytes message)
{
	struct keyring_call *c = ctx;
	struct bytes secret = BYTES_NONE;
	struct blob kept = {0};
	enum err result = ERR_OK;
	enum err e = read_answer(c, message, &secret, &result);

	if (e != ERR_OK && e != ERR_VERSION) {
		log_warn("signet-keyring's answer makes no sense: %s", err_text(e));
		e = ERR_KEYRING;
	}
	if (e == ERR_OK)
		e = result;
	if (e == ERR_OK)
		e = blob_copy(&kept, secret);
	/* Nobody waits for its end. */
	call_abandon(c->call, BYTES_NONE);
	finish(c, e, e == ERR_OK ? blob_view(&kept) : BYTES_NONE);
	blob_clear(&kept);
}

static void ended(void *ctx, enum err why)
{
	enum err e = why;

	if (why == ERR_HELPER || why == ERR_SURPLUS || why == ERR_REPLY)
		e = ERR_KEYRING;
	finish(ctx, e, BYTES_NONE);
}

static const struct call_handler handler = {
    .message = heard, .ended = ended, .most = KEYRING_ANSWER_MOST, .once = true};

/* --- the line ------------------------------------------------------------------- */

/* Does an older one change the item, so that this one has to see what it leaves? */
static bool has_to_wait(const struct keyring_call *c)
{
	if (c->all->screen_locked)
		return true;
	for (const struct keyring_call *older = c->next; older != NULL; older = older->next) {
		if (older->what != KEYRING_LOOKUP && older->kind == c->kind &&
		    bytes_equal(blob_view(&older->name), blob_view(&c->name)))
			return true;
	}
	return false;
}

static bool begin(struct keyring_call *c)
{
	c->call =
	    call_start(c->all->calls, HELPER_KEYRING, blob_view(&c->request), CALL_MS, &handler, c);
	blob_clear(&c->request);
	return c->call != NULL;
}

static struct keyring_call *first_to_begin(const struct keyring *k)
{
	struct keyring_call *c = k->first;

	while (c != NULL && (c->call != NULL || has_to_wait(c)))
		c = c->next;
	return c;
}

static void go_on(struct keyring *k)
{
	struct keyring_call *c;

	while ((c = first_to_begin(k)) != NULL) {
		if (!begin(c)) {
			finish(c, ERR_MEMORY, BYTES_NONE); /* which goes on */
			return;
		}
	}
}

/* Takes the request over. */
static struct keyring_call *start(struct keyring *k, enum keyring_message what,
    const struct keyring_item *item, struct builder *request)
{
	struct keyring_call *c = NULL;

	if (k->open < KEYRING_CALLS_MOST && builder_error(request) == ERR_OK)
		c = mem_alloc(sizeof(*c));
	if (c == NULL)
		goto out;
	*c = (struct keyring_call){.all = k, .what = what, .kind = item->kind, .next = k->first};
	if (k->first != NULL)
		k->first->prev = c;
	k->first = c;
	k->open++;
	if (blob_copy(&c->name, item->name) != ERR_OK ||
	    builder_take(request, &c->request) != ERR_OK || (!has_to_wait(c) && !begin(c))) {
		op_free(c);
		c = NULL;
	}
out:
	builder_clear(request);
	return c;
}

/* What may go on while the screen is locked: what is with a helper already, but for lookups, and
 * what waits to forget something. */
static struct keyring_call *first_to_end(const struct keyring *k)
{
	struct keyring_call *c = k->first;

	while (c != NULL && c->what != KEYRING_LOOKUP &&
	       (c->call != NULL || c->what == KEYRING_FORGET))
		c = c->next;
	return c;
}

void keyring_screen(struct keyring *k, bool locked)
{
	struct keyring_call *c;

	k->screen_locked = locked;
	while (k->screen_locked && (c = first_to_end(k)) != NULL) {
		call_abandon(c->call, BYTES_NONE);
		finish(c, ERR_SCREEN, BYTES_NONE);
	}
	go_on(k);
}

struct keyring_call *keyring_lookup(struct keyring *k, const struct keyring_item *item,
    void (*done)(void *ctx, enum err result, struct bytes secret), void *ctx)
{
	struct builder b = {0};
	struct keyring_call *c;

	if (k->screen_locked)
		return NULL;
	keyring_lookup_build(&b, item, true);
	c = start(k, KEYRING_LOOKUP, item, &b);
	if (c != NULL) {
		c->done = done;
		c->ctx = ctx;
	}
	return c;
}

void keyring_lookup_end(struct keyring_call *c)
{
	if (c == NULL)
		return;
	call_abandon(c->call, BYTES_NONE);
	op_free(c);
}

bool keyring_store(
    struct keyring *k, const struct keyring_item *item, struct bytes label, struct bytes secret)
{
	struct builder b = {0};

	if (!keyring_secret_allowed(secret) || k->screen_locked)
		return false;
	keyring_store_build(&b, item, label, secret);
	return start(k, KEYRING_STORE, item, &b) != NULL;
}

bool keyring_forget(struct keyring *k, const struct keyring_item *item)
{
	struct builder b = {0};

	keyring_forget_build(&b, item);
	return start(k, KEYRING_FORGET, item, &b) != NULL;
}

bool keyring_is_there(const struct keyring *k)
{
	return !k->absent;
}
