#include "tokens/pkcs11/keys.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/keyblob.h"
#include "tokens/base/pubkey.h"
#include "tokens/pkcs11/objects.h"
#include "tokens/pkcs11/sessions.h"

enum { DIGEST = 32, SCORE_LABEL = 1, SCORE_ID = 2 };

/* --- public halves --------------------------------------------------------------- */

static struct key *find_public(struct key *list, struct bytes public)
{
	while (list != NULL && !bytes_equal(blob_view(&list->public), public))
		list = list->next;
	return list;
}

static struct key *key_new(struct bytes public)
{
	struct key *k = mem_alloc(sizeof(*k));
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct pubkey parsed;

	if (k == NULL)
		return NULL;
	if (pubkey_parse(public, &parsed) == ERR_OK &&
	    EVP_Digest(public.data, public.len, digest, NULL, EVP_sha256(), NULL) == 1 &&
	    blob_copy(&k->public, public) == ERR_OK &&
	    blob_copy(&k->id, BYTES(digest, DIGEST)) == ERR_OK) {
		k->type = parsed.type;
		return k;
	}
	keys_free(k);
	return NULL;
}

static void add_face(struct key *k, size_t face, const struct object *o)
{
	struct face *to = &k->faces[face];

	if (to->there)
		return;
	to->there = true;
	(void)blob_copy(&to->id, blob_view(&o->id));
	(void)blob_copy(&to->label, blob_view(&o->label));
}

/* Objects with one public key are one key. */
static void add_keys(
    struct key ***end, struct key *const *list, const struct objects *o, size_t face)
{
	for (size_t i = 0; i < o->n; i++) {
		struct bytes public = blob_view(&o->list[i].public);
		struct key *k = public.len != 0 ? find_public(*list, public) : NULL;

		if (k == NULL && public.len != 0) {
			k = key_new(public);
			if (k == NULL)
				continue;
			**end = k;
			*end = &k->next;
		}
		if (k != NULL)
			add_face(k, face, &o->list[i]);
	}
}

/* --- private halves -------------------------------------------------------------- */

static bool family_fits(const struct keytype *type, CK_KEY_TYPE theirs)
{
	switch (type->family) {
	case FAMILY_RSA:
		return theirs == CKK_RSA;
	case FAMILY_ECDSA:
		return theirs == CKK_EC;
	case FAMILY_ED25519:
		return theirs == CKK_EC_EDWARDS || theirs == CKK_EC;
	default:
		return false;
	}
}

/* Would it be the same key with this curve? */
static bool curve_fits(const struct key *k, const struct pubkey *public, struct bytes params)
{
	struct bytes point = k->type->family == FAMILY_ECDSA ? public->ec.point : public->raw;
	struct builder b = {0};
	bool fits = pubkey_from_ec(params, point, &b) == ERR_OK && builder_error(&b) == ERR_OK &&
		    bytes_equal(builder_view(&b), blob_view(&k->public));

	builder_clear(&b);
	return fits;
}

static struct bytes without_zeros(struct bytes b)
{
	while (b.len > 0 && b.data[0] == 0)
		b = BYTES(b.data + 1, b.len - 1);
	return b;
}

static bool same_face(const struct key *k, const struct object *o, bool by_id)
{
	struct bytes theirs = blob_view(by_id ? &o->id : &o->label);

	for (size_t i = 0; i < FACES && theirs.len != 0; i++) {
		const struct blob *ours = by_id ? &k->faces[i].id : &k->faces[i].label;

		if (bytes_equal(blob_view(ours), theirs))
			return true;
	}
	return false;
}

/* Can this be the key's private half, and what speaks for it?  Its own numbers decide where it
 * shows any: a CKA_ID may be shared. */
static bool weigh(const struct key *k, const struct object *o, struct candidate *c)
{
	struct pubkey public;

	*c = (struct candidate){.handle = o->handle, .each = o->each};
	if (o->public.len != 0) {
		c->certain = bytes_equal(blob_view(&o->public), blob_view(&k->public));
		return c->certain;
	}
	c->score =
	    (same_face(k, o, true) ? SCORE_ID : 0) + (same_face(k, o, false) ? SCORE_LABEL : 0);
	if (!family_fits(k->type, o->type) || (c->score == 0 && o->modulus.len == 0) ||
	    pubkey_parse(blob_view(&k->public), &public) != ERR_OK)
		return false;
	if (o->type == CKK_RSA && o->modulus.len != 0) {
		c->certain = bytes_equal(without_zeros(blob_view(&o->modulus)), public.rsa.n);
		return c->certain;
	}
	return c->score != 0 &&
	       (o->params.len == 0 || curve_fits(k, &public, blob_view(&o->params)));
}

static int by_score(const void *a, const void *b)
{
	const struct candidate *first = a, *second = b;

	return second->score - first->score;
}

static void match(struct key *k, const struct objects *private)
{
	for (size_t i = 0; i < private->n; i++) {
		struct candidate c;

		if (!weigh(k, &private->list[i], &c) || (!c.certain && k->n == CANDIDATES_MOST))
			continue;
		add_face(k, FACE_PRIVATE, &private->list[i]);
		if (c.certain) {
			k->candidates[0] = c;
			k->n = 1;
			break;
		}
		k->candidates[k->n++] = c;
	}
	qsort(k->candidates, k->n, sizeof(k->candidates[0]), by_score);
	k->half_seen = k->n != 0;
	if (k->half_seen && k->candidates[0].each)
		k->flags |= TOKEN_KEY_PIN_EACH;
}

static void name_key(struct key *k)
{
	static const int order[FACES] = {FACE_PUBLIC, FACE_CERTIFICATE, FACE_PRIVATE};
	char text[TOKEN_TEXT_MOST + 1];

	for (size_t i = 0; i < FACES && k->label.len == 0; i++) {
		text_escape(blob_view(&k->faces[order[i]].label), text, sizeof(text));
		(void)blob_copy(&k->label, bytes_str(text));
	}
}

/* --- all of them ------------------------------------------------------------------ */

struct found {
	struct objects public, certificates, private;
};

static enum err read_all(
    struct world *w, CK_SESSION_HANDLE session, struct found *out, struct fault *f)
{
	enum err e = objects_read(w, session, CKO_PUBLIC_KEY, &out->public, f);

	if (e == ERR_OK)
		e = objects_read(w, session, CKO_CERTIFICATE, &out->certificates, f);
	if (e == ERR_OK)
		e = objects_read(w, session, CKO_PRIVATE_KEY, &out->private, f);
	return e;
}

static struct key *make_keys(const struct found *found)
{
	struct key *list = NULL, **end = &list;

	add_keys(&end, &list, &found->public, FACE_PUBLIC);
	add_keys(&end, &list, &found->certificates, FACE_CERTIFICATE);
	add_keys(&end, &list, &found->private, FACE_PRIVATE);
	for (struct key *k = list; k != NULL; k = k->next) {
		match(k, &found->private);
		name_key(k);
	}
	return list;
}

/* Public keys without a private half, once there is nothing hidden any more. */
static void drop_halves(struct key **list)
{
	while (*list != NULL) {
		struct key *k = *list;

		if (k->n != 0) {
			list = &k->next;
			continue;
		}
		*list = k->next;
		k->next = NULL;
		keys_free(k);
	}
}

/* What was seen while somebody was logged in is there still, only hidden. */
static void keep_hidden(struct key **list, struct key **old)
{
	struct key **end = list;

	while (*end != NULL)
		end = &(*end)->next;
	while (*old != NULL) {
		struct key *k = *old, *now = find_public(*list, blob_view(&k->public));

		if (!k->half_seen) {
			old = &k->next;
			continue;
		}
		if (now != NULL) {
			now->half_seen = true;
			now->flags |= now->n == 0 ? k->flags : 0;
			old = &k->next;
			continue;
		}
		*old = k->next;
		k->next = NULL;
		k->n = 0;
		*end = k;
		end = &k->next;
	}
}

/* Somebody else may have logged out: what is not seen is hidden then, and not gone. */
static void check_login(struct world *w, struct token *t, CK_SESSION_HANDLE session)
{
	CK_SESSION_INFO info = {0};

	if (!t->logged || w->module.f->C_GetSessionInfo(session, &info) != CKR_OK ||
	    info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS)
		return;
	pthread_mutex_lock(&w->lock);
	t->logged = false;
	pthread_mutex_unlock(&w->lock);
}

enum err keys_read(struct world *w, struct token *t, struct fault *f)
{
	struct found found = {0};
	struct key *list, *old;
	CK_SESSION_HANDLE session;
	bool all;
	enum err e = session_anchor(w, t, &session, f);

	if (e == ERR_OK)
		e = read_all(w, session, &found, f);
	if (e != ERR_OK)
		goto out;
	if (found.public.unusable + found.certificates.unusable != 0)
		log_debug("%zu objects are no keys that SSH can use",
		    found.public.unusable + found.certificates.unusable);
	list = make_keys(&found);
	check_login(w, t, session);
	pthread_mutex_lock(&w->lock);
	all = t->logged || !token_wants_login(t);
	old = t->keys;
	/* The last inventory still has what it had. */
	for (struct key *k = list; k != NULL; k = k->next) {
		const struct key *was = find_public(old, blob_view(&k->public));

		k->listed = was != NULL && was->listed;
	}
	if (all)
		drop_halves(&list);
	else
		keep_hidden(&list, &old);
	t->keys = list;
	t->keys_read = true;
	w->changed = true;
	pthread_mutex_unlock(&w->lock);
	keys_free(old);
out:
	objects_free(&found.public);
	objects_free(&found.certificates);
	objects_free(&found.private);
	return e;
}

void key_settled(
    struct world *w, struct token *t, struct bytes id, CK_OBJECT_HANDLE handle, bool good)
{
	struct key *k;
	size_t i = 0;

	pthread_mutex_lock(&w->lock);
	k = token_key_of(t, id);
	while (k != NULL && i < k->n && k->candidates[i].handle != handle)
		i++;
	if (k != NULL && i < k->n && good) {
		k->candidates[0] = k->candidates[i];
		k->candidates[0].certain = true;
		k->n = 1;
		k->flags = k->candidates[0].each ? TOKEN_KEY_PIN_EACH : 0;
		w->changed = true;
	} else if (k != NULL && i < k->n) {
		memmove(&k->candidates[i], &k->candidates[i + 1],
		    (k->n - i - 1) * sizeof(k->candidates[0]));
		k->n--;
	}
	pthread_mutex_unlock(&w->lock);
}
