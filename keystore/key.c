#include "keystore/key.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "keystore/key_impl.h"
#include "keystore/secretmem.h"
#include "keystore/shield.h"
#include "proto/numbers.h"

/* Prepared contexts that a key keeps: as many threads sign with it without making one anew. */
enum { CONTEXTS_KEPT = 4 };

/*
 * What a key has that does more than name one.  Holds its secret in parts, or in sealed when it is
 * shielded: never in both.
 */
struct key_hold {
	struct key_parts parts;
	struct shielded sealed;
	/* Of a security key instead: what its device needs to find it.  No secret. */
	struct blob application, handle;
	uint8_t flags;
	/* A thread owns the context that it takes out; NULL: no context, or in use. */
	_Atomic(struct key_context *) contexts[CONTEXTS_KEPT];
};

/*
 * Immutable but for refs and contexts.  The struct itself is no secret, and lies in ordinary memory
 * with the public blob behind it, and hold behind that.
 */
struct key {
	atomic_uint refs;
	bool public; /* of key_public, or */
	bool locked; /* of key_locked: there is no secret, and hold is NULL */
	const struct keytype *type;
	const struct key_ops *ops;
	struct key_hold *hold;
	size_t blob_len;
	uint8_t blob[];
};

static const struct key_ops *const all_ops[] = {
    [FAMILY_RSA] = &key_ops_rsa,
    [FAMILY_DSA] = &key_ops_dsa,
    [FAMILY_ECDSA] = &key_ops_ecdsa,
    [FAMILY_ED25519] = &key_ops_ed25519,
    [FAMILY_ED448] = &key_ops_ed448,
    [FAMILY_MLDSA44_ED25519] = &key_ops_mldsa44_ed25519,
    [FAMILY_SK_ECDSA] = &key_ops_sk_ecdsa,
    [FAMILY_SK_ED25519] = &key_ops_sk_ed25519,
};
_Static_assert(sizeof(all_ops) / sizeof(all_ops[0]) == FAMILIES, "a row a family");

static bool algorithm_available(const char *name)
{
	EVP_KEYMGMT *found = EVP_KEYMGMT_fetch(NULL, name, NULL);

	EVP_KEYMGMT_free(found);
	if (found == NULL)
		ERR_clear_error();
	return found != NULL;
}

bool key_type_available(const struct keytype *type)
{
	const struct key_ops *ops = all_ops[type->family];

	if (ops->token)
		return true;
	return algorithm_available(ops->algorithms[0]) &&
	       (ops->algorithms[1] == NULL || algorithm_available(ops->algorithms[1]));
}

static void context_free(struct key_context *c)
{
	if (c == NULL)
		return;
	EVP_PKEY_CTX_free(c->pkey);
	EVP_MD_CTX_free(c->message);
	free(c);
}

static enum err context_new(
    const struct key_ops *ops, const struct key_parts *parts, struct key_context **out)
{
	struct key_context *c = calloc(1, sizeof(*c));
	enum err e;

	if (c == NULL)
		return ERR_MEMORY;
	c->parts = parts;
	e = ops->prepare(c);
	if (e == ERR_OK)
		*out = c;
	else
		context_free(c);
	return e;
}

static enum err context_take(struct key *k, struct key_context **out)
{
	for (size_t i = 0; i < CONTEXTS_KEPT; i++) {
		struct key_context *c = atomic_exchange(&k->hold->contexts[i], NULL);

		if (c != NULL) {
			*out = c;
			return ERR_OK;
		}
	}
	return context_new(k->ops, &k->hold->parts, out);
}

static void context_put_back(struct key *k, struct key_context *c)
{
	for (size_t i = 0; i < CONTEXTS_KEPT; i++) {
		struct key_context *none = NULL;

		if (atomic_compare_exchange_strong(&k->hold->contexts[i], &none, c))
			return;
	}
	context_free(c);
}

static bool must_shield(const struct key_ops *ops, const struct privkey *pk)
{
	if (!shield_ready())
		return false;
	return secretmem_mode() == SECRET_LOCKED || !secretmem_has_room(ops->weight(pk));
}

/* Sealed in the wire form, so that opening it is reading it as it came. */
static enum err seal(const struct privkey *pk, struct shielded *out)
{
	struct builder b = {0};
	enum err e;

	privkey_build(&b, pk, BYTES_NONE);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = shield_seal(builder_view(&b), out);
	builder_clear(&b);
	return e;
}

static enum err unseal(const struct key *k, struct key_parts *out)
{
	struct blob plain = {0};
	struct privkey pk;
	struct reader r;
	enum err e = shield_open(&k->hold->sealed, &plain);

	if (e == ERR_OK) {
		r = reader_of(blob_view(&plain));
		e = privkey_read(&r, &pk);
	}
	if (e == ERR_OK)
		e = k->ops->build(&pk, out);
	blob_clear(&plain);
	return e;
}

/* A key without its secret yet; bare: it never has one. */
static enum err key_new(const struct pubkey *public, bool bare, struct key **out)
{
	const size_t align = _Alignof(struct key_hold);
	size_t size;
	struct builder b = {0};
	struct key *k = NULL;
	enum err e;

	pubkey_build(&b, public);
	e = builder_error(&b);
	if (e == ERR_OK) {
		size = (sizeof(*k) + b.len + align - 1) / align * align;
		k = calloc(1, bare ? sizeof(*k) + b.len : size + sizeof(*k->hold));
		e = k != NULL ? ERR_OK : ERR_MEMORY;
	}
	if (e == ERR_OK) {
		atomic_init(&k->refs, 1);
		k->type = public->type;
		k->ops = all_ops[public->type->family];
		k->blob_len = b.len;
		memcpy(k->blob, b.data, b.len);
		if (!bare)
			k->hold = (struct key_hold *)(void *)((char *)k + size);
		*out = k;
	}
	builder_clear(&b);
	return e;
}

static enum err keep_token(struct key *k, const struct privkey *pk)
{
	enum err e = blob_copy(&k->hold->application, pk->public.application);

	if (e == ERR_OK)
		e = blob_copy(&k->hold->handle, pk->sk.handle);
	k->hold->flags = pk->sk.flags;
	return e;
}

static enum err import_checked(const struct privkey *pk, struct key **out)
{
	struct key *k = NULL;
	enum err e = key_new(&pk->public, false, &k);

	if (e != ERR_OK)
		return e;
	if (k->ops->token)
		e = keep_token(k, pk);
	else if (must_shield(k->ops, pk))
		e = seal(pk, &k->hold->sealed);
	else
		e = k->ops->build(pk, &k->hold->parts);
	if (e == ERR_OK)
		*out = k;
	else
		key_unref(k);
	return e;
}

enum err key_check(const struct privkey *pk)
{
	enum err e;

	if (!key_type_available(pk->type))
		return ERR_KEY_TYPE;
	e = all_ops[pk->type->family]->check(pk);
	if (e == ERR_KEY_MISMATCH && pk->cert.len != 0)
		e = ERR_CERT_MISMATCH;
	if (e != ERR_OK)
		ERR_clear_error();
	secret_stack_clean();
	return e;
}

enum err key_import(const struct privkey *pk, struct key **out)
{
	enum err e = key_check(pk);

	if (e == ERR_OK)
		e = import_checked(pk, out);
	if (e != ERR_OK)
		ERR_clear_error();
	secret_stack_clean();
	return e;
}

enum err key_public(struct bytes blob, struct key **out)
{
	struct pubkey public;
	enum err e = pubkey_parse(blob, &public);

	if (e == ERR_OK && (all_ops[public.type->family]->check_public == NULL ||
			       !key_type_available(public.type)))
		e = ERR_KEY_TYPE;
	if (e == ERR_OK)
		e = all_ops[public.type->family]->check_public(&public);
	if (e == ERR_OK)
		e = key_new(&public, true, out);
	if (e == ERR_OK)
		(*out)->public = true;
	else
		ERR_clear_error();
	return e;
}

enum err key_locked(struct bytes blob, struct key **out)
{
	struct pubkey public;
	enum err e = pubkey_parse(blob, &public);

	if (e == ERR_OK && !key_type_available(public.type))
		e = ERR_KEY_TYPE;
	if (e == ERR_OK)
		e = key_new(&public, true, out);
	if (e == ERR_OK)
		(*out)->locked = true;
	return e;
}

static void hold_clear(struct key_hold *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < CONTEXTS_KEPT; i++)
		context_free(atomic_load(&h->contexts[i]));
	key_parts_free(&h->parts);
	shield_free(&h->sealed);
	blob_clear(&h->application);
	blob_clear(&h->handle);
}

struct key *key_ref(struct key *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void key_unref(struct key *k)
{
	/* What other threads did with the key happens before it goes away. */
	if (k == NULL || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	hold_clear(k->hold);
	free(k);
}

const struct keytype *key_type(const struct key *k)
{
	return k->type;
}

struct bytes key_blob(const struct key *k)
{
	return BYTES(k->blob, k->blob_len);
}

bool key_is_slow(const struct key *k)
{
	return k->ops->slow || k->type->bits > 256;
}

bool key_is_sk(const struct key *k)
{
	return k->ops->token && !k->locked;
}

bool key_is_public(const struct key *k)
{
	return k->public;
}

bool key_is_locked(const struct key *k)
{
	return k->locked;
}

void key_sk(const struct key *k, struct key_sk *out)
{
	const struct key_hold *h = k->hold;

	*out = (struct key_sk){0};
	if (h != NULL)
		*out = (struct key_sk){blob_view(&h->application), blob_view(&h->handle), h->flags};
}

bool key_is_shielded(const struct key *k)
{
	return k->hold != NULL && k->hold->sealed.data != NULL;
}

static enum err sign_shielded(
    const struct key *k, const struct sigalg *alg, struct bytes data, struct builder *out)
{
	struct key_parts parts = {0};
	struct key_context *c = NULL;
	enum err e = unseal(k, &parts);

	if (e == ERR_OK)
		e = context_new(k->ops, &parts, &c);
	if (e == ERR_OK)
		e = k->ops->sign(c, alg, data, out);
	context_free(c);
	key_parts_free(&parts);
	secret_stack_clean();
	return e;
}

static enum err sign_open(
    struct key *k, const struct sigalg *alg, struct bytes data, struct builder *out)
{
	struct key_context *c;
	enum err e = context_take(k, &c);

	if (e != ERR_OK)
		return e;
	e = k->ops->sign(c, alg, data, out);
	if (e == ERR_OK)
		context_put_back(k, c);
	else
		context_free(c);
	return e;
}

enum err key_sign(struct key *k, const struct sigalg *alg, struct bytes data, struct builder *out)
{
	enum err e;

	if (key_is_sk(k) || k->public || k->locked)
		return ERR_UNSUPPORTED;
	e = key_is_shielded(k) ? sign_shielded(k, alg, data, out) : sign_open(k, alg, data, out);

	if (e != ERR_OK)
		ERR_clear_error();
	return e;
}

/* The algorithm of this name, if a key of this type may use it. */
static enum err find_sigalg(
    const struct keytype *type, struct bytes name, const struct sigalg **out)
{
	static const uint32_t flags[] = {0, SIGN_RSA_SHA2_256, SIGN_RSA_SHA2_512};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const struct sigalg *alg;

		if (sigalg_choose(type, flags[i], &alg) == ERR_OK && bytes_is(name, alg->name)) {
			*out = alg;
			return ERR_OK;
		}
	}
	return ERR_KEY_MISMATCH;
}

struct key_verifier {
	struct pubkey key;
	struct key_parts parts;
};

static enum err verifier_open(struct key_verifier *v, struct bytes public_blob)
{
	bool is_cert;
	enum err e = keyblob_parse(public_blob, &v->key, &is_cert);

	if (e == ERR_OK)
		e = all_ops[v->key.type->family]->open_public(&v->key, &v->parts);
	if (e != ERR_OK) {
		ERR_clear_error();
		key_parts_free(&v->parts);
	}
	return e;
}

enum err key_verifier_new(struct bytes public_blob, struct key_verifier **out)
{
	struct key_verifier *v = calloc(1, sizeof(*v));
	enum err e = v != NULL ? verifier_open(v, public_blob) : ERR_MEMORY;

	if (e == ERR_OK)
		*out = v;
	else
		free(v);
	return e;
}

void key_verifier_free(struct key_verifier *v)
{
	if (v != NULL)
		key_parts_free(&v->parts);
	free(v);
}

enum err key_verifier_check(const struct key_verifier *v, struct bytes data, struct bytes signature)
{
	struct reader r = reader_of(signature);
	const struct sigalg *alg;
	struct bytes name;
	enum err e = reader_text(&r, &name);

	if (e == ERR_OK)
		e = find_sigalg(v->key.type, name, &alg);
	if (e == ERR_OK)
		e = all_ops[v->key.type->family]->verify(&v->key, &v->parts, alg, data, &r);
	if (e != ERR_OK)
		ERR_clear_error();
	return e;
}

enum err key_verify(struct bytes public_blob, struct bytes data, struct bytes signature)
{
	struct key_verifier v = {0};
	enum err e = verifier_open(&v, public_blob);

	if (e != ERR_OK)
		return e;
	e = key_verifier_check(&v, data, signature);
	key_parts_free(&v.parts);
	return e;
}
