#include "tokens/pkcs11/select.h"

#include "proto/base/mem.h"
#include "tokens/pkcs11/slots.h"
#include "tokens/pkcs11/uri.h"

/* References to the tokens that are meant, in the order of their slots. */
static size_t tokens_meant(struct world *w, struct uri *u, struct token **out)
{
	size_t n = 0;

	pthread_mutex_lock(&w->lock);
	for (struct token *t = w->tokens; t != NULL; t = t->next) {
		if (!uri_means_token(u, w, t))
			continue;
		t->refs++;
		out[n++] = t;
	}
	pthread_mutex_unlock(&w->lock);
	return n;
}

static void let_go(struct world *w, struct token **tokens, size_t n)
{
	for (size_t i = 0; i < n; i++)
		token_unref(w, tokens[i]);
}

static bool wants_login(struct world *w, struct token *t)
{
	bool wants;

	pthread_mutex_lock(&w->lock);
	wants = token_wants_login(t) && !t->logged;
	pthread_mutex_unlock(&w->lock);
	return wants;
}

static bool is_logged_in(struct world *w, struct token *t)
{
	bool is;

	pthread_mutex_lock(&w->lock);
	is = t->logged;
	pthread_mutex_unlock(&w->lock);
	return is;
}

/* One token; what was lost of it is got back once. */
static enum err log_in_one(struct world *w, struct token *t, struct entry *entry, struct fault *f)
{
	unsigned era;
	enum err e;

	module_enter(&w->module);
	pthread_mutex_lock(&w->lock);
	era = t->era;
	pthread_mutex_unlock(&w->lock);
	e = login_user(w, t, entry, f);
	if (e != ERR_OK && f->loss != LOSS_NONE) {
		(void)slots_recover(w, t, era, f->loss);
		e = login_user(w, t, entry, f);
	}
	module_leave(&w->module);
	return e;
}

/* There was nothing to try, and no try was lost. */
static bool leaves_pin(enum err e, const struct entry *entry)
{
	return e == ERR_PIN_NOT_SET || (e == ERR_PIN_LOCKED && !entry->used);
}

/*
 * Whose PIN it is, is a guess where several tokens are meant, and a wrong guess costs a try: it is
 * made once, and not at all if a token that is meant took its PIN before.
 */
static enum err log_in(
    struct world *w, struct token **tokens, size_t n, const struct token_select *m, struct fault *f)
{
	struct entry entry = login_entry(w, m->pin, m->flags);
	enum err result = ERR_OK;

	if (m->pin.len == 0 && (m->flags & TOKEN_USE_PAD) == 0)
		return ERR_OK;
	for (size_t i = 0; i < n; i++)
		if (is_logged_in(w, tokens[i]))
			return ERR_OK;
	for (size_t i = 0; i < n; i++) {
		struct fault now = {0};
		enum err e;

		if (!wants_login(w, tokens[i]))
			continue;
		entry.used = false;
		e = log_in_one(w, tokens[i], &entry, &now);
		if (e == ERR_OK)
			return ERR_OK;
		if (result == ERR_OK || !leaves_pin(e, &entry)) {
			result = e;
			*f = now;
		}
		if (!leaves_pin(e, &entry))
			break;
	}
	return result;
}

/* What is meant of the tokens' keys, into the answer. */
static size_t put_keys(struct world *w, struct uri *u, struct token **tokens, size_t n,
    uint32_t number, struct builder *b)
{
	struct token_ref *refs = mem_alloc(TOKEN_KEYS_MOST * sizeof(*refs));
	size_t count = 0;

	if (refs == NULL) {
		b->error = ERR_MEMORY;
		return 1;
	}
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < n; i++) {
		for (struct key *k = tokens[i]->keys; k != NULL; k = k->next) {
			if (!k->listed || tokens[i]->gone || count == TOKEN_KEYS_MOST ||
			    !uri_means_key(u, k))
				continue;
			refs[count++] =
			    (struct token_ref){blob_view(&tokens[i]->id), blob_view(&k->id)};
		}
	}
	if (count != 0)
		token_selected_build(b, number, refs, count);
	pthread_mutex_unlock(&w->lock);
	mem_free(refs);
	return count;
}

/* Nothing is meant: maybe because it is hidden. */
static enum err nothing(struct world *w, struct token **tokens, size_t n, struct fault *f)
{
	for (size_t i = 0; i < n; i++) {
		if (!wants_login(w, tokens[i]))
			continue;
		fault_set(f, ERR_PIN_NEEDED, "no key is seen without");
		pthread_mutex_lock(&w->lock);
		f->flags = token_flags(tokens[i]);
		f->tries = token_tries(tokens[i]);
		pthread_mutex_unlock(&w->lock);
		return ERR_PIN_NEEDED;
	}
	return fault_set(f, ERR_TOKEN_KEYS, "%s", "");
}

static enum err run(struct world *w, struct uri *u, const struct token_select *m, struct builder *b,
    struct fault *f)
{
	struct token *tokens[TOKEN_TOKENS_MOST];
	size_t n;
	enum err e;

	slots_scan(w, true);
	n = tokens_meant(w, u, tokens);
	if (n == 0 && slots_restart(w))
		n = tokens_meant(w, u, tokens);
	if (n == 0)
		return fault_set(f, ERR_NO_TOKEN, "%s", "");
	e = log_in(w, tokens, n, m, f);
	if (e == ERR_OK)
		e = inventory_tell(w);
	if (e == ERR_OK && put_keys(w, u, tokens, n, m->number, b) == 0)
		e = nothing(w, tokens, n, f);
	let_go(w, tokens, n);
	return e;
}

enum err select_run(
    struct world *w, const struct token_select *m, struct builder *b, struct fault *f)
{
	struct uri *u;
	enum err e = uri_parse(m->uri, &u, f);

	if (e != ERR_OK)
		return e;
	e = run(w, u, m, b, f);
	if (e != ERR_OK && f->why == ERR_OK)
		fault_set(f, e, "%s", "");
	uri_free(u);
	return e;
}
