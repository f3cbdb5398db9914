#include "tests/virtual/token/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tests/virtual/token/tlv.h"

enum { YEARS = 20, POINT_MAX = 256 };

static const struct {
	const char *name;
	const char *type;
	const char *curve;
	size_t bits;
} algorithms[] = {
#define KEY_ROW(id, text, type, curve, bits) {text, type, curve, bits},
    KEY_LIST(KEY_ROW)
#undef KEY_ROW
};

bool key_parse(struct bytes text, enum key_algorithm *out)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
		if (!bytes_is(text, algorithms[i].name))
			continue;
		*out = (enum key_algorithm)i;
		return true;
	}
	return false;
}

bool key_is_rsa(enum key_algorithm algorithm)
{
	return algorithm <= KEY_RSA4096;
}

size_t key_size(enum key_algorithm algorithm)
{
	return (algorithms[algorithm].bits + 7) / 8;
}

static bool is_rsa(const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
}

static bool is_ec(const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
}

enum err key_make(enum key_algorithm algorithm, EVP_PKEY **out)
{
	const char *type = algorithms[algorithm].type;

	if (key_is_rsa(algorithm))
		*out = EVP_PKEY_Q_keygen(NULL, NULL, type, algorithms[algorithm].bits);
	else if (algorithms[algorithm].curve != NULL)
		*out = EVP_PKEY_Q_keygen(NULL, NULL, type, algorithms[algorithm].curve);
	else
		*out = EVP_PKEY_Q_keygen(NULL, NULL, type);
	return *out != NULL ? ERR_OK : ERR_CRYPTO;
}

/* What libcrypto encoded, appended and freed; n < 0: it could not. */
static enum err put_encoded(unsigned char *der, int n, struct builder *out)
{
	if (n <= 0)
		return ERR_CRYPTO;
	builder_put(out, BYTES(der, (size_t)n));
	OPENSSL_clear_free(der, (size_t)n);
	return builder_error(out);
}

enum err key_save(EVP_PKEY *key, struct builder *out)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	const int n = info == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);

	PKCS8_PRIV_KEY_INFO_free(info);
	return put_encoded(der, n, out);
}

enum err key_load(struct bytes der, EVP_PKEY **out)
{
	const unsigned char *p = der.data;

	*out = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
	return *out != NULL ? ERR_OK : ERR_CRYPTO;
}

/* --- public keys ---------------------------------------------------------- */

static enum err put_number(EVP_PKEY *key, const char *name, struct builder *out)
{
	BIGNUM *n = NULL;
	uint8_t *at;

	if (EVP_PKEY_get_bn_param(key, name, &n) != 1)
		return ERR_CRYPTO;
	at = builder_reserve(out, (size_t)BN_num_bytes(n));
	if (at != NULL)
		BN_bn2bin(n, at);
	BN_free(n);
	return builder_error(out);
}

enum err key_modulus(EVP_PKEY *key, struct builder *n, struct builder *e)
{
	const enum err error = put_number(key, OSSL_PKEY_PARAM_RSA_N, n);

	return error != ERR_OK ? error : put_number(key, OSSL_PKEY_PARAM_RSA_E, e);
}

enum err key_point(EVP_PKEY *key, struct builder *out)
{
	uint8_t point[POINT_MAX];
	size_t n = sizeof point;

	if (is_ec(key) ? EVP_PKEY_get_octet_string_param(
			     key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n) != 1
		       : EVP_PKEY_get_raw_public_key(key, point, &n) != 1)
		return ERR_CRYPTO;
	builder_put(out, BYTES(point, n));
	return builder_error(out);
}

enum err key_template(EVP_PKEY *key, struct builder *out)
{
	struct builder first = {0};
	struct builder second = {0};
	enum err e;

	e = is_rsa(key) ? key_modulus(key, &first, &second) : key_point(key, &first);
	tlv_put(out, is_rsa(key) ? 0x81 : 0x86, builder_view(&first));
	if (is_rsa(key))
		tlv_put(out, 0x82, builder_view(&second));
	builder_clear(&first);
	builder_clear(&second);
	return e;
}

/* --- certificates --------------------------------------------------------- */

static bool fill(X509 *x, EVP_PKEY *key, const char *name, const char *usage)
{
	X509_NAME *subject = X509_get_subject_name(x);
	BIGNUM *serial = BN_new();
	X509_EXTENSION *extension = NULL;
	bool ok = serial != NULL && BN_rand(serial, 64, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) != NULL &&
		  X509_set_version(x, X509_VERSION_3) == 1 &&
		  X509_gmtime_adj(X509_getm_notBefore(x), -86400) != NULL &&
		  X509_time_adj_ex(X509_getm_notAfter(x), YEARS * 365, 0, NULL) != NULL &&
		  X509_set_pubkey(x, key) == 1 &&
		  X509_NAME_add_entry_by_txt(
		      subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1 &&
		  X509_set_issuer_name(x, subject) == 1;

	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage);
	ok = ok && extension != NULL && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	BN_free(serial);
	return ok;
}

enum err key_certify(EVP_PKEY *key, const char *name, bool decrypts, struct builder *out)
{
	const bool own_digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
	const char *usage = !decrypts     ? "critical,digitalSignature"
			    : is_rsa(key) ? "critical,keyEncipherment"
					  : "critical,keyAgreement";
	X509 *x = X509_new();
	unsigned char *der = NULL;
	int n = -1;

	if (x != NULL && fill(x, key, name, usage) &&
	    X509_sign(x, key, own_digest ? NULL : EVP_sha256()) > 0)
		n = i2d_X509(x, &der);
	X509_free(x);
	return put_encoded(der, n, out);
}

/* --- private operations --------------------------------------------------- */

static enum err sign_message(EVP_PKEY *key, struct bytes data, struct builder *out)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n = 64;
	uint8_t *at = builder_reserve(out, n);
	const bool ok = md != NULL && at != NULL &&
			EVP_DigestSignInit(md, NULL, NULL, NULL, key) == 1 &&
			EVP_DigestSign(md, at, &n, data.data, data.len) == 1 && n == 64;

	EVP_MD_CTX_free(md);
	return ok ? ERR_OK : ERR_CRYPTO;
}

static enum err sign_digest(EVP_PKEY *key, struct bytes data, int padding, struct builder *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t signature[512];
	size_t n = sizeof signature;
	bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1;

	if (ok && is_rsa(key))
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1;
	ok = ok && EVP_PKEY_sign(ctx, signature, &n, data.data, data.len) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (!ok)
		return ERR_CRYPTO;
	builder_put(out, BYTES(signature, n));
	return builder_error(out);
}

enum err key_sign(EVP_PKEY *key, struct bytes data, struct builder *out)
{
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
		return sign_message(key, data, out);
	if (is_rsa(key) && data.len != (size_t)EVP_PKEY_get_size(key))
		return ERR_FORMAT;
	return sign_digest(key, data, RSA_NO_PADDING, out);
}

static enum err put_plain(EVP_PKEY *key, struct bytes der, struct builder *out)
{
	const size_t width = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
	const unsigned char *p = der.data;
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &p, (long)der.len);
	uint8_t *at = builder_reserve(out, 2 * width);
	bool ok = signature != NULL && at != NULL;

	ok = ok && BN_bn2binpad(ECDSA_SIG_get0_r(signature), at, (int)width) > 0;
	ok = ok && BN_bn2binpad(ECDSA_SIG_get0_s(signature), at + width, (int)width) > 0;
	ECDSA_SIG_free(signature);
	return ok ? ERR_OK : ERR_CRYPTO;
}

enum err key_sign_padded(EVP_PKEY *key, struct bytes data, struct builder *out)
{
	struct builder der = {0};
	enum err e;

	if (is_rsa(key))
		return sign_digest(key, data, RSA_PKCS1_PADDING, out);
	if (!is_ec(key))
		return key_sign(key, data, out);
	e = sign_digest(key, data, 0, &der);
	if (e == ERR_OK)
		e = put_plain(key, builder_view(&der), out);
	builder_clear(&der);
	return e;
}

/* Somebody else's public key, of the kind that ours is. */
static EVP_PKEY *peer_of(EVP_PKEY *key, struct bytes point)
{
	EVP_PKEY *peer;

	if (!is_ec(key))
		return EVP_PKEY_new_raw_public_key(
		    EVP_PKEY_get_base_id(key), NULL, point.data, point.len);
	peer = EVP_PKEY_new();
	if (peer == NULL || EVP_PKEY_copy_parameters(peer, key) != 1 ||
	    EVP_PKEY_set1_encoded_public_key(peer, point.data, point.len) != 1) {
		EVP_PKEY_free(peer);
		return NULL;
	}
	return peer;
}

enum err key_decipher(EVP_PKEY *key, struct bytes data, struct builder *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	EVP_PKEY *peer = is_rsa(key) ? NULL : peer_of(key, data);
	uint8_t plain[512];
	size_t n = sizeof plain;
	bool ok;

	if (is_rsa(key))
		ok = EVP_PKEY_decrypt_init(ctx) == 1 &&
		     EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		     EVP_PKEY_decrypt(ctx, plain, &n, data.data, data.len) == 1;
	else
		ok = peer != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
		     EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
		     EVP_PKEY_derive(ctx, plain, &n) == 1;
	EVP_PKEY_free(peer);
	EVP_PKEY_CTX_free(ctx);
	if (!ok)
		return ERR_CRYPTO;
	builder_put(out, BYTES(plain, n));
	return builder_error(out);
}
