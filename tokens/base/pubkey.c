#include "tokens/base/pubkey.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <limits.h>
#include <string.h>

#include "proto/keyblob.h"
#include "proto/limits.h"
#include "tokens/base/asn1.h"

/* RFC 3279, section 2.3; RFC 8410, section 3. */
#define OID_RSA     BYTES("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9)
#define OID_EC      BYTES("\x2a\x86\x48\xce\x3d\x02\x01", 7)
#define OID_ED25519 BYTES("\x2b\x65\x70", 3)

/* --- RSA ------------------------------------------------------------------------ */

enum { EXPONENT_MOST = 32 }; /* bytes: below 2^256 (FIPS 186-5, section A.1.1) */

static struct bytes without_zeros(struct bytes b)
{
	while (b.len != 0 && b.data[0] == 0)
		b = BYTES(b.data + 1, b.len - 1);
	return b;
}

static bool is_odd(struct bytes b)
{
	return b.len != 0 && (b.data[b.len - 1] & 1) != 0;
}

enum err pubkey_from_rsa(struct bytes n, struct bytes e, struct builder *out)
{
	bool is_cert;
	struct pubkey key = {.type = keytype_find(bytes_str("ssh-rsa"), &is_cert)};

	key.rsa.n = without_zeros(n);
	key.rsa.e = without_zeros(e);
	/* The length first: the bits of a hostile number may not fit an unsigned. */
	if (key.rsa.n.len > LIMIT_RSA_MAX_BITS / 8)
		return ERR_KEY_LONG;
	if (pubkey_bits(&key) < LIMIT_RSA_MIN_BITS)
		return ERR_KEY_SHORT;
	if (!is_odd(key.rsa.n) || !is_odd(key.rsa.e) || bytes_is(key.rsa.e, "\1") ||
	    key.rsa.e.len > EXPONENT_MOST)
		return ERR_FORMAT;
	pubkey_build(out, &key);
	return builder_error(out);
}

/* RSAPublicKey (RFC 8017, section A.1.1). */
static enum err from_rsa_der(struct bytes der, struct builder *out)
{
	struct bytes content, n, e;
	struct reader r;

	if (asn1_whole(der, ASN1_SEQUENCE_TAG, &content) != ERR_OK)
		return ERR_FORMAT;
	r = reader_of(content);
	if (asn1_uint(&r, &n) != ERR_OK || asn1_uint(&r, &e) != ERR_OK || reader_end(&r) != ERR_OK)
		return ERR_FORMAT;
	return pubkey_from_rsa(n, e, out);
}

/* --- X.509 ---------------------------------------------------------------------- */

/* AlgorithmIdentifier; params is all that follows the OID. */
static enum err read_algorithm(struct reader *r, struct bytes *oid, struct bytes *params)
{
	struct bytes content;
	struct reader inside;

	if (asn1_take(r, ASN1_SEQUENCE_TAG, &content) != ERR_OK)
		return ERR_FORMAT;
	inside = reader_of(content);
	if (asn1_take(&inside, ASN1_OID_TAG, oid) != ERR_OK)
		return ERR_FORMAT;
	*params = reader_rest(&inside);
	return ERR_OK;
}

static enum err from_parts(
    struct bytes oid, struct bytes params, struct bytes key, struct builder *out)
{
	const char *curve;
	struct bytes null;
	enum err e;

	if (bytes_equal(oid, OID_RSA)) {
		/* NULL, which some leave out. */
		if (params.len != 0 &&
		    (asn1_whole(params, ASN1_NULL_TAG, &null) != ERR_OK || null.len != 0))
			return ERR_FORMAT;
		return from_rsa_der(key, out);
	}
	if (bytes_equal(oid, OID_ED25519))
		return params.len == 0 ? pubkey_from_point("ed25519", key, out) : ERR_FORMAT;
	if (!bytes_equal(oid, OID_EC))
		return ERR_KEY_TYPE;
	e = pubkey_curve(params, &curve);
	if (e != ERR_OK)
		return e;
	/* An Edwards curve has an OID of its own as algorithm. */
	if (strcmp(curve, "ed25519") == 0)
		return ERR_KEY_TYPE;
	return pubkey_from_point(curve, key, out);
}

enum err pubkey_from_spki(struct bytes der, struct builder *out)
{
	struct bytes content, oid, params, bits, key;
	struct reader r;

	if (asn1_whole(der, ASN1_SEQUENCE_TAG, &content) != ERR_OK)
		return ERR_FORMAT;
	r = reader_of(content);
	if (read_algorithm(&r, &oid, &params) != ERR_OK ||
	    asn1_take(&r, ASN1_BITS_TAG, &bits) != ERR_OK || reader_end(&r) != ERR_OK ||
	    asn1_bits(bits, &key) != ERR_OK)
		return ERR_FORMAT;
	return from_parts(oid, params, key, out);
}

/* RFC 5280, section 4.2.1.3: no extension, no restriction.  One that cannot be read allows
 * nothing. */
static bool may_sign(X509 *x)
{
	int found;
	ASN1_BIT_STRING *usage = X509_get_ext_d2i(x, NID_key_usage, &found, NULL);
	bool yes = usage != NULL ? ASN1_BIT_STRING_get_bit(usage, 0) == 1 : found == -1;

	ASN1_BIT_STRING_free(usage);
	return yes;
}

enum err pubkey_from_x509(struct bytes der, struct builder *out, bool *usable)
{
	const unsigned char *p = der.data;
	unsigned char *spki = NULL;
	X509 *x = NULL;
	enum err e = ERR_FORMAT;
	int n;

	if (der.len == 0 || der.len > LIMIT_TOKEN_MESSAGE)
		return ERR_FORMAT;
	x = d2i_X509(NULL, &p, (long)der.len);
	if (x == NULL || p != der.data + der.len)
		goto out;
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
	if (n <= 0)
		goto out;
	e = pubkey_from_spki(BYTES(spki, (size_t)n), out);
	if (e == ERR_OK && usable != NULL)
		*usable = may_sign(x);
out:
	ERR_clear_error();
	OPENSSL_free(spki);
	X509_free(x);
	return e;
}
