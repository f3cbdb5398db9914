#include "tokens/card/serve.h"

#include <string.h>
#include <time.h>

#include "tokens/card/select.h"

enum {
	BUSY_MS = 8000,   /* for somebody else's use of a card to end, for a signature */
	SETTLE_MS = 4000, /* for cards to be looked at the first time */
	LOOK_AGAIN_SECONDS =
	    2, /* for our own use of cards to end, before they are looked at again */
	REFS_MOST = PCSC_READERS_MOST * CARD_APPLETS * CARD_KEYS_MOST,
};

static void send_failure(
    struct outlet *outlet, uint32_t number, enum err why, const struct card_failure *f)
{
	struct token_failure m = {.number = number,
	    .why = token_failure_allowed(why) ? why : ERR_TOKEN,
	    .tries = TOKEN_TRIES_UNKNOWN,
	    .detail = bytes_str(f->detail)};
	struct builder b = {0};

	if (m.why == ERR_PIN || m.why == ERR_PIN_NEEDED || m.why == ERR_PIN_LOCKED)
		m.tries = f->tries;
	if (m.why == ERR_PIN || m.why == ERR_PIN_NEEDED)
		m.flags = f->flags;
	token_failed_build(&b, &m);
	(void)outlet_send(outlet, &b);
}

void serve_failure(struct outlet *outlet, uint32_t number, enum err why)
{
	send_failure(outlet, number, why, &(struct card_failure){.tries = TOKEN_TRIES_UNKNOWN});
}

static void note_pin(struct reader_slot *s, bool entered)
{
	pthread_mutex_lock(&s->all->mutex);
	s->entered = entered;
	pthread_mutex_unlock(&s->all->mutex);
}

/* How many tries are left is changed where others read it. */
static void note_tries(struct reader_slot *s, struct card_token *t, const struct card_token *now)
{
	pthread_mutex_lock(&s->all->mutex);
	t->tries = now->tries;
	pthread_mutex_unlock(&s->all->mutex);
}

/* --- one card ------------------------------------------------------------------------ */

/* s->use is held. */
static enum err sign(
    struct reader_slot *s, const struct token_sign *m, struct card_failure *f, struct builder *out)
{
	struct card_signature signature = {BYTES_NONE, BYTES_NONE};
	struct session session;
	char name[PCSC_NAME_ROOM];
	struct card_token *t = readers_token(s, m->token, name), now;
	struct card_key *k = t != NULL ? card_key_find(t, m->key) : NULL;
	enum err e = t == NULL ? ERR_TOKEN_GONE : k == NULL ? ERR_TOKEN_KEYS : ERR_OK;

	if (e != ERR_OK)
		return e;
	e = readers_resume(s, name, BUSY_MS, &session);
	if (e == ERR_OK) {
		now = *t;
		e = card_sign(&session.wire, &now, k, m, &signature, f);
		note_tries(s, t, &now);
		if (m->pin.len != 0 || (m->flags & TOKEN_USE_PAD) != 0)
			note_pin(s, true);
	}
	if (e == ERR_OK)
		token_signed_build(
		    out, &(struct token_signed){
			     .number = m->number, .r = signature.r, .s = signature.s});
	session_end(&session);
	return e;
}

static void serve_sign(struct reader_slot *s, const struct token_sign *m)
{
	struct card_failure f = {.tries = TOKEN_TRIES_UNKNOWN};
	struct builder b = {0};
	enum err e;

	pthread_mutex_lock(&s->use);
	e = sign(s, m, &f, &b);
	pthread_mutex_unlock(&s->use);
	readers_publish(s->all);
	if (e == ERR_OK)
		e = builder_error(&b);
	if (e == ERR_OK)
		(void)outlet_send(s->all->outlet, &b);
	else
		send_failure(s->all->outlet, m->number, e, &f);
	builder_clear(&b);
	/* Perhaps its keys are others by now; but what is known of a card that is out of order
	 * stays. */
	if (f.entered && (e == ERR_TOKEN || e == ERR_TOKEN_SIGN))
		readers_look(s);
}

/* Only where a PIN of ours may still count.  A card that knows no way to forget it is reset. */
static void logout(struct reader_slot *s)
{
	struct session session;
	char name[PCSC_NAME_ROOM];
	bool entered;

	pthread_mutex_lock(&s->use);
	pthread_mutex_lock(&s->all->mutex);
	entered = s->entered && s->present;
	s->entered = false;
	memcpy(name, s->name, sizeof(name));
	pthread_mutex_unlock(&s->all->mutex);
	if (entered) {
		enum err e = readers_resume(s, name, BUSY_MS, &session);

		for (size_t i = 0; e == ERR_OK && i < s->n; i++)
			e = card_logout(&session.wire, s->tokens[i]);
		if (e == ERR_OK)
			session_end(&session);
		else
			session_reset(&session);
	}
	pthread_mutex_unlock(&s->use);
}

void serve_card(struct reader_slot *s, struct bytes message)
{
	struct token_sign m;

	if (token_sign_parse(message, &m) == ERR_OK)
		serve_sign(s, &m);
	else if (token_logout_parse(message) == ERR_OK)
		logout(s);
}

/* --- selections ------------------------------------------------------------------------- */

struct selection {
	const struct token_select *request;
	struct choice choice;
	struct card_failure failure;
	struct builder refs; /* strings, as TOKEN_SELECTED has them */
	uint32_t count;
	bool token, busy; /* one was there; one may have been, in somebody's hands */
};

/* The PIN, on each token that has a chosen key. */
static enum err enter_pin(struct reader_slot *s, struct card_token *t, struct selection *sel)
{
	struct session session;
	struct card_token now = *t;
	char name[PCSC_NAME_ROOM];
	enum err e;

	(void)readers_token(s, BYTES_NONE, name);
	e = readers_resume(s, name, BUSY_MS, &session);
	if (e != ERR_OK) {
		session_end(&session);
		return e;
	}
	e = t->applet->enter(&session.wire, t);
	if (e == ERR_OK)
		e = card_verify(
		    &session.wire, &now, sel->request->pin, sel->request->flags, &sel->failure);
	note_tries(s, t, &now);
	note_pin(s, true);
	session_end(&session);
	return e;
}

/* Whether the token has a key that is meant; s->all->mutex is held. */
static bool choose_token(const struct card_token *t, struct selection *sel)
{
	uint32_t before = sel->count;

	if (!choice_has_token(&sel->choice, t))
		return false;
	sel->token = true;
	for (size_t i = 0; i < t->n; i++) {
		if (!choice_has_key(&sel->choice, &t->keys[i]))
			continue;
		builder_string(&sel->refs, BYTES(t->id.bytes, t->id.len));
		builder_string(&sel->refs, BYTES(t->keys[i].id.bytes, t->keys[i].id.len));
		sel->count++;
	}
	return sel->count != before;
}

/* By what is known of the card, which may be in use: that of another reader is no reason to wait.
 * chosen: which of its tokens. */
static bool choose_known(struct reader_slot *s, struct selection *sel, bool chosen[CARD_APPLETS])
{
	enum found found;
	bool any = false;

	pthread_mutex_lock(&s->all->mutex);
	found = s->present ? s->found : FOUND_NOTHING;
	sel->busy = sel->busy || found == FOUND_BUSY || found == FOUND_LOOKING;
	for (size_t i = 0; found == FOUND_TOKENS && i < s->n; i++) {
		chosen[i] = choose_token(s->tokens[i], sel);
		any = any || chosen[i];
	}
	pthread_mutex_unlock(&s->all->mutex);
	return any;
}

static struct timespec in_seconds(unsigned seconds)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	return end;
}

/* Unless it is taken until then. */
static bool lock_use(struct reader_slot *s, struct timespec end)
{
#ifdef __GLIBC__
	return pthread_mutex_clocklock(&s->use, CLOCK_MONOTONIC, &end) == 0;
#else
	/* musl goes by the clock on the wall only, which is right but where somebody sets it. */
	struct timespec now, wall;

	clock_gettime(CLOCK_MONOTONIC, &now);
	clock_gettime(CLOCK_REALTIME, &wall);
	wall.tv_sec += end.tv_sec - now.tv_sec;
	return pthread_mutex_timedlock(&s->use, &wall) == 0;
#endif
}

static bool is_meant(struct reader_slot *s, const struct choice *c)
{
	bool meant = false;

	pthread_mutex_lock(&s->all->mutex);
	for (size_t i = 0; s->present && s->found == FOUND_TOKENS && i < s->n; i++)
		meant = meant || choice_has_token(c, s->tokens[i]);
	pthread_mutex_unlock(&s->all->mutex);
	return meant;
}

static enum err choose(struct reader_slot *s, struct selection *sel)
{
	bool pin = sel->request->pin.len != 0 || (sel->request->flags & TOKEN_USE_PAD) != 0;
	bool chosen[CARD_APPLETS] = {false};
	enum err e = ERR_OK;

	if (!pin || !is_meant(s, &sel->choice)) {
		(void)choose_known(s, sel, chosen);
		return ERR_OK;
	}
	if (!lock_use(s, in_seconds(BUSY_MS / 1000)))
		return ERR_TOKEN_BUSY;
	if (choose_known(s, sel, chosen)) {
		for (size_t i = 0; e == ERR_OK && i < s->n; i++)
			e = chosen[i] ? enter_pin(s, s->tokens[i], sel) : ERR_OK;
	}
	pthread_mutex_unlock(&s->use);
	return e;
}

/* Keys may have been made since the card was looked at. */
static void look_again(struct readers *all, const struct choice *c)
{
	struct timespec end = in_seconds(LOOK_AGAIN_SECONDS);

	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		struct reader_slot *s = &all->slots[i];

		if (!is_meant(s, c) || !lock_use(s, end))
			continue;
		readers_look_held(s);
		pthread_mutex_unlock(&s->use);
	}
}

static enum err choose_all(struct readers *all, struct selection *sel)
{
	enum err e = ERR_OK;

	sel->busy = false;
	readers_settle(all, SETTLE_MS);
	look_again(all, &sel->choice);
	for (size_t i = 0; i < PCSC_READERS_MOST && e == ERR_OK; i++)
		e = choose(&all->slots[i], sel);
	return e;
}

static enum err select_keys(struct readers *all, struct selection *sel)
{
	enum err e = choice_parse(sel->request->uri, &sel->choice);

	if (e == ERR_OK)
		e = choose_all(all, sel);
	/* A slow card may be the one. */
	if (e == ERR_OK && sel->count == 0 && !sel->token && sel->busy)
		e = choose_all(all, sel);
	if (e != ERR_OK || sel->count != 0)
		return e;
	pthread_mutex_lock(&all->mutex);
	e = !all->service ? ERR_NO_READER
	    : sel->token  ? ERR_TOKEN_KEYS
	    : sel->busy   ? ERR_TOKEN_BUSY
			  : ERR_NO_TOKEN;
	pthread_mutex_unlock(&all->mutex);
	return e;
}

/* From strings to the views that the message is built of. */
static enum err send_selected(struct readers *all, const struct selection *sel)
{
	struct token_ref refs[REFS_MOST];
	struct reader r = reader_of(builder_view(&sel->refs));
	struct builder b = {0};
	enum err e = builder_error(&sel->refs);

	for (uint32_t i = 0; e == ERR_OK && i < sel->count; i++) {
		refs[i] = (struct token_ref){0};
		e = reader_string(&r, &refs[i].token);
		if (e == ERR_OK)
			e = reader_string(&r, &refs[i].key);
	}
	if (e == ERR_OK) {
		token_selected_build(&b, sel->request->number, refs, sel->count);
		e = builder_error(&b);
	}
	if (e == ERR_OK)
		(void)outlet_send(all->outlet, &b);
	builder_clear(&b);
	return e;
}

static void serve_select(struct readers *all, const struct token_select *m)
{
	struct selection sel = {.request = m, .failure = {.tries = TOKEN_TRIES_UNKNOWN}};
	enum err e = select_keys(all, &sel);

	readers_publish(all);
	if (e == ERR_OK)
		e = send_selected(all, &sel);
	if (e != ERR_OK)
		send_failure(all->outlet, m->number, e, &sel.failure);
	builder_clear(&sel.refs);
}

void serve_all(void *ctx, struct bytes message)
{
	struct readers *all = ctx;
	struct token_select select;
	struct token_open open;

	if (token_select_parse(message, &select) == ERR_OK) {
		serve_select(all, &select);
	} else if (token_open_parse(message, &open) == ERR_OK) {
		readers_settle(all, SETTLE_MS);
		pthread_mutex_lock(&all->publish);
		all->open = true;
		pthread_mutex_unlock(&all->publish);
		readers_publish(all);
	}
}
