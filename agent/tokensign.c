#include "agent/tokensign_impl.h"

#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/limits.h"

enum {
	/* For a helper that is being started to tell which tokens there are.  The person is told
	   after this, and it goes on by itself once the token is there. */
	FIND_MS = 5000,
	MOST_LOSSES = 2, /* a signature is tried twice at most */
	PAUSE_MS = 1000, /* until one that is said to be gone, and seems to be there, is tried */
	MOST_ROUNDS = 8, /* and waits in line so often, however often its token comes and goes */
};

static const char insert_title[] = "Signet: plug in a token";

static void find(struct tokensign *t);

/* --- life --------------------------------------------------------------------- */

static void tokensign_free(struct tokensign *t)
{
	struct tokensigns *ts = t->all;

	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		ts->first = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	key_verifier_free(t->verifier);
	key_unref(t->key);
	blob_clear(&t->data);
	blob_clear(&t->comment);
	blob_clear(&t->purpose);
	blob_clear(&t->place_bytes);
	blob_clear(&t->pin);
	mem_free(t);
}

static void await(struct tokensign *t)
{
	/* Of one that nobody holds there is nothing to await, nor to count down. */
	t->awaits = module_find(t->all->modules, t->place.module) != NULL;
	if (t->awaits)
		modules_await(t->all->modules, blob_view(&t->place_bytes));
}

static void await_no_more(struct tokensign *t)
{
	if (t->awaits)
		modules_await_no_more(t->all->modules, blob_view(&t->place_bytes));
	t->awaits = false;
}

void tokensign_quieten(struct tokensign *t)
{
	timer_cancel(t->all->loop, &t->timer);
	prompt_cancel(t->notice);
	prompt_cancel(t->prompt);
	t->notice = t->prompt = NULL;
	keyring_lookup_end(t->lookup);
	t->lookup = NULL;
	t->then = NULL;
	insertion_leave(&t->insertion);
	await_no_more(t);
}

static void retire(struct tokensign *t)
{
	tokensign_quieten(t);
	modules_unlisten(t->all->modules, &t->listener);
	tokensign_doubt_pin(t);
	tokensign_ask_no_more(t);
	token_use_end(&t->use);
	t->all->pending--;
	tokensign_free(t);
}

void tokensign_finish(struct tokensign *t, enum err why, struct bytes signature)
{
	t->done(t->ctx, why, signature);
	retire(t);
}

void tokensign_refuse(struct tokensign *t, enum err why)
{
	tokensign_finish(t, why, BYTES_NONE);
}

void tokensign_cancel(struct tokensign *t)
{
	if (t != NULL)
		retire(t);
}

/* --- what it is for ------------------------------------------------------------ */

bool tokensign_is_described(struct tokensign *t, void (*then)(struct tokensign *t))
{
	enum err (*describe)(void *ctx) = t->describe;
	enum err e;

	if (t->described)
		return true;
	t->then = then;
	t->describe = NULL;
	e = describe != NULL ? describe(t->ctx) : ERR_OK;
	if (e != ERR_OK)
		tokensign_refuse(t, e);
	return false;
}

void tokensign_describe(struct tokensign *t, struct bytes purpose, uint64_t started)
{
	void (*then)(struct tokensign * t) = t->then;
	enum err e = blob_copy(&t->purpose, purpose);

	t->started = started;
	t->described = true;
	t->then = NULL;
	if (e != ERR_OK)
		tokensign_refuse(t, e);
	else if (then != NULL)
		then(t);
}

/* --- questions ------------------------------------------------------------------ */

struct prompt *tokensign_ask(struct tokensign *t, uint8_t kind, const char *title,
    struct builder *text, uint32_t timeout,
    void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	const struct tokensigns *ts = t->all;
	struct helper_ask ask = {
	    .kind = kind,
	    .title = bytes_str(title),
	    .text = builder_view(text),
	    .pid = t->pid,
	    .started = t->started,
	    .flags = t->forwarded ? HELPER_ASK_FORWARDED : 0,
	    .timeout = timeout < LIMIT_PROMPT_SECONDS ? timeout : LIMIT_PROMPT_SECONDS,
	    .environment = ts->environment != NULL ? blob_view(ts->environment) : BYTES_NONE,
	};
	struct prompt *p =
	    builder_error(text) == ERR_OK ? prompt_ask(ts->prompts, &ask, done, ctx) : NULL;

	builder_clear(text);
	return p;
}

/* --- waiting for it to be plugged in ------------------------------------------ */

static struct prompt *ask_insert(struct insertion_member *m, uint32_t timeout,
    void (*answered)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	struct tokensign *t = TOKENSIGN_OF(m, insertion);
	struct builder text = {0};

	tokensign_insert_text(&text, t);
	return tokensign_ask(t, ASKPASS_CONFIRM, insert_title, &text, timeout, answered, ctx);
}

static enum err absent(enum err e)
{
	return e == ERR_NO_DEVICE ? ERR_TOKEN_ABSENT : e;
}

static void insertion_over(struct insertion_member *m, enum err why)
{
	tokensign_refuse(TOKENSIGN_OF(m, insertion), absent(why));
}

static void have_it_inserted(struct tokensign *t)
{
	enum err e;

	t->find_by = 0;
	t->stage = TOKENSIGN_INSERT;
	if (!tokensign_is_described(t, have_it_inserted))
		return;
	t->insertion.key = key_blob(t->key);
	t->insertion.ask = ask_insert;
	t->insertion.over = insertion_over;
	e = insertion_join(t->all->insertions, &t->insertion, t->forwarded);
	if (e == ERR_OK)
		await(t);
	else
		tokensign_refuse(t, absent(e));
}

/* --- finding it --------------------------------------------------------------- */

static void granted(struct token_use *u)
{
	tokensign_start(TOKENSIGN_OF(u, use));
}

static void line_up(struct tokensign *t, struct token *token)
{
	t->find_by = 0;
	t->stage = TOKENSIGN_LINE;
	t->use.granted = granted;
	t->use.answered = tokensign_answered;
	token_use_begin(token, &t->use);
}

static struct token *token_of(const struct tokensign *t)
{
	return modules_token(t->all->modules, blob_view(&t->place_bytes));
}

static void look_again(struct timer *timer)
{
	find(TOKENSIGN_OF(timer, timer));
}

static enum err trouble_of(const struct tokensign *t)
{
	const struct module *m = module_find(t->all->modules, t->place.module);

	return m != NULL ? module_trouble(m) : ERR_OK;
}

/* Without the helper that would see it come, nobody need plug it in. */
static bool is_unseen(const struct tokensign *t)
{
	enum err trouble = trouble_of(t);

	return trouble == ERR_HELPER_MISSING || trouble == ERR_VERSION;
}

static void look_at(struct tokensign *t, uint64_t when)
{
	t->stage = TOKENSIGN_FINDING;
	t->timer.due = look_again;
	if (timer_arm(t->all->loop, &t->timer, when) != ERR_OK)
		tokensign_refuse(t, ERR_MEMORY);
}

/* Nothing is on the screen for it, and it is in no line. */
static void find(struct tokensign *t)
{
	struct token *token = token_of(t);

	tokensign_quieten(t);
	t->pausing = false;
	if (token != NULL) {
		line_up(t, token);
		return;
	}
	if (is_unseen(t)) {
		tokensign_refuse(t, trouble_of(t));
		return;
	}
	modules_hurry(t->all->modules, blob_view(&t->place_bytes));
	if (t->find_by == 0)
		t->find_by = clock_now() + FIND_MS;
	if (clock_now() < t->find_by &&
	    modules_presence(t->all->modules, blob_view(&t->place_bytes)) == PRESENCE_UNKNOWN)
		look_at(t, t->find_by);
	else
		have_it_inserted(t);
}

static void modules_have_changed(struct module_listener *l)
{
	struct tokensign *t = TOKENSIGN_OF(l, listener);
	bool here = token_of(t) != NULL;

	/* A question stays until it is void, and a pause until the token is gone indeed. */
	if ((t->stage == TOKENSIGN_FINDING && !(t->pausing && here)) ||
	    (t->stage == TOKENSIGN_INSERT && (here || is_unseen(t))))
		find(t);
	else if (t->stage == TOKENSIGN_INSERT)
		modules_hurry(t->all->modules, blob_view(&t->place_bytes));
}

void tokensign_lost(struct tokensign *t, enum err why)
{
	bool had_turn = t->stage == TOKENSIGN_PIN || t->stage == TOKENSIGN_SIGNING;

	log_info("a token was lost while it was used: %s", err_text(why));
	tokensign_doubt_pin(t);
	/* Nobody knows what the token made of it. */
	blob_clear(&t->pin);
	tokensign_ask_no_more(t);
	token_use_end(&t->use);
	t->losses += had_turn;
	t->rounds++;
	if (t->losses == MOST_LOSSES || t->rounds == MOST_ROUNDS) {
		tokensign_refuse(t, why);
	} else if (why == ERR_TOKEN_GONE && token_of(t) != NULL) {
		/* Its helper's next word may be that it is not there. */
		t->pausing = true;
		look_at(t, clock_now() + PAUSE_MS);
	} else {
		find(t);
	}
}

/* --- what is allowed no longer ------------------------------------------------ */

static void review(struct task *task)
{
	struct tokensigns *ts =
	    (struct tokensigns *)(void *)((char *)task - offsetof(struct tokensigns, review));
	struct tokensign *next;

	ts->review_posted = false;
	for (struct tokensign *t = ts->first; t != NULL; t = next) {
		enum err e = t->allowed(t->ctx);

		next = t->next;
		if (e != ERR_OK)
			tokensign_refuse(t, e);
	}
}

void tokensigns_review(struct tokensigns *ts)
{
	if (ts->review_posted || ts->first == NULL)
		return;
	ts->review_posted = true;
	ts->review.run = review;
	loop_post(ts->loop, &ts->review);
}

/* --- beginning ---------------------------------------------------------------- */

static enum err copy_request(struct tokensign *t, const struct touch_request *r, struct bytes place)
{
	enum err e = blob_copy(&t->data, r->data);

	if (e == ERR_OK)
		e = blob_copy(&t->comment, r->comment);
	if (e == ERR_OK)
		e = blob_copy(&t->purpose, r->purpose);
	if (e == ERR_OK)
		e = blob_copy(&t->place_bytes, place);
	memccpy(t->print, r->print, '\0', sizeof(t->print) - 1);
	t->key = key_ref(r->key);
	t->alg = r->alg;
	t->pid = r->pid;
	t->started = r->started;
	t->forwarded = r->forwarded;
	t->allowed = r->allowed;
	t->describe = r->describe;
	t->described = r->describe == NULL;
	return e;
}

static void begin(struct timer *timer)
{
	struct tokensign *t = TOKENSIGN_OF(timer, timer);
	enum err e = place_parse(blob_view(&t->place_bytes), &t->place);

	if (e != ERR_OK) {
		tokensign_refuse(t, e);
		return;
	}
	modules_listen(t->all->modules, &t->listener);
	find(t);
}

struct tokensign *tokensign_begin(struct tokensigns *ts, const struct touch_request *request,
    struct bytes place, void (*done)(void *ctx, enum err result, struct bytes signature), void *ctx)
{
	struct tokensign *t = mem_alloc(sizeof(*t));
	enum err e;

	if (t == NULL)
		return NULL;
	*t = (struct tokensign){
	    .all = ts, .next = ts->first, .done = done, .ctx = ctx, .tries = TOKEN_TRIES_UNKNOWN};
	if (ts->first != NULL)
		ts->first->prev = t;
	ts->first = t;
	e = copy_request(t, request, place);
	t->listener.changed = modules_have_changed;
	/* Not from within this call: it may be refused at once. */
	t->timer.due = begin;
	if (e == ERR_OK)
		e = timer_arm(ts->loop, &t->timer, clock_now());
	if (e != ERR_OK) {
		tokensign_free(t);
		return NULL;
	}
	ts->pending++;
	return t;
}
