/* Keys on elliptic curves: the curve in all the ways of naming it, the point in all of writing it.
 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <string.h>

#include "proto/keyblob.h"
#include "tokens/base/asn1.h"
#include "tokens/base/pubkey.h"

#define OID(literal)                                                                               \
	{                                                                                          \
		(const uint8_t *)(literal), sizeof(literal) - 1                                    \
	}

enum { POINT_MOST = 133 }; /* P-521, uncompressed */

/* SEC 2, RFC 8410; Ed25519 is 1.3.6.1.4.1.11591.15.1, too, on OpenPGP cards. */
static const struct curve {
	const char *name; /* SSH's */
	int nid;          /* NID_undef: an Edwards curve */
	struct bytes oids[2];
	const char *printable[3]; /* as PKCS#11 writes curveName, and libraries do */
} curves[] = {
    {"nistp256", NID_X9_62_prime256v1, {OID("\x2a\x86\x48\xce\x3d\x03\x01\x07")},
	{"secp256r1", "prime256v1", "P-256"}},
    {"nistp384", NID_secp384r1, {OID("\x2b\x81\x04\x00\x22")}, {"secp384r1", "P-384"}},
    {"nistp521", NID_secp521r1, {OID("\x2b\x81\x04\x00\x23")}, {"secp521r1", "P-521"}},
    {"ed25519", NID_undef, {OID("\x2b\x65\x70"), OID("\x2b\x06\x01\x04\x01\xda\x47\x0f\x01")},
	{"edwards25519", "Ed25519"}},
};

enum { CURVES = sizeof(curves) / sizeof(curves[0]) };

/* The key type whose keys are on this curve. */
static const struct keytype *type_of(const struct curve *c)
{
	enum key_family family = c->nid == NID_undef ? FAMILY_ED25519 : FAMILY_ECDSA;
	const struct keytype *t;

	for (size_t i = 0; (t = keytype_at(i)) != NULL; i++) {
		if (t->family == family && (t->curve == NULL || strcmp(t->curve, c->name) == 0))
			return t;
	}
	return NULL;
}

/* --- which curve ---------------------------------------------------------------- */

static const struct curve *curve_by_oid(struct bytes oid)
{
	for (size_t i = 0; i < CURVES; i++) {
		if (bytes_equal(oid, curves[i].oids[0]) ||
		    (curves[i].oids[1].len != 0 && bytes_equal(oid, curves[i].oids[1])))
			return &curves[i];
	}
	return NULL;
}

static const struct curve *curve_by_printable(struct bytes name)
{
	for (size_t i = 0; i < CURVES; i++) {
		for (size_t j = 0; j < sizeof(curves[i].printable) / sizeof(char *); j++) {
			if (curves[i].printable[j] != NULL &&
			    bytes_is(name, curves[i].printable[j]))
				return &curves[i];
		}
	}
	return NULL;
}

/* ECParameters (RFC 3279, section 2.3.5) of a prime field; views. */
struct explicit
{
	struct bytes p, a, b, base, order, cofactor;
};

static enum err read_field(struct reader *r, struct bytes *p)
{
	static const struct bytes prime_field = OID("\x2a\x86\x48\xce\x3d\x01\x01");
	struct bytes content, oid;
	struct reader inside;

	if (asn1_take(r, ASN1_SEQUENCE_TAG, &content) != ERR_OK)
		return ERR_FORMAT;
	inside = reader_of(content);
	if (asn1_take(&inside, ASN1_OID_TAG, &oid) != ERR_OK)
		return ERR_FORMAT;
	if (!bytes_equal(oid, prime_field))
		return ERR_KEY_CURVE;
	if (asn1_uint(&inside, p) != ERR_OK || reader_end(&inside) != ERR_OK)
		return ERR_FORMAT;
	return ERR_OK;
}

static enum err read_equation(struct reader *r, struct bytes *a, struct bytes *b)
{
	struct bytes content, seed;
	struct reader inside;

	if (asn1_take(r, ASN1_SEQUENCE_TAG, &content) != ERR_OK)
		return ERR_FORMAT;
	inside = reader_of(content);
	if (asn1_take(&inside, ASN1_OCTETS_TAG, a) != ERR_OK ||
	    asn1_take(&inside, ASN1_OCTETS_TAG, b) != ERR_OK)
		return ERR_FORMAT;
	if (asn1_next_is(&inside, ASN1_BITS_TAG) &&
	    asn1_take(&inside, ASN1_BITS_TAG, &seed) != ERR_OK)
		return ERR_FORMAT;
	return reader_end(&inside) == ERR_OK ? ERR_OK : ERR_FORMAT;
}

static enum err read_explicit(struct bytes content, struct explicit *x)
{
	static const uint8_t one = 1;
	struct reader r = reader_of(content);
	struct bytes version;
	enum err e;

	if (asn1_uint(&r, &version) != ERR_OK)
		return ERR_FORMAT;
	e = read_field(&r, &x->p);
	if (e != ERR_OK)
		return e;
	x->cofactor = BYTES(&one, 1);
	if (read_equation(&r, &x->a, &x->b) != ERR_OK ||
	    asn1_take(&r, ASN1_OCTETS_TAG, &x->base) != ERR_OK ||
	    asn1_uint(&r, &x->order) != ERR_OK)
		return ERR_FORMAT;
	if (r.left != 0 && asn1_uint(&r, &x->cofactor) != ERR_OK)
		return ERR_FORMAT;
	return reader_end(&r) == ERR_OK ? ERR_OK : ERR_FORMAT;
}

static bool same_number(struct bytes magnitude, const BIGNUM *n)
{
	uint8_t want[POINT_MOST];

	return magnitude.len <= sizeof(want) &&
	       BN_bn2binpad(n, want, (int)magnitude.len) == (int)magnitude.len &&
	       bytes_equal(magnitude, BYTES(want, magnitude.len));
}

static bool same_generator(struct bytes base, const EC_GROUP *group)
{
	static const point_conversion_form_t forms[] = {
	    POINT_CONVERSION_UNCOMPRESSED, POINT_CONVERSION_COMPRESSED};
	const EC_POINT *generator = EC_GROUP_get0_generator(group);
	uint8_t want[POINT_MOST];

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = EC_POINT_point2oct(group, generator, forms[i], want, sizeof(want), NULL);

		if (n != 0 && bytes_equal(base, BYTES(want, n)))
			return true;
	}
	return false;
}

/*
 * Every parameter is compared: with another generator, say, a key would be one of a different curve
 * under this one's name.  Nothing is computed with what the token says.
 */
static enum err same_curve(const struct explicit *x, int nid, bool *same)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
	BIGNUM *p = BN_new(), *a = BN_new(), *b = BN_new();
	enum err e = ERR_MEMORY;

	if (group == NULL || p == NULL || a == NULL || b == NULL ||
	    EC_GROUP_get_curve(group, p, a, b, NULL) != 1)
		goto out;
	*same = same_number(x->p, p) && same_number(x->a, a) && same_number(x->b, b) &&
		same_number(x->order, EC_GROUP_get0_order(group)) &&
		same_number(x->cofactor, EC_GROUP_get0_cofactor(group)) &&
		same_generator(x->base, group);
	e = ERR_OK;
out:
	BN_free(b);
	BN_free(a);
	BN_free(p);
	EC_GROUP_free(group);
	return e;
}

static enum err curve_by_parameters(struct bytes content, const struct curve **out)
{
	struct explicit x;
	bool same = false;
	enum err e = read_explicit(content, &x);

	*out = NULL;
	for (size_t i = 0; i < CURVES && e == ERR_OK && !same; i++) {
		if (curves[i].nid == NID_undef)
			continue;
		e = same_curve(&x, curves[i].nid, &same);
		if (same)
			*out = &curves[i];
	}
	return e;
}

static enum err curve_of(struct bytes params, const struct curve **out)
{
	const struct curve *c = NULL;
	struct bytes content;
	enum err e = ERR_OK;

	if (asn1_whole(params, ASN1_OID_TAG, &content) == ERR_OK)
		c = curve_by_oid(content);
	else if (asn1_whole(params, ASN1_PRINTABLE_TAG, &content) == ERR_OK)
		c = curve_by_printable(content);
	else if (asn1_whole(params, ASN1_SEQUENCE_TAG, &content) == ERR_OK)
		e = curve_by_parameters(content, &c);
	else
		e = ERR_FORMAT;
	if (e != ERR_OK)
		return e;
	if (c == NULL)
		return ERR_KEY_CURVE;
	*out = c;
	return ERR_OK;
}

enum err pubkey_curve(struct bytes params, const char **out)
{
	const struct curve *c;
	enum err e = curve_of(params, &c);

	if (e == ERR_OK)
		*out = c->name;
	return e;
}

/* --- the point ------------------------------------------------------------------ */

/* Is the bare point as long as one of this type has to be? */
static bool length_fits(const struct keytype *type, size_t n)
{
	if (type->family == FAMILY_ED25519)
		return n == type->field;
	return n == 1 + type->field || n == 1 + 2 * type->field;
}

/* On the curve, and written uncompressed to out (*n: room, then length). */
static enum err expand(int nid, struct bytes point, uint8_t *out, size_t *n)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
	EC_POINT *q = group != NULL ? EC_POINT_new(group) : NULL;
	enum err e = ERR_KEY_CURVE;
	size_t len = 0;

	if (q == NULL) {
		e = ERR_MEMORY;
		goto out;
	}
	if (EC_POINT_oct2point(group, q, point.data, point.len, NULL) != 1 ||
	    EC_POINT_is_at_infinity(group, q) == 1)
		goto out;
	len = EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, out, *n, NULL);
	if (len != 0)
		e = ERR_OK;
out:
	ERR_clear_error();
	EC_POINT_free(q);
	EC_GROUP_free(group);
	if (e == ERR_OK)
		*n = len;
	return e;
}

static enum err put_point(const struct curve *c, struct bytes point, struct builder *out)
{
	struct pubkey key = {.type = type_of(c)};
	uint8_t room[POINT_MOST];
	size_t n = sizeof(room);
	enum err e;

	if (!length_fits(key.type, point.len))
		return ERR_FORMAT;
	if (key.type->family == FAMILY_ED25519) {
		key.raw = point;
	} else {
		/* The hybrid form, which SSH does not know (RFC 5656, section 3.1). */
		if (point.len == 1 + 2 * key.type->field && point.data[0] != 4)
			return ERR_FORMAT;
		e = expand(c->nid, point, room, &n);
		if (e != ERR_OK)
			return e;
		key.ec.point = BYTES(room, n);
	}
	pubkey_build(out, &key);
	return builder_error(out);
}

enum err pubkey_from_point(const char *curve, struct bytes point, struct builder *out)
{
	for (size_t i = 0; i < CURVES; i++) {
		if (strcmp(curves[i].name, curve) == 0)
			return put_point(&curves[i], point, out);
	}
	return ERR_KEY_CURVE;
}

/* No point with its wrapping is as long as a bare one of the same curve, so the length decides. */
static enum err unwrap(const struct keytype *type, struct bytes point, struct bytes *out)
{
	struct bytes content;

	if (length_fits(type, point.len)) {
		*out = point;
		return ERR_OK;
	}
	if (asn1_whole(point, ASN1_OCTETS_TAG, out) == ERR_OK)
		return ERR_OK;
	if (asn1_whole(point, ASN1_BITS_TAG, &content) == ERR_OK)
		return asn1_bits(content, out);
	return ERR_FORMAT;
}

enum err pubkey_from_ec(struct bytes params, struct bytes point, struct builder *out)
{
	const struct curve *c;
	struct bytes bare;
	enum err e = curve_of(params, &c);

	if (e == ERR_OK)
		e = unwrap(type_of(c), point, &bare);
	return e == ERR_OK ? put_point(c, bare, out) : e;
}
