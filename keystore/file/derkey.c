#include "keystore/file/derkey.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

enum {
	POINT_ROOM = 133,      /* uncompressed, P-521 */
	EDDSA_ROOM = 57,       /* Ed448 */
	DSA_MOST_BYTES = 1250, /* libcrypto's own bound on p, 10,000 bits */
	DSA_X_MOST_BYTES = 64,
};

static const struct keytype *type_named(const char *name)
{
	bool is_cert;

	return keytype_find(bytes_str(name), &is_cert);
}

bool derkey_plausible(struct bytes der)
{
	struct reader outer = reader_of(der), inner;
	uint32_t version;

	return der_enter(&outer, DER_SEQUENCE, &inner) == ERR_OK && reader_end(&outer) == ERR_OK &&
	       der_u32(&inner, &version) == ERR_OK;
}

/* Enter the one SEQUENCE that der is, and read its version. */
static enum err open_key(struct bytes der, struct reader *inner, uint32_t *version)
{
	struct reader outer = reader_of(der);
	enum err e = der_enter(&outer, DER_SEQUENCE, inner);

	if (e == ERR_OK)
		e = reader_end(&outer);
	if (e == ERR_OK)
		e = der_u32(inner, version);
	return e;
}

/* n INTEGERs in a row; those nobody wants have a NULL place. */
static enum err read_uints(struct reader *r, struct bytes *const places[], size_t n)
{
	struct bytes skipped;
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && e == ERR_OK; i++)
		e = der_uint(r, places[i] != NULL ? places[i] : &skipped);
	return e;
}

enum err derkey_rsa(struct bytes der, struct keyfile_key *out)
{
	struct privkey pk = {.type = type_named("ssh-rsa")};
	/* n e d p q, d mod p-1, d mod q-1, q^-1 mod p */
	struct bytes *const places[] = {&pk.public.rsa.n, &pk.public.rsa.e, &pk.rsa.d, &pk.rsa.p,
	    &pk.rsa.q, NULL, NULL, &pk.rsa.iqmp};
	struct reader r;
	uint32_t version;
	enum err e = open_key(der, &r, &version);

	if (e == ERR_OK && version != 0)
		e = ERR_KEY_TYPE; /* more than two primes: SSH cannot carry it */
	if (e == ERR_OK)
		e = read_uints(&r, places, sizeof(places) / sizeof(places[0]));
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	pk.public.type = pk.type;
	return keyfile_key_fill(&pk, BYTES_NONE, out);
}

/* g^x mod p as a magnitude into y (room for p). */
static enum err dsa_public(const struct privkey *pk, uint8_t *y, struct bytes *out)
{
	BIGNUM *p = BN_bin2bn(pk->public.dsa.p.data, (int)pk->public.dsa.p.len, NULL);
	BIGNUM *g = BN_bin2bn(pk->public.dsa.g.data, (int)pk->public.dsa.g.len, NULL);
	BIGNUM *x = BN_secure_new();
	BIGNUM *r = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	enum err e = ERR_CRYPTO;

	if (p == NULL || g == NULL || x == NULL || r == NULL || ctx == NULL ||
	    BN_bin2bn(pk->scalar.data, (int)pk->scalar.len, x) == NULL)
		goto out;
	BN_set_flags(x, BN_FLG_CONSTTIME);
	if (!BN_is_odd(p) || !BN_mod_exp_mont_consttime(r, g, x, p, ctx, NULL)) {
		e = ERR_KEY_INVALID;
		goto out;
	}
	*out = BYTES(y, (size_t)BN_bn2bin(r, y));
	e = ERR_OK;
out:
	BN_CTX_free(ctx);
	BN_free(r);
	BN_clear_free(x);
	BN_free(g);
	BN_free(p);
	return e;
}

/* Compute y, compare it with what the file gave (if it gave one), and fill. */
static enum err finish_dsa(struct privkey *pk, struct bytes given, struct keyfile_key *out)
{
	uint8_t y[DSA_MOST_BYTES];
	enum err e;

	pk->type = pk->public.type = type_named("ssh-dss");
	if (pk->public.dsa.p.len > DSA_MOST_BYTES || pk->public.dsa.g.len > DSA_MOST_BYTES ||
	    pk->scalar.len > DSA_X_MOST_BYTES)
		return ERR_KEY_INVALID;
	e = dsa_public(pk, y, &pk->public.dsa.y);
	if (e == ERR_OK && given.len != 0 && !bytes_equal(given, pk->public.dsa.y))
		e = ERR_KEY_MISMATCH;
	if (e == ERR_OK)
		e = keyfile_key_fill(pk, BYTES_NONE, out);
	return e;
}

enum err derkey_dsa(struct bytes der, struct keyfile_key *out)
{
	struct privkey pk = {0};
	struct bytes y;
	struct bytes *const places[] = {
	    &pk.public.dsa.p, &pk.public.dsa.q, &pk.public.dsa.g, &y, &pk.scalar};
	struct reader r;
	uint32_t version;
	enum err e = open_key(der, &r, &version);

	if (e == ERR_OK && version != 0)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = read_uints(&r, places, sizeof(places) / sizeof(places[0]));
	if (e == ERR_OK)
		e = reader_end(&r);
	return e == ERR_OK ? finish_dsa(&pk, y, out) : e;
}

enum err derkey_dsa_parts(struct reader params, struct bytes x_der, struct keyfile_key *out)
{
	struct privkey pk = {0};
	struct bytes *const places[] = {&pk.public.dsa.p, &pk.public.dsa.q, &pk.public.dsa.g};
	struct reader r = reader_of(x_der);
	enum err e = read_uints(&params, places, sizeof(places) / sizeof(places[0]));

	if (e == ERR_OK)
		e = reader_end(&params);
	if (e == ERR_OK)
		e = der_uint(&r, &pk.scalar);
	if (e == ERR_OK)
		e = reader_end(&r);
	return e == ERR_OK ? finish_dsa(&pk, BYTES_NONE, out) : e;
}

/* The curves that SSH has key types for, by OID content (RFC 5480, section 2.1.1.1). */
static const struct curve {
	struct bytes oid;
	const char *type;
	int nid;
} curves[] = {
    {OID("\x2a\x86\x48\xce\x3d\x03\x01\x07"), "ecdsa-sha2-nistp256", NID_X9_62_prime256v1},
    {OID("\x2b\x81\x04\x00\x22"), "ecdsa-sha2-nistp384", NID_secp384r1},
    {OID("\x2b\x81\x04\x00\x23"), "ecdsa-sha2-nistp521", NID_secp521r1},
};

static const struct curve *curve_find(struct bytes oid)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (bytes_equal(curves[i].oid, oid))
			return &curves[i];
	}
	return NULL;
}

/* point = scalar times the base point; ERR_KEY_INVALID for a scalar out of range. */
static enum err multiply(const EC_GROUP *group, struct bytes scalar, EC_POINT *point)
{
	BIGNUM *d = BN_secure_new();
	enum err e = ERR_CRYPTO;

	if (d == NULL || scalar.len > POINT_ROOM ||
	    BN_bin2bn(scalar.data, (int)scalar.len, d) == NULL)
		goto out;
	BN_set_flags(d, BN_FLG_CONSTTIME);
	if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
		e = ERR_KEY_INVALID;
	else if (EC_POINT_mul(group, point, d, NULL, NULL, NULL))
		e = ERR_OK;
out:
	BN_clear_free(d);
	return e;
}

/* The uncompressed public point of pk->scalar into point; given (any form) must be equal to it. */
static enum err ec_public(
    int nid, struct bytes scalar, struct bytes given, uint8_t *point, size_t *n)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
	EC_POINT *own = group != NULL ? EC_POINT_new(group) : NULL;
	EC_POINT *said = group != NULL ? EC_POINT_new(group) : NULL;
	enum err e = ERR_CRYPTO;

	if (own == NULL || said == NULL)
		goto out;
	e = multiply(group, scalar, own);
	if (e == ERR_OK && given.len != 0 &&
	    !EC_POINT_oct2point(group, said, given.data, given.len, NULL))
		e = ERR_KEY_CURVE;
	if (e == ERR_OK && given.len != 0 && EC_POINT_cmp(group, own, said, NULL) != 0)
		e = ERR_KEY_MISMATCH;
	if (e != ERR_OK)
		goto out;
	*n = EC_POINT_point2oct(group, own, POINT_CONVERSION_UNCOMPRESSED, point, POINT_ROOM, NULL);
	e = *n != 0 ? ERR_OK : ERR_CRYPTO;
out:
	EC_POINT_free(said);
	EC_POINT_free(own);
	EC_GROUP_free(group);
	return e;
}

struct ec_parts {
	struct bytes scalar, curve, public;
};

/* ECParameters: only namedCurve, as RFC 5915 has it. */
static enum err read_named_curve(struct reader *r, struct ec_parts *out)
{
	struct reader params;
	enum err e = der_enter(r, DER_CONTEXT0, &params);

	if (e != ERR_OK)
		return e;
	if (der_take(&params, DER_OID, &out->curve) != ERR_OK || reader_end(&params) != ERR_OK)
		return ERR_KEY_CURVE;
	return ERR_OK;
}

static enum err read_ec_public(struct reader *r, struct ec_parts *out)
{
	struct reader outer;
	struct bytes bits;
	enum err e = der_enter(r, DER_CONTEXT1, &outer);

	if (e == ERR_OK)
		e = der_take(&outer, DER_BITS, &bits);
	if (e == ERR_OK)
		e = reader_end(&outer);
	return e == ERR_OK ? der_bits(bits, &out->public) : e;
}

static enum err read_ec(struct bytes der, struct ec_parts *out)
{
	struct reader r;
	uint32_t version;
	enum err e = open_key(der, &r, &version);

	if (e == ERR_OK && version != 1)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = der_take(&r, DER_OCTETS, &out->scalar);
	if (e == ERR_OK && der_next_is(&r, DER_CONTEXT0))
		e = read_named_curve(&r, out);
	if (e == ERR_OK && der_next_is(&r, DER_CONTEXT1))
		e = read_ec_public(&r, out);
	return e == ERR_OK ? reader_end(&r) : e;
}

static struct bytes magnitude(struct bytes n)
{
	while (n.len != 0 && n.data[0] == 0)
		n = BYTES(n.data + 1, n.len - 1);
	return n;
}

enum err derkey_ec(struct bytes der, struct bytes curve_oid, struct keyfile_key *out)
{
	struct ec_parts parts = {.curve = curve_oid};
	const struct curve *curve;
	struct privkey pk = {0};
	uint8_t point[POINT_ROOM];
	size_t n;
	enum err e = read_ec(der, &parts);

	if (e != ERR_OK)
		return e;
	curve = curve_find(parts.curve);
	if (curve == NULL || (curve_oid.len != 0 && !bytes_equal(curve_oid, parts.curve)))
		return ERR_KEY_CURVE;
	pk.type = pk.public.type = type_named(curve->type);
	pk.scalar = magnitude(parts.scalar);
	e = ec_public(curve->nid, pk.scalar, parts.public, point, &n);
	if (e != ERR_OK)
		return e;
	pk.public.ec.point = BYTES(point, n);
	return keyfile_key_fill(&pk, BYTES_NONE, out);
}

static enum err eddsa_public(
    const struct keytype *type, struct bytes seed, uint8_t *public, size_t *n)
{
	const char *name = type->family == FAMILY_ED448 ? "ED448" : "ED25519";
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, name, NULL, seed.data, seed.len);
	enum err e = ERR_CRYPTO;

	*n = EDDSA_ROOM;
	if (key != NULL && EVP_PKEY_get_raw_public_key(key, public, n) == 1)
		e = ERR_OK;
	EVP_PKEY_free(key);
	return e;
}

enum err derkey_eddsa(
    const char *type_name, struct bytes der, struct bytes given, struct keyfile_key *out)
{
	struct privkey pk = {.type = type_named(type_name)};
	struct reader r = reader_of(der);
	uint8_t public[EDDSA_ROOM];
	size_t n;
	enum err e = der_take(&r, DER_OCTETS, &pk.seed);

	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK && pk.seed.len != pk.type->field)
		e = ERR_KEY_INVALID;
	if (e == ERR_OK)
		e = eddsa_public(pk.type, pk.seed, public, &n);
	if (e != ERR_OK)
		return e;
	pk.public.type = pk.type;
	pk.public.raw = BYTES(public, n);
	if (given.len != 0 && !bytes_equal(given, pk.public.raw))
		return ERR_KEY_MISMATCH;
	return keyfile_key_fill(&pk, BYTES_NONE, out);
}
