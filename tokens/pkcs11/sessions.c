#include "tokens/pkcs11/sessions.h"

#include <string.h>

/* With this token: a slot may have got another one since we looked, and a session ends with the
 * token that it is with. */
static enum err open_session(
    struct world *w, struct token *t, CK_SLOT_ID slot, CK_SESSION_HANDLE *out, struct fault *f)
{
	CK_TOKEN_INFO info = {0};
	CK_RV rv = w->module.f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, out);
	enum err e;

	if (rv != CKR_OK)
		return fault_of(f, "C_OpenSession", rv);
	e = token_check(w, t, slot, &info, f);
	if (e != ERR_OK)
		(void)w->module.f->C_CloseSession(*out);
	return e;
}

static enum err take(
    struct world *w, struct token *t, size_t left, struct session *out, struct fault *f)
{
	CK_SLOT_ID slot;
	bool found;

	pthread_mutex_lock(&w->lock);
	found = t->idle > left;
	if (found)
		out->handle = t->sessions[--t->idle];
	out->era = t->era;
	slot = t->slot;
	pthread_mutex_unlock(&w->lock);
	return found ? ERR_OK : open_session(w, t, slot, &out->handle, f);
}

enum err session_take(struct world *w, struct token *t, struct session *out, struct fault *f)
{
	return take(w, t, 0, out, f);
}

enum err session_take_spare(struct world *w, struct token *t, struct session *out, struct fault *f)
{
	return take(w, t, 1, out, f);
}

void session_give(struct world *w, struct token *t, const struct session *s)
{
	bool kept;

	pthread_mutex_lock(&w->lock);
	kept = t->era == s->era && !t->gone && t->idle < SESSIONS_MOST;
	if (kept)
		t->sessions[t->idle++] = s->handle;
	pthread_mutex_unlock(&w->lock);
	if (!kept)
		session_drop(w, t, s, false);
}

void session_drop(struct world *w, struct token *t, const struct session *s, bool lost)
{
	bool ours;

	pthread_mutex_lock(&w->lock);
	/* The number may be another session's by now. */
	ours = t->era == s->era && !lost;
	pthread_mutex_unlock(&w->lock);
	if (ours)
		(void)w->module.f->C_CloseSession(s->handle);
}

enum err session_anchor(struct world *w, struct token *t, CK_SESSION_HANDLE *out, struct fault *f)
{
	CK_SESSION_HANDLE handle = t->anchor;
	CK_SLOT_ID slot;
	enum err e;

	pthread_mutex_lock(&w->lock);
	slot = t->slot;
	pthread_mutex_unlock(&w->lock);
	if (!t->anchored) {
		e = open_session(w, t, slot, &handle, f);
		if (e != ERR_OK)
			return e;
		pthread_mutex_lock(&w->lock);
		t->anchor = handle;
		t->anchored = true;
		pthread_mutex_unlock(&w->lock);
	}
	*out = handle;
	return ERR_OK;
}

/* Under world.lock: all that no signature uses, which are nobody's then; how many. */
static size_t take_unused(struct token *t, CK_SESSION_HANDLE out[SESSIONS_MOST + 1])
{
	size_t n = t->idle;

	memcpy(out, t->sessions, n * sizeof(out[0]));
	t->idle = 0;
	if (t->ahead.state == AHEAD_BEGUN)
		out[n++] = t->ahead.session;
	t->ahead = (struct ahead){.ends = t->ahead.ends + 1};
	t->pace = (struct pace){0};
	return n;
}

bool sessions_stand(struct world *w, struct token *t)
{
	CK_SESSION_HANDLE unused[SESSIONS_MOST + 1];
	CK_SESSION_INFO info = {0};
	size_t n;

	if (!t->anchored || w->module.f->C_GetSessionInfo(t->anchor, &info) != CKR_OK ||
	    (t->logged && info.state != CKS_RO_USER_FUNCTIONS &&
		info.state != CKS_RW_USER_FUNCTIONS))
		return false;
	pthread_mutex_lock(&w->lock);
	n = take_unused(t, unused);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < n; i++)
		(void)w->module.f->C_CloseSession(unused[i]);
	return true;
}

void sessions_forget(struct world *w, struct token *t, bool close)
{
	CK_SESSION_HANDLE old[SESSIONS_MOST + 2];
	size_t n;

	pthread_mutex_lock(&w->lock);
	n = take_unused(t, old);
	if (t->anchored)
		old[n++] = t->anchor;
	t->anchored = false;
	t->logged = false;
	t->keys_read = false;
	t->era++;
	for (struct key *k = t->keys; k != NULL; k = k->next)
		k->n = 0;
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; close && i < n; i++)
		(void)w->module.f->C_CloseSession(old[i]);
}
