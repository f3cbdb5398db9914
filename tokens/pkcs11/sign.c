#include "tokens/pkcs11/sign.h"

#include <string.h>

#include "proto/base/mem.h"
#include "tokens/pkcs11/keys.h"
#include "tokens/pkcs11/slots.h"

/* --- the key --------------------------------------------------------------------- */

/* False: the token shows no such key. */
static bool copy_half(struct signing *s)
{
	struct key *k;
	bool found;

	pthread_mutex_lock(&s->w->lock);
	s->half.era = s->t->era;
	s->half.logins = s->t->logins;
	k = token_key_of(s->t, s->m->key);
	found = k != NULL && blob_copy(&s->half.public, blob_view(&k->public)) == ERR_OK;
	if (found) {
		s->half.type = k->type;
		s->half.flags = k->flags;
		s->half.n = k->n;
		memcpy(s->half.candidates, k->candidates, sizeof(s->half.candidates));
	}
	pthread_mutex_unlock(&s->w->lock);
	return found;
}

static bool may_be_hidden(struct signing *s)
{
	bool hidden;

	pthread_mutex_lock(&s->w->lock);
	hidden = !s->t->logged && token_wants_login(s->t);
	pthread_mutex_unlock(&s->w->lock);
	return hidden;
}

static enum err read_again(struct signing *s)
{
	enum err e;

	pthread_mutex_lock(&s->t->login);
	e = keys_read(s->w, s->t, s->f);
	pthread_mutex_unlock(&s->t->login);
	return e;
}

static enum err log_in(struct signing *s)
{
	enum err e = login_user(s->w, s->t, &s->entry, s->f);

	if (e == ERR_PIN_NEEDED && (s->half.flags & TOKEN_KEY_PIN_EACH) != 0)
		s->f->flags |= TOKEN_PIN_EACH;
	return e;
}

/* Modules that lost their reader have been seen to show an empty token from then on. */
static enum err not_there(struct signing *s)
{
	enum err e = fault_set(s->f, ERR_TOKEN_SIGN, "the key is not on the token any more");

	pthread_mutex_lock(&s->w->lock);
	if (s->t->keys == NULL)
		s->f->loss = LOSS_MODULE;
	pthread_mutex_unlock(&s->w->lock);
	return e;
}

/* Find the key and what may be its private half, logging in where that is hidden. */
static enum err find_half(struct signing *s)
{
	bool again = false;
	enum err e = ERR_OK;

	for (;;) {
		bool hidden = !copy_half(s) || s->half.n == 0;

		/* What wants a PIN for each use wants the user's login before that. */
		if (!hidden && !(s->half.candidates[0].each && may_be_hidden(s)))
			return ERR_OK;
		if (may_be_hidden(s)) {
			e = log_in(s);
		} else if (!again) {
			again = true;
			e = read_again(s);
		} else {
			e = not_there(s);
		}
		if (e != ERR_OK)
			return e;
	}
}

/* --- one try ----------------------------------------------------------------------- */

/* Sign by the halves that may be the key's, until one is. */
static enum err try_candidates(struct signing *s)
{
	enum err e = ERR_TOKEN_SIGN;

	for (size_t i = 0; i < s->half.n; i++) {
		const struct candidate *c = &s->half.candidates[i];

		*s->f = (struct fault){0};
		e = sign_with(s, c);
		if (e == ERR_OK && c->certain)
			return e;
		if (e == ERR_OK) {
			bool good = sign_verify(s);

			key_settled(s->w, s->t, s->m->key, c->handle, good);
			if (good)
				return e;
			e = fault_set(s->f, ERR_TOKEN, "C_Sign: no signature by this key");
		} else if (e != ERR_TOKEN_SIGN) {
			return e;
		}
	}
	return e;
}

static enum err try_once(struct signing *s)
{
	enum err e;

	login_expire(s->w, s->t);
	e = find_half(s);
	if (e == ERR_OK)
		e = try_candidates(s);
	if (e != ERR_PIN_NEEDED || s->f->loss != LOSS_LOGIN)
		return e;
	/* Not what we thought: the card was reset, or another program logged out. */
	login_lost(s->w, s->t, s->half.logins);
	e = log_in(s);
	if (e == ERR_OK)
		e = find_half(s);
	if (e == ERR_OK)
		e = try_candidates(s);
	/* A key that says of itself that it needs no PIN, but does. */
	if (e == ERR_PIN_NEEDED && s->f->loss == LOSS_LOGIN)
		e = fault_set(s->f, ERR_TOKEN_SIGN, "CKR_USER_NOT_LOGGED_IN after C_Login");
	return e;
}

/* --- recovery ------------------------------------------------------------------------ */

/* The token by its id, whatever slot it is in by now; a reference.  NULL: it is not there. */
static struct token *find_token(struct world *w, struct bytes id, bool look)
{
	struct token *t = look ? NULL : token_find(w, id);

	if (t == NULL) {
		slots_scan(w, false);
		t = token_find(w, id);
	}
	if (t == NULL && slots_restart(w))
		t = token_find(w, id);
	return t;
}

static void get_back(struct signing *s)
{
	enum loss loss;

	module_enter(&s->w->module);
	loss = slots_recover(s->w, s->t, s->half.era, s->f->loss);
	module_leave(&s->w->module);
	if (loss < LOSS_TOKEN)
		return;
	token_unref(s->w, s->t);
	s->t = NULL;
	if (loss == LOSS_MODULE)
		(void)slots_restart(s->w);
	s->t = find_token(s->w, s->m->token, true);
}

static enum err run(struct signing *s)
{
	enum err e = ERR_TOKEN_GONE;
	struct fault first = {0};

	s->t = find_token(s->w, s->m->token, false);
	for (int i = 0; i < 2; i++) {
		if (s->t == NULL)
			return fault_set(s->f, ERR_TOKEN_GONE, "%s", s->f->detail);
		*s->f = (struct fault){.tries = TOKEN_TRIES_UNKNOWN};
		module_enter(&s->w->module);
		e = try_once(s);
		login_expire(s->w, s->t);
		module_leave(&s->w->module);
		/* Nobody knows what the token made of the PIN: it is no PIN that was not tried. */
		if (e == ERR_PIN_NEEDED && s->entry.failed && first.why != ERR_OK) {
			*s->f = first;
			return first.why;
		}
		if (e == ERR_OK || s->f->loss == LOSS_NONE)
			break;
		first = *s->f;
		/* The second time for whoever comes next. */
		get_back(s);
		s->entry.used = s->entry.used && !s->entry.good;
	}
	return e;
}

enum err sign_run(struct world *w, const struct token_sign *m, struct builder *b, struct fault *f)
{
	struct signing s = {
	    .w = w,
	    .m = m,
	    .entry = login_entry(w, m->pin, m->flags),
	    .f = f,
	};
	struct token_signed parts = {.number = m->number};
	enum err e = run(&s);

	if (e == ERR_OK)
		e = sign_split(&s, &parts);
	if (e == ERR_OK)
		token_signed_build(b, &parts);
	token_unref(w, s.t);
	blob_clear(&s.half.public);
	blob_clear(&s.signature);
	return e;
}
