#include "tokens/pkcs11/login.h"

#include <string.h>

#include "tokens/pkcs11/ahead.h"
#include "tokens/pkcs11/keys.h"

/* What the token says of its PIN now. */
static enum err refresh(struct world *w, struct token *t, struct fault *f)
{
	CK_TOKEN_INFO info = {0};
	CK_SLOT_ID slot;
	enum err e;

	pthread_mutex_lock(&w->lock);
	slot = t->slot;
	pthread_mutex_unlock(&w->lock);
	e = token_check(w, t, slot, &info, f);
	if (e != ERR_OK)
		return e;
	pthread_mutex_lock(&w->lock);
	w->changed = w->changed || t->info.flags != info.flags;
	t->info.flags = info.flags;
	pthread_mutex_unlock(&w->lock);
	return ERR_OK;
}

/* A failure that is about the PIN, with what is known of it. */
static enum err pin_fault(
    struct world *w, struct token *t, struct fault *f, enum err why, const char *detail)
{
	fault_set(f, why, "%s", detail);
	pthread_mutex_lock(&w->lock);
	f->flags = token_flags(t);
	f->tries = token_tries(t);
	pthread_mutex_unlock(&w->lock);
	return why;
}

struct entry login_entry(struct world *w, struct bytes pin, uint32_t flags)
{
	struct entry entry = {.pin = pin, .flags = flags};

	pthread_mutex_lock(&w->lock);
	entry.logouts = w->logouts;
	pthread_mutex_unlock(&w->lock);
	return entry;
}

enum err login_possible(
    struct world *w, struct token *t, const struct entry *entry, struct fault *f)
{
	enum err e = refresh(w, t, f);
	uint32_t flags;
	bool pad;

	if (e != ERR_OK)
		return e;
	pthread_mutex_lock(&w->lock);
	flags = token_flags(t);
	pthread_mutex_unlock(&w->lock);
	pad = (flags & TOKEN_HAS_PAD) != 0 && (entry->flags & TOKEN_USE_PAD) != 0;
	if ((flags & TOKEN_PIN_LOCKED) != 0)
		return pin_fault(w, t, f, ERR_PIN_LOCKED, "CKF_USER_PIN_LOCKED");
	if (entry->used || (entry->pin.len == 0 && !pad))
		return pin_fault(w, t, f, ERR_PIN_NEEDED, "");
	if ((flags & TOKEN_PIN_FINAL) != 0 && (entry->flags & TOKEN_LAST_TRY) == 0)
		return pin_fault(w, t, f, ERR_PIN_NEEDED, "CKF_USER_PIN_FINAL_TRY");
	return ERR_OK;
}

static CK_RV enter(
    struct world *w, CK_SESSION_HANDLE session, CK_USER_TYPE user, const struct entry *entry)
{
	/* The module's type has no const; it gets bytes of the message's own copy. */
	CK_UTF8CHAR *pin = (CK_UTF8CHAR *)(uintptr_t)entry->pin.data;

	return w->module.f->C_Login(
	    session, user, entry->pin.len != 0 ? pin : NULL, entry->pin.len);
}

/* What became of the PIN.  Without a session it was not looked at, and may be tried in another. */
static void spend(struct entry *entry, CK_RV rv)
{
	entry->used = rv != CKR_SESSION_HANDLE_INVALID && rv != CKR_CRYPTOKI_NOT_INITIALIZED;
	entry->failed = entry->used && rv != CKR_OK;
}

/* The PIN was not taken. */
static enum err refused(
    struct world *w, struct token *t, const struct entry *entry, CK_RV rv, struct fault *f)
{
	char detail[sizeof(f->detail)];
	enum err e = fault_of(f, "C_Login", rv);
	struct fault other;

	if (f->loss != LOSS_NONE)
		return e;
	if (entry->pin.len == 0 &&
	    (rv == CKR_FUNCTION_CANCELED || rv == CKR_FUNCTION_REJECTED || rv == CKR_CANCEL))
		e = ERR_PAD;
	(void)refresh(w, t, &other);
	pthread_mutex_lock(&w->lock);
	if (e == ERR_PIN && (t->info.flags & CKF_USER_PIN_LOCKED) != 0)
		e = ERR_PIN_LOCKED;
	pthread_mutex_unlock(&w->lock);
	memcpy(detail, f->detail, sizeof(detail));
	return pin_fault(w, t, f, e, detail);
}

/* With token.login held. */
static enum err log_in(struct world *w, struct token *t, struct entry *entry, struct fault *f)
{
	CK_SESSION_HANDLE anchor;
	enum err e = session_anchor(w, t, &anchor, f);
	CK_RV rv;

	if (e == ERR_OK)
		e = login_possible(w, t, entry, f);
	if (e != ERR_OK)
		return e;
	rv = enter(w, anchor, CKU_USER, entry);
	if (rv == CKR_USER_ALREADY_LOGGED_IN) {
		/* Whoever is: this PIN was not looked at. */
		(void)w->module.f->C_Logout(anchor);
		rv = enter(w, anchor, CKU_USER, entry);
	}
	spend(entry, rv);
	if (rv != CKR_OK)
		return refused(w, t, entry, rv, f);
	entry->good = true;
	(void)refresh(w, t, f);
	pthread_mutex_lock(&w->lock);
	t->logged = true;
	t->logins++;
	/* A logout that came meanwhile was meant for this PIN, too. */
	t->logouts = entry->logouts;
	pthread_mutex_unlock(&w->lock);
	return keys_read(w, t, f);
}

/* With token.login held.  Of the handles that the login showed none is good any more. */
static void log_out(struct world *w, struct token *t)
{
	struct fault f;

	/* Before, for a module may let it go on; and what was begun until then. */
	ahead_end(w, t);
	if (t->anchored)
		(void)w->module.f->C_Logout(t->anchor);
	ahead_end(w, t);
	pthread_mutex_lock(&w->lock);
	t->logged = false;
	for (struct key *k = t->keys; k != NULL; k = k->next)
		k->n = 0;
	pthread_mutex_unlock(&w->lock);
	(void)keys_read(w, t, &f);
}

enum err login_user(struct world *w, struct token *t, struct entry *entry, struct fault *f)
{
	enum err e = ERR_OK;

	pthread_mutex_lock(&t->login);
	if (!t->logged)
		e = log_in(w, t, entry, f);
	pthread_mutex_unlock(&t->login);
	(void)inventory_tell(w);
	return e;
}

enum err login_context(struct world *w, struct token *t, CK_SESSION_HANDLE session,
    struct entry *entry, struct fault *f)
{
	CK_RV rv = enter(w, session, CKU_CONTEXT_SPECIFIC, entry);

	spend(entry, rv);
	if (rv == CKR_OK)
		return ERR_OK;
	entry->good = false;
	return refused(w, t, entry, rv, f);
}

void login_lost(struct world *w, struct token *t, unsigned logins)
{
	pthread_mutex_lock(&t->login);
	pthread_mutex_lock(&w->lock);
	/* Unless another logged in since then, who needs what that showed. */
	if (t->logins == logins)
		t->logged = false;
	pthread_mutex_unlock(&w->lock);
	pthread_mutex_unlock(&t->login);
}

void login_expire(struct world *w, struct token *t)
{
	bool due;

	pthread_mutex_lock(&w->lock);
	due = t->logged && t->logouts != w->logouts;
	pthread_mutex_unlock(&w->lock);
	if (!due)
		return;
	pthread_mutex_lock(&t->login);
	pthread_mutex_lock(&w->lock);
	due = t->logged && t->logouts != w->logouts;
	pthread_mutex_unlock(&w->lock);
	if (due)
		log_out(w, t);
	pthread_mutex_unlock(&t->login);
}
