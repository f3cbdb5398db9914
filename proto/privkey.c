#include "proto/privkey.h"

#include "proto/builder.h"

/* ML-DSA-44 seed ‖ Ed25519 seed (draft-ietf-sshm-composite-sigs). */
enum { COMPOSITE_SEED = 64 };

/* With a certificate, the public half was read from it before the fields are. */
static bool certified(const struct privkey *key)
{
	return key->cert.len != 0;
}

/* [mpint n, e,] d, iqmp, p, q: n and e stand the other way round than in the public blob. */
static enum err read_rsa(struct reader *r, struct privkey *key)
{
	enum err e = ERR_OK;

	if (!certified(key)) {
		key->public.type = key->type;
		e = keynumber_read(r, &key->public.rsa.n);
		if (e == ERR_OK)
			e = keynumber_read(r, &key->public.rsa.e);
	}
	if (e == ERR_OK)
		e = keynumber_read(r, &key->rsa.d);
	if (e == ERR_OK)
		e = keynumber_read(r, &key->rsa.iqmp);
	if (e == ERR_OK)
		e = keynumber_read(r, &key->rsa.p);
	if (e == ERR_OK)
		e = keynumber_read(r, &key->rsa.q);
	return e;
}

static void build_rsa(struct builder *b, const struct privkey *key, bool with_cert)
{
	if (!with_cert) {
		builder_mpint(b, key->public.rsa.n);
		builder_mpint(b, key->public.rsa.e);
	}
	builder_mpint(b, key->rsa.d);
	builder_mpint(b, key->rsa.iqmp);
	builder_mpint(b, key->rsa.p);
	builder_mpint(b, key->rsa.q);
}

/* DSA: [mpint p, q, g, y,] x.  ECDSA: [string curve, string Q,] mpint d. */
static enum err read_scalar(struct reader *r, struct privkey *key)
{
	enum err e = ERR_OK;

	if (!certified(key))
		e = pubkey_read_fields(r, key->type, &key->public);
	return e == ERR_OK ? keynumber_read(r, &key->scalar) : e;
}

static void build_scalar(struct builder *b, const struct privkey *key, bool with_cert)
{
	if (!with_cert)
		pubkey_build_fields(b, &key->public);
	builder_mpint(b, key->scalar);
}

/* string A that stands here even when the certificate has it too. */
static enum err read_repeated_raw(struct reader *r, const struct privkey *key)
{
	struct bytes raw;
	enum err e = reader_string(r, &raw);

	return e == ERR_OK && !bytes_equal(raw, key->public.raw) ? ERR_CERT_MISMATCH : e;
}

/* string A, string seed ‖ A, with a certificate as without */
static enum err read_eddsa(struct reader *r, struct privkey *key)
{
	size_t half = key->type->field;
	struct bytes pair;
	enum err e;

	if (certified(key))
		e = read_repeated_raw(r, key);
	else
		e = pubkey_read_fields(r, key->type, &key->public);
	if (e == ERR_OK)
		e = reader_string(r, &pair);
	if (e != ERR_OK)
		return e;
	if (pair.len != 2 * half)
		return ERR_KEY_INVALID;
	if (!bytes_equal(BYTES(pair.data + half, half), key->public.raw))
		return ERR_KEY_MISMATCH;
	key->seed = BYTES(pair.data, half);
	return ERR_OK;
}

static void build_eddsa(struct builder *b, const struct privkey *key, bool with_cert)
{
	size_t mark;

	(void)with_cert;
	pubkey_build_fields(b, &key->public);
	mark = builder_open(b);
	builder_put(b, key->seed);
	builder_put(b, key->public.raw);
	builder_close(b, mark);
}

/* [string public key,] string seeds */
static enum err read_composite(struct reader *r, struct privkey *key)
{
	struct bytes seed;
	enum err e = ERR_OK;

	if (!certified(key))
		e = pubkey_read_fields(r, key->type, &key->public);
	if (e == ERR_OK)
		e = reader_string(r, &seed);
	if (e == ERR_OK && seed.len != COMPOSITE_SEED)
		e = ERR_KEY_INVALID;
	if (e == ERR_OK)
		key->seed = seed;
	return e;
}

static void build_composite(struct builder *b, const struct privkey *key, bool with_cert)
{
	if (!with_cert)
		pubkey_build_fields(b, &key->public);
	builder_string(b, key->seed);
}

/*
 * string application, which stands behind the certificate too; byte flags, string handle, string
 * reserved
 */
static enum err read_sk_tail(struct reader *r, struct privkey *key)
{
	struct bytes application;
	enum err e = ERR_OK;

	if (certified(key)) {
		e = reader_text(r, &application);
		if (e == ERR_OK && !bytes_equal(application, key->public.application))
			e = ERR_CERT_MISMATCH;
	}
	if (e == ERR_OK)
		e = reader_u8(r, &key->sk.flags);
	if (e == ERR_OK)
		e = reader_string(r, &key->sk.handle);
	if (e == ERR_OK)
		e = reader_string(r, &key->sk.reserved);
	return e;
}

static void build_sk_tail(struct builder *b, const struct privkey *key)
{
	builder_u8(b, key->sk.flags);
	builder_string(b, key->sk.handle);
	builder_string(b, key->sk.reserved);
}

/* [string curve, string Q,] and the tail */
static enum err read_sk_ecdsa(struct reader *r, struct privkey *key)
{
	enum err e = ERR_OK;

	if (!certified(key))
		e = pubkey_read_fields(r, key->type, &key->public);
	return e == ERR_OK ? read_sk_tail(r, key) : e;
}

static void build_sk_ecdsa(struct builder *b, const struct privkey *key, bool with_cert)
{
	if (with_cert)
		builder_string(b, key->public.application);
	else
		pubkey_build_fields(b, &key->public);
	build_sk_tail(b, key);
}

/* string A, with a certificate as without, and the tail */
static enum err read_sk_ed25519(struct reader *r, struct privkey *key)
{
	enum err e;

	if (certified(key))
		e = read_repeated_raw(r, key);
	else
		e = pubkey_read_fields(r, key->type, &key->public);
	return e == ERR_OK ? read_sk_tail(r, key) : e;
}

static void build_sk_ed25519(struct builder *b, const struct privkey *key, bool with_cert)
{
	(void)with_cert;
	pubkey_build_fields(b, &key->public);
	build_sk_tail(b, key);
}

/* The fields behind the type name and the certificate, a row a family. */
static const struct {
	enum err (*read)(struct reader *r, struct privkey *key);
	void (*build)(struct builder *b, const struct privkey *key, bool with_cert);
} layouts[] = {
    [FAMILY_RSA] = {read_rsa, build_rsa},
    [FAMILY_DSA] = {read_scalar, build_scalar},
    [FAMILY_ECDSA] = {read_scalar, build_scalar},
    [FAMILY_ED25519] = {read_eddsa, build_eddsa},
    [FAMILY_ED448] = {read_eddsa, build_eddsa},
    [FAMILY_MLDSA44_ED25519] = {read_composite, build_composite},
    [FAMILY_SK_ECDSA] = {read_sk_ecdsa, build_sk_ecdsa},
    [FAMILY_SK_ED25519] = {read_sk_ed25519, build_sk_ed25519},
};
_Static_assert(sizeof(layouts) / sizeof(layouts[0]) == FAMILIES, "a row a family");

/* string certificate, which must be of the kind that the type name promises */
static enum err read_cert(struct reader *r, struct bytes name, struct privkey *key)
{
	struct cert cert;
	struct reader in_cert;
	struct bytes cert_name;
	enum err e = reader_string(r, &key->cert);

	if (e == ERR_OK)
		e = cert_parse(key->cert, &cert);
	if (e != ERR_OK)
		return e;
	in_cert = reader_of(key->cert);
	e = reader_string(&in_cert, &cert_name);
	if (e == ERR_OK && !bytes_equal(cert_name, name))
		e = ERR_CERT_MISMATCH;
	key->public = cert.key;
	return e;
}

enum err privkey_read(struct reader *r, struct privkey *out)
{
	struct reader ahead = *r;
	struct privkey key = {0};
	struct bytes name;
	bool is_cert = false;
	enum err e = reader_text(&ahead, &name);

	if (e != ERR_OK)
		return e;
	key.type = keytype_find(name, &is_cert);
	if (key.type == NULL)
		return ERR_KEY_TYPE;
	if (is_cert)
		e = read_cert(&ahead, name, &key);
	if (e == ERR_OK)
		e = layouts[key.type->family].read(&ahead, &key);
	if (e == ERR_OK) {
		*r = ahead;
		*out = key;
	}
	return e;
}

/* The certificate says itself what it is called. */
static void build_cert(struct builder *b, struct bytes cert)
{
	struct reader r = reader_of(cert);
	struct bytes name;

	if (reader_string(&r, &name) != ERR_OK)
		name = BYTES_NONE;
	builder_string(b, name);
	builder_string(b, cert);
}

void privkey_build(struct builder *b, const struct privkey *key, struct bytes cert)
{
	bool with_cert = cert.len != 0;

	if (with_cert)
		build_cert(b, cert);
	else
		builder_cstring(b, key->type->name);
	layouts[key->type->family].build(b, key, with_cert);
}
