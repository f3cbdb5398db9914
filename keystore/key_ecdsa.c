/* ECDSA on the NIST curves (RFC 5656). */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "keystore/crypto.h"
#include "keystore/key_impl.h"

enum {
	EC_WEIGHT = 2816,  /* measured: key and context together, 2,660 bytes */
	EC_MOST_DER = 160, /* a P-521 signature in DER is at most 139 bytes */
};

/* libcrypto's name and number for the curve of a key type. */
static const struct curve {
	const char *curve;
	const char *name;
	int nid;
} curves[] = {
    {"nistp256", "P-256", NID_X9_62_prime256v1},
    {"nistp384", "P-384", NID_secp384r1},
    {"nistp521", "P-521", NID_secp521r1},
};

static const struct curve *curve_of(const struct keytype *type)
{
	size_t i = 0;

	while (strcmp(curves[i].curve, type->curve) != 0)
		i++;
	return &curves[i];
}

static size_t ecdsa_weight(const struct privkey *pk)
{
	(void)pk;
	return EC_WEIGHT;
}

static void put_public(struct key_params *p, const struct pubkey *key)
{
	key_params_text(p, "group", curve_of(key->type)->name);
	key_params_octets(p, "pub", key->ec.point);
}

static enum err ecdsa_build(const struct privkey *pk, struct key_parts *out)
{
	struct key_params p = {0};

	put_public(&p, &pk->public);
	key_params_number(&p, "priv", pk->scalar);
	return key_params_build(&p, "EC", EVP_PKEY_KEYPAIR, &out->main);
}

/* Does d times the generator give the point? */
static enum err compare_halves(
    const EC_GROUP *group, const EC_POINT *point, const BIGNUM *d, BN_CTX *ctx)
{
	EC_POINT *derived = EC_POINT_new(group);
	enum err e = ERR_CRYPTO;

	if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
		e = ERR_KEY_INVALID;
	else if (derived != NULL && EC_POINT_mul(group, derived, d, NULL, NULL, ctx) == 1)
		e = EC_POINT_cmp(group, derived, point, ctx) == 0 ? ERR_OK : ERR_KEY_MISMATCH;
	EC_POINT_clear_free(derived);
	return e;
}

static enum err ecdsa_check(const struct privkey *pk)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(curve_of(pk->type)->nid);
	EC_POINT *point = group != NULL ? EC_POINT_new(group) : NULL;
	struct bytes q = pk->public.ec.point;
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *d = NULL;
	enum err e = ERR_KEY_INVALID;

	/* Before anything is computed with it: it may be a megabyte. */
	if (pk->scalar.len > pk->type->field)
		goto out;
	e = ERR_MEMORY;
	d = key_number(pk->scalar);
	if (point == NULL || ctx == NULL || d == NULL)
		goto out;
	e = ERR_KEY_CURVE;
	/* Refuses points that are not on the curve; the point at infinity has another encoding. */
	if (EC_POINT_oct2point(group, point, q.data, q.len, ctx) != 1)
		goto out;
	e = compare_halves(group, point, d, ctx);
out:
	BN_clear_free(d);
	BN_CTX_free(ctx);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return e;
}

enum err key_open_ecdsa(const struct pubkey *key, EVP_PKEY **out)
{
	struct key_params p = {0};

	put_public(&p, key);
	return key_params_build(&p, "EC", EVP_PKEY_PUBLIC_KEY, out);
}

static enum err ecdsa_check_public(const struct pubkey *key)
{
	EVP_PKEY *pkey = NULL;
	/* It refuses points that are not on the curve. */
	enum err e = key_open_ecdsa(key, &pkey);

	EVP_PKEY_free(pkey);
	return e == ERR_KEY_INVALID ? ERR_KEY_CURVE : e;
}

static enum err ecdsa_sign(
    struct key_context *c, const struct sigalg *alg, struct bytes data, struct builder *out)
{
	uint8_t digest[HASH_MOST];
	uint8_t der[EC_MOST_DER];
	struct bytes r, s;
	size_t n, mark;
	enum err e = crypto_hash(alg->hash, data, digest, &n);

	if (e == ERR_OK)
		e = key_sign_digest(c->pkey, BYTES(digest, n), der, sizeof(der), &n);
	if (e != ERR_OK)
		return e;
	if (key_der_split(BYTES(der, n), &r, &s) != ERR_OK)
		return ERR_CRYPTO;
	builder_cstring(out, alg->name);
	mark = builder_open(out);
	builder_mpint(out, r);
	builder_mpint(out, s);
	builder_close(out, mark);
	return builder_error(out);
}

static enum err split_signature(struct bytes signature, struct bytes *r, struct bytes *s)
{
	struct reader in = reader_of(signature);
	enum err e = reader_mpint(&in, r);

	if (e == ERR_OK)
		e = reader_mpint(&in, s);
	return e == ERR_OK ? reader_end(&in) : e;
}

enum err key_verify_ecdsa(const struct pubkey *key, EVP_PKEY *pkey, enum hash_id hash,
    struct bytes message, struct bytes signature)
{
	struct builder der = {0};
	uint8_t digest[HASH_MOST];
	struct bytes r, s;
	size_t n;
	enum err e = split_signature(signature, &r, &s);

	if (e == ERR_OK && (r.len > key->type->field || s.len > key->type->field))
		e = ERR_KEY_MISMATCH;
	if (e == ERR_OK)
		e = key_der_join(r, s, &der);
	if (e == ERR_OK)
		e = crypto_hash(hash, message, digest, &n);
	if (e == ERR_OK)
		e = key_verify_digest(pkey, BYTES(digest, n), builder_view(&der));
	builder_clear(&der);
	return e;
}

static enum err ecdsa_open_public(const struct pubkey *key, struct key_parts *out)
{
	return key_open_ecdsa(key, &out->main);
}

static enum err ecdsa_verify(const struct pubkey *key, const struct key_parts *parts,
    const struct sigalg *alg, struct bytes data, struct reader *signature)
{
	struct bytes s;
	enum err e = key_read_last_string(signature, &s);

	return e == ERR_OK ? key_verify_ecdsa(key, parts->main, alg->hash, data, s) : e;
}

const struct key_ops key_ops_ecdsa = {
    .algorithms = {"EC", NULL},
    .slow = false, /* but for the larger curves: key_is_slow */
    .weight = ecdsa_weight,
    .check = ecdsa_check,
    .check_public = ecdsa_check_public,
    .build = ecdsa_build,
    .prepare = key_prepare_digest,
    .sign = ecdsa_sign,
    .open_public = ecdsa_open_public,
    .verify = ecdsa_verify,
};
