#include "proto/keyblob.h"

#include "proto/builder.h"

enum { POINT_UNCOMPRESSED = 0x04 };

enum err keynumber_read(struct reader *r, struct bytes *out)
{
	struct bytes number;
	enum err e = reader_mpint(r, &number);

	if (e == ERR_OK && number.len == 0)
		e = ERR_KEY_INVALID;
	if (e == ERR_OK)
		*out = number;
	return e;
}

static enum err read_rsa(struct reader *r, struct pubkey *key)
{
	enum err e = keynumber_read(r, &key->rsa.e);

	if (e == ERR_OK)
		e = keynumber_read(r, &key->rsa.n);
	return e;
}

static void build_rsa(struct builder *b, const struct pubkey *key)
{
	builder_mpint(b, key->rsa.e);
	builder_mpint(b, key->rsa.n);
}

static enum err read_dsa(struct reader *r, struct pubkey *key)
{
	enum err e = keynumber_read(r, &key->dsa.p);

	if (e == ERR_OK)
		e = keynumber_read(r, &key->dsa.q);
	if (e == ERR_OK)
		e = keynumber_read(r, &key->dsa.g);
	if (e == ERR_OK)
		e = keynumber_read(r, &key->dsa.y);
	return e;
}

static void build_dsa(struct builder *b, const struct pubkey *key)
{
	builder_mpint(b, key->dsa.p);
	builder_mpint(b, key->dsa.q);
	builder_mpint(b, key->dsa.g);
	builder_mpint(b, key->dsa.y);
}

static enum err read_ecdsa(struct reader *r, struct pubkey *key)
{
	struct bytes curve, point;
	enum err e = reader_text(r, &curve);

	if (e == ERR_OK)
		e = reader_string(r, &point);
	if (e != ERR_OK)
		return e;
	if (!bytes_is(curve, key->type->curve) || point.len != 1 + 2 * key->type->field ||
	    point.data[0] != POINT_UNCOMPRESSED)
		return ERR_KEY_CURVE;
	key->ec.point = point;
	return ERR_OK;
}

static void build_ecdsa(struct builder *b, const struct pubkey *key)
{
	builder_cstring(b, key->type->curve);
	builder_string(b, key->ec.point);
}

static enum err read_raw(struct reader *r, struct pubkey *key)
{
	struct bytes raw;
	enum err e = reader_string(r, &raw);

	if (e == ERR_OK && raw.len != key->type->field)
		e = ERR_KEY_INVALID;
	if (e == ERR_OK)
		key->raw = raw;
	return e;
}

static void build_raw(struct builder *b, const struct pubkey *key)
{
	builder_string(b, key->raw);
}

static enum err read_sk_ecdsa(struct reader *r, struct pubkey *key)
{
	enum err e = read_ecdsa(r, key);

	return e == ERR_OK ? reader_text(r, &key->application) : e;
}

static void build_sk_ecdsa(struct builder *b, const struct pubkey *key)
{
	build_ecdsa(b, key);
	builder_string(b, key->application);
}

static enum err read_sk_ed25519(struct reader *r, struct pubkey *key)
{
	enum err e = read_raw(r, key);

	return e == ERR_OK ? reader_text(r, &key->application) : e;
}

static void build_sk_ed25519(struct builder *b, const struct pubkey *key)
{
	build_raw(b, key);
	builder_string(b, key->application);
}

/* The fields behind the type name, a row a family. */
static const struct {
	enum err (*read)(struct reader *r, struct pubkey *key);
	void (*build)(struct builder *b, const struct pubkey *key);
} layouts[] = {
    [FAMILY_RSA] = {read_rsa, build_rsa},
    [FAMILY_DSA] = {read_dsa, build_dsa},
    [FAMILY_ECDSA] = {read_ecdsa, build_ecdsa},
    [FAMILY_ED25519] = {read_raw, build_raw},
    [FAMILY_ED448] = {read_raw, build_raw},
    [FAMILY_MLDSA44_ED25519] = {read_raw, build_raw},
    [FAMILY_SK_ECDSA] = {read_sk_ecdsa, build_sk_ecdsa},
    [FAMILY_SK_ED25519] = {read_sk_ed25519, build_sk_ed25519},
};
_Static_assert(sizeof(layouts) / sizeof(layouts[0]) == FAMILIES, "a row a family");

enum err pubkey_read_fields(struct reader *r, const struct keytype *type, struct pubkey *out)
{
	struct reader ahead = *r;
	struct pubkey key = {.type = type};
	enum err e = layouts[type->family].read(&ahead, &key);

	if (e == ERR_OK) {
		*r = ahead;
		*out = key;
	}
	return e;
}

enum err pubkey_parse(struct bytes blob, struct pubkey *out)
{
	struct reader r = reader_of(blob);
	struct bytes name;
	const struct keytype *type;
	struct pubkey key;
	bool is_cert;
	enum err e = reader_text(&r, &name);

	if (e != ERR_OK)
		return e;
	type = keytype_find(name, &is_cert);
	if (type == NULL || is_cert)
		return ERR_KEY_TYPE;
	e = pubkey_read_fields(&r, type, &key);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = key;
	return e;
}

enum err keyblob_parse(struct bytes blob, struct pubkey *key, bool *is_cert)
{
	struct reader r = reader_of(blob);
	struct bytes name;
	struct cert cert;
	bool certified;
	enum err e = reader_text(&r, &name);

	if (e != ERR_OK)
		return e;
	if (keytype_find(name, &certified) == NULL)
		return ERR_KEY_TYPE;
	if (certified) {
		e = cert_parse(blob, &cert);
		if (e == ERR_OK)
			*key = cert.key;
	} else {
		e = pubkey_parse(blob, key);
	}
	if (e == ERR_OK)
		*is_cert = certified;
	return e;
}

/* Magnitudes have no leading zero byte, but leading zero bits. */
static unsigned magnitude_bits(struct bytes m)
{
	unsigned bits = (unsigned)m.len * 8;

	if (m.len == 0)
		return 0;
	for (unsigned top = 0x80; (m.data[0] & top) == 0 && top != 1; top >>= 1)
		bits--;
	return bits;
}

unsigned pubkey_bits(const struct pubkey *key)
{
	if (key->type->family == FAMILY_RSA)
		return magnitude_bits(key->rsa.n);
	if (key->type->family == FAMILY_DSA)
		return magnitude_bits(key->dsa.p);
	return key->type->bits;
}

void pubkey_build(struct builder *b, const struct pubkey *key)
{
	builder_cstring(b, key->type->name);
	pubkey_build_fields(b, key);
}

void pubkey_build_fields(struct builder *b, const struct pubkey *key)
{
	layouts[key->type->family].build(b, key);
}
