#include "tokens/pkcs11/ahead.h"

#include "proto/base/clock.h"

enum {
	QUICK = 10, /* milliseconds from one signature to the next */
	ENOUGH = 8, /* of them in a row */
};

static bool is_like(const struct begun *a, const struct begun *b)
{
	return a->key == b->key && a->mechanism == b->mechanism;
}

void ahead_note(struct world *w, struct token *t, const struct begun *made)
{
	const uint64_t now = clock_now();
	struct pace *p = &t->pace;

	pthread_mutex_lock(&w->lock);
	p->row = !p->crowded && is_like(&p->last, made) && now - p->at <= QUICK ? p->row + 1 : 0;
	p->last = *made;
	p->at = now;
	pthread_mutex_unlock(&w->lock);
}

/* Under world.lock: take the session of what has begun; false: nothing has. */
static bool take_begun(struct token *t, struct session *out)
{
	if (t->ahead.state != AHEAD_BEGUN)
		return false;
	*out = (struct session){t->ahead.session, t->era};
	t->ahead.state = AHEAD_NONE;
	return true;
}

bool ahead_take(struct world *w, struct token *t, const struct begun *wanted, struct session *out)
{
	bool found;

	pthread_mutex_lock(&w->lock);
	found = is_like(&t->ahead.what, wanted) && take_begun(t, out);
	pthread_mutex_unlock(&w->lock);
	return found;
}

static bool end(struct world *w, struct token *t, bool crowded)
{
	struct session s;
	bool begun;

	pthread_mutex_lock(&w->lock);
	begun = take_begun(t, &s);
	t->ahead = (struct ahead){.ends = t->ahead.ends + 1};
	t->pace = (struct pace){.crowded = crowded || t->pace.crowded};
	pthread_mutex_unlock(&w->lock);
	if (begun)
		session_drop(w, t, &s, false);
	return begun;
}

void ahead_end(struct world *w, struct token *t)
{
	(void)end(w, t, false);
}

bool ahead_forgo(struct world *w, struct token *t)
{
	return end(w, t, true);
}

/* Signatures of another kind follow each other now. */
static void make_room(struct world *w, struct token *t)
{
	struct session s;
	bool begun;

	pthread_mutex_lock(&w->lock);
	begun =
	    t->pace.row >= ENOUGH && !is_like(&t->ahead.what, &t->pace.last) && take_begun(t, &s);
	pthread_mutex_unlock(&w->lock);
	if (begun)
		session_drop(w, t, &s, false);
}

/* Is one to be begun?  Then nobody else begins one meanwhile. */
static bool choose(struct world *w, struct token *t, struct ahead *out)
{
	bool wanted;

	pthread_mutex_lock(&w->lock);
	wanted = t->pace.row >= ENOUGH && t->ahead.state == AHEAD_NONE;
	if (wanted) {
		t->ahead.state = AHEAD_BEGINS;
		t->ahead.what = t->pace.last;
	}
	*out = t->ahead;
	pthread_mutex_unlock(&w->lock);
	return wanted;
}

/* False: the token was logged out, or its sessions lost, meanwhile. */
static bool publish(
    struct world *w, struct token *t, const struct ahead *chosen, const struct session *s)
{
	bool wanted;

	pthread_mutex_lock(&w->lock);
	wanted = t->ahead.ends == chosen->ends && !t->gone;
	if (wanted) {
		t->ahead.session = s->handle;
		t->ahead.state = AHEAD_BEGUN;
	}
	pthread_mutex_unlock(&w->lock);
	return wanted;
}

/* It is tried again after as many signatures. */
static void give_up(struct world *w, struct token *t, const struct ahead *chosen)
{
	pthread_mutex_lock(&w->lock);
	t->pace.row = 0;
	if (t->ahead.ends == chosen->ends)
		t->ahead.state = AHEAD_NONE;
	pthread_mutex_unlock(&w->lock);
}

static bool begin(struct world *w, struct token *t, const struct ahead *chosen)
{
	CK_MECHANISM mechanism = {.mechanism = chosen->what.mechanism};
	struct session s;
	struct fault f = {0};
	CK_RV rv;

	if (session_take_spare(w, t, &s, &f) != ERR_OK) {
		if (f.rv == CKR_SESSION_COUNT)
			(void)ahead_forgo(w, t);
		return false;
	}
	rv = w->module.f->C_SignInit(s.handle, &mechanism, chosen->what.key);
	if (rv == CKR_OK && publish(w, t, chosen, &s))
		return true;
	session_drop(w, t, &s, rv == CKR_SESSION_HANDLE_INVALID);
	return false;
}

void ahead_begin(struct world *w, struct token *t)
{
	struct ahead chosen;

	if (!w->module.threads)
		return;
	make_room(w, t);
	if (choose(w, t, &chosen) && !begin(w, t, &chosen))
		give_up(w, t, &chosen);
}
