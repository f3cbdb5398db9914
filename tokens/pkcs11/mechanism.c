/* One call of C_Sign, by the mechanism that the token has. */
#include <string.h>

#include "proto/base/mem.h"
#include "proto/keyblob.h"
#include "proto/limits.h"
#include "tokens/base/pubkey.h"
#include "tokens/pkcs11/ahead.h"
#include "tokens/pkcs11/sign.h"

enum { SIGNATURE_MOST = LIMIT_RSA_MAX_BITS / 8 };

/* By what an SSH algorithm can be had: bare, of a digest or so that we make, or with the hash. */
static const struct way {
	const char *algorithm;
	CK_MECHANISM_TYPE bare, hashing;
} ways[] = {
    {"ssh-rsa", CKM_RSA_PKCS, CKM_SHA1_RSA_PKCS},
    {"rsa-sha2-256", CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS},
    {"rsa-sha2-512", CKM_RSA_PKCS, CKM_SHA512_RSA_PKCS},
    {"ecdsa-sha2-nistp256", CKM_ECDSA, CKM_ECDSA_SHA256},
    {"ecdsa-sha2-nistp384", CKM_ECDSA, CKM_ECDSA_SHA384},
    {"ecdsa-sha2-nistp521", CKM_ECDSA, CKM_ECDSA_SHA512},
    {"ssh-ed25519", CKM_EDDSA, CKM_EDDSA},
};

static const struct way *way_of(struct bytes algorithm)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (bytes_is(algorithm, ways[i].algorithm))
			return &ways[i];
	}
	return NULL;
}

/* Bit 2i: the token has ways[i].bare; bit 2i+1: ways[i].hashing. */
static uint32_t bits_of(CK_MECHANISM_TYPE type)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		bits |= ways[i].bare == type ? 1u << (2 * i) : 0;
		bits |= ways[i].hashing == type ? 2u << (2 * i) : 0;
	}
	return bits;
}

enum { ASKED = 1u << 31 };

/* What the token says that it has.  A list that is wrong only changes what is tried first. */
static uint32_t mechanisms(struct signing *s)
{
	CK_MECHANISM_TYPE *list;
	CK_ULONG n = MECHANISMS_MOST;
	CK_SLOT_ID slot;
	uint32_t bits;

	pthread_mutex_lock(&s->w->lock);
	bits = s->t->mechanisms;
	slot = s->t->slot;
	pthread_mutex_unlock(&s->w->lock);
	if (bits != 0)
		return bits;
	bits = (uint32_t)ASKED;
	list = mem_alloc(MECHANISMS_MOST * sizeof(*list));
	if (list == NULL || s->w->module.f->C_GetMechanismList(slot, list, &n) != CKR_OK ||
	    n > MECHANISMS_MOST)
		n = 0;
	for (CK_ULONG i = 0; i < n; i++)
		bits |= bits_of(list[i]);
	mem_free(list);
	pthread_mutex_lock(&s->w->lock);
	s->t->mechanisms = bits;
	pthread_mutex_unlock(&s->w->lock);
	return bits;
}

static enum err begin(
    struct signing *s, CK_SESSION_HANDLE session, const struct candidate *c, CK_MECHANISM_TYPE type)
{
	CK_MECHANISM mechanism = {.mechanism = type};
	CK_RV rv = s->w->module.f->C_SignInit(session, &mechanism, c->handle);

	if (rv != CKR_OK)
		return fault_of(s->f, "C_SignInit", rv);
	return c->each ? login_context(s->w, s->t, session, &s->entry, s->f) : ERR_OK;
}

/* What has begun in this session. */
static enum err end(struct signing *s, CK_SESSION_HANDLE session, struct bytes data)
{
	uint8_t room[SIGNATURE_MOST];
	CK_ULONG n = sizeof(room);
	CK_RV rv =
	    s->w->module.f->C_Sign(session, (CK_BYTE *)(uintptr_t)data.data, data.len, room, &n);

	if (rv != CKR_OK)
		return fault_of(s->f, "C_Sign", rv);
	if (n == 0 || n > sizeof(room))
		return fault_set(s->f, ERR_TOKEN_SIGN, "C_Sign: a signature of %lu bytes", n);
	if (blob_copy(&s->signature, BYTES(room, n)) != ERR_OK)
		return fault_set(s->f, ERR_MEMORY, "C_Sign");
	return ERR_OK;
}

/* After a failure the operation may be active still, and with it the session of no use. */
static enum err give_back(struct signing *s, const struct session *session, enum err e)
{
	if (e == ERR_OK)
		session_give(s->w, s->t, session);
	else
		session_drop(s->w, s->t, session, s->f->rv == CKR_SESSION_HANDLE_INVALID);
	return e;
}

/* False: it has begun in no session, or what that gave is no signature; then it is begun now. */
static bool end_begun(struct signing *s, const struct begun *what, struct bytes data)
{
	struct session session;

	return ahead_take(s->w, s->t, what, &session) &&
	       give_back(s, &session, end(s, session.handle, data)) == ERR_OK;
}

static enum err begin_and_end(
    struct signing *s, const struct candidate *c, CK_MECHANISM_TYPE type, struct bytes data)
{
	struct session session;
	enum err e;

	*s->f = (struct fault){0};
	e = session_take(s->w, s->t, &session, s->f);
	if (e != ERR_OK && s->f->rv == CKR_SESSION_COUNT && ahead_forgo(s->w, s->t))
		e = session_take(s->w, s->t, &session, s->f);
	if (e != ERR_OK)
		return e;
	e = begin(s, session.handle, c, type);
	if (e == ERR_OK)
		e = end(s, session.handle, data);
	return give_back(s, &session, e);
}

/* The mechanism's name is not for people: what failed is. */
static enum err in_session(
    struct signing *s, const struct candidate *c, CK_MECHANISM_TYPE type, struct bytes data)
{
	const struct begun what = {c->handle, type};
	enum err e = ERR_OK;

	if (c->each || !end_begun(s, &what, data))
		e = begin_and_end(s, c, type, data);
	if (e == ERR_OK && !c->each)
		ahead_note(s->w, s->t, &what);
	return e;
}

/* A context PIN can be had, or there is no use in beginning. */
static enum err each_possible(struct signing *s)
{
	/* It may have been used to log the user in; one that was not taken is not tried again. */
	struct entry again = {
	    .pin = s->entry.pin, .flags = s->entry.flags, .used = s->entry.failed};
	enum err e = login_possible(s->w, s->t, &again, s->f);

	if (e == ERR_PIN_NEEDED)
		s->f->flags |= TOKEN_PIN_EACH;
	return e;
}

static enum err sign_by(struct signing *s, const struct candidate *c)
{
	const struct way *way = way_of(s->m->algorithm);
	struct blob prepared = {0};
	struct bytes data[2];
	CK_MECHANISM_TYPE type[2];
	size_t row, first;
	enum err e;

	if (way == NULL)
		return fault_set(s->f, ERR_UNSUPPORTED, "unknown algorithm");
	row = (size_t)(way - ways);
	e = tosign(s->half.type, s->m->algorithm, s->m->data, &prepared);
	if (e != ERR_OK)
		return fault_set(s->f, e, "not for this key");
	if (c->each)
		e = each_possible(s);
	data[0] = blob_view(&prepared);
	data[1] = s->m->data;
	type[0] = way->bare;
	type[1] = way->hashing;
	/* The hashing one goes first only where the token has it alone. */
	first = (mechanisms(s) >> (2 * row) & 3u) == 2;
	if (e == ERR_OK)
		e = in_session(s, c, type[first], data[first]);
	if (e == ERR_TOKEN_SIGN && s->f->rv == CKR_MECHANISM_INVALID && type[0] != type[1])
		e = in_session(s, c, type[!first], data[!first]);
	if (e == ERR_PIN_NEEDED && s->f->loss == LOSS_LOGIN && c->each && s->entry.used)
		s->f->flags |= TOKEN_PIN_EACH;
	blob_clear(&prepared);
	return e;
}

enum err sign_with(struct signing *s, const struct candidate *c)
{
	enum err e;

	if (!c->each)
		return sign_by(s, c);
	/* One after the other: what the first wrong PIN leaves, the next must see. */
	pthread_mutex_lock(&s->t->login);
	e = sign_by(s, c);
	pthread_mutex_unlock(&s->t->login);
	return e;
}
