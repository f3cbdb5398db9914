#include "tests/virtual/crypto.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { GCM_NONCE = 12, GCM_TAG = 16 };

static enum err checked(bool ok)
{
	return ok ? ERR_OK : ERR_CRYPTO;
}

enum err vcrypto_random(void *out, size_t n)
{
	return checked(RAND_bytes(out, (int)n) == 1);
}

enum err vcrypto_sha256(struct bytes data, uint8_t out[HASH_LEN])
{
	return checked(EVP_Digest(data.data, data.len, out, NULL, EVP_sha256(), NULL) == 1);
}

enum err vcrypto_hmac(struct bytes key, struct bytes a, struct bytes b, uint8_t out[HASH_LEN])
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
	    OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	bool ok;

	ok = ctx != NULL && EVP_MAC_init(ctx, key.data, key.len, params) == 1 &&
	     (a.len == 0 || EVP_MAC_update(ctx, a.data, a.len) == 1) &&
	     (b.len == 0 || EVP_MAC_update(ctx, b.data, b.len) == 1) &&
	     EVP_MAC_final(ctx, out, NULL, HASH_LEN) == 1;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return checked(ok);
}

static enum err cbc(
    int encrypt, const uint8_t key[32], const uint8_t *iv, struct bytes in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;
	bool ok;

	ok = ctx != NULL && in.len % AES_BLOCK == 0 &&
	     EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, iv, encrypt) == 1 &&
	     EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	     EVP_CipherUpdate(ctx, out, &n, in.data, (int)in.len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return checked(ok);
}

enum err vcrypto_encrypt(
    const uint8_t key[32], const uint8_t iv[AES_BLOCK], struct bytes in, uint8_t *out)
{
	return cbc(1, key, iv, in, out);
}

enum err vcrypto_decrypt(
    const uint8_t key[32], const uint8_t iv[AES_BLOCK], struct bytes in, uint8_t *out)
{
	return cbc(0, key, iv, in, out);
}

enum err vcrypto_seal(const uint8_t key[32], struct bytes bound, struct bytes in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;
	bool ok;

	ok =
	    ctx != NULL && RAND_bytes(out, GCM_NONCE) == 1 &&
	    EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
	    EVP_EncryptUpdate(ctx, NULL, &n, bound.data, (int)bound.len) == 1 &&
	    EVP_EncryptUpdate(ctx, out + GCM_NONCE, &n, in.data, (int)in.len) == 1 &&
	    EVP_EncryptFinal_ex(ctx, out + GCM_NONCE + in.len, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, out + GCM_NONCE + in.len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return checked(ok);
}

enum err vcrypto_open(const uint8_t key[32], struct bytes bound, struct bytes in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t tag[GCM_TAG];
	size_t len;
	int n = 0;
	bool ok = false;

	if (ctx != NULL && in.len >= SEAL_OVERHEAD) {
		len = in.len - SEAL_OVERHEAD;
		memcpy(tag, in.data + GCM_NONCE + len, sizeof tag);
		ok = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, in.data) == 1 &&
		     EVP_DecryptUpdate(ctx, NULL, &n, bound.data, (int)bound.len) == 1 &&
		     EVP_DecryptUpdate(ctx, out, &n, in.data + GCM_NONCE, (int)len) == 1 &&
		     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, tag) == 1 &&
		     EVP_DecryptFinal_ex(ctx, out + len, &n) == 1;
	}
	EVP_CIPHER_CTX_free(ctx);
	return checked(ok);
}

/* point = 04 x y, from the scalar; false when the seed is zero or not below the order. */
static bool p256_point(const uint8_t *seed, uint8_t point[65])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *p = group == NULL ? NULL : EC_POINT_new(group);
	BIGNUM *d = BN_bin2bn(seed, SEED_LEN, NULL);
	bool ok;

	ok = p != NULL && d != NULL && !BN_is_zero(d) &&
	     BN_cmp(d, EC_GROUP_get0_order(group)) < 0 &&
	     EC_POINT_mul(group, p, d, NULL, NULL, NULL) == 1 &&
	     EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, point, 65, NULL) == 65;
	BN_clear_free(d);
	EC_POINT_free(p);
	EC_GROUP_free(group);
	return ok;
}

/* A P-256 key of a point and, unless it is NULL, its scalar. */
static EVP_PKEY *p256_key(const uint8_t *seed, const uint8_t point[65])
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *d = seed == NULL ? NULL : BN_bin2bn(seed, SEED_LEN, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (builder != NULL && ctx != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, 65) == 1 &&
	    (d == NULL || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1) &&
	    (params = OSSL_PARAM_BLD_to_param(builder)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(
		    ctx, &key, d == NULL ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(ctx);
	BN_clear_free(d);
	return key;
}

static EVP_PKEY *key_of(enum algorithm alg, const uint8_t *seed)
{
	uint8_t point[65];

	if (alg == ALG_EDDSA)
		return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEED_LEN);
	return p256_point(seed, point) ? p256_key(seed, point) : NULL;
}

enum err vcrypto_seed(uint8_t seed[SEED_LEN])
{
	uint8_t point[65];

	for (int tries = 0; tries < 8; tries++)
		if (RAND_bytes(seed, SEED_LEN) == 1 && p256_point(seed, point))
			return ERR_OK;
	return ERR_CRYPTO;
}

enum err vcrypto_public(enum algorithm alg, const uint8_t seed[SEED_LEN], uint8_t *x, uint8_t *y)
{
	uint8_t point[65];
	EVP_PKEY *key;
	size_t n = 32;
	bool ok;

	if (alg == ALG_EDDSA) {
		key = key_of(alg, seed);
		ok = key != NULL && EVP_PKEY_get_raw_public_key(key, x, &n) == 1;
		EVP_PKEY_free(key);
		return checked(ok);
	}
	if (!p256_point(seed, point))
		return ERR_CRYPTO;
	memcpy(x, point + 1, 32);
	memcpy(y, point + 33, 32);
	return ERR_OK;
}

enum err vcrypto_sign(
    enum algorithm alg, const uint8_t seed[SEED_LEN], struct bytes message, uint8_t *out, size_t *n)
{
	EVP_PKEY *key = key_of(alg, seed);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	*n = SIGNATURE_MAX;
	ok =
	    key != NULL && ctx != NULL &&
	    EVP_DigestSignInit(ctx, NULL, alg == ALG_EDDSA ? NULL : EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestSign(ctx, out, n, message.data, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return checked(ok);
}

enum err vcrypto_agree(
    const uint8_t seed[SEED_LEN], const uint8_t x[32], const uint8_t y[32], uint8_t out[32])
{
	uint8_t point[65] = {4};
	EVP_PKEY *ours = key_of(ALG_ECDH, seed);
	EVP_PKEY *theirs;
	EVP_PKEY_CTX *ctx = ours == NULL ? NULL : EVP_PKEY_CTX_new(ours, NULL);
	size_t n = 32;
	bool ok;

	memcpy(point + 1, x, 32);
	memcpy(point + 33, y, 32);
	theirs = p256_key(NULL, point);
	ok = ctx != NULL && theirs != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	     EVP_PKEY_derive_set_peer(ctx, theirs) == 1 && EVP_PKEY_derive(ctx, out, &n) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(ours);
	return checked(ok);
}

enum err vcrypto_hkdf(struct bytes secret, const char *info, uint8_t out[32])
{
	static const uint8_t zeros[HASH_LEN];
	static const uint8_t first = 1;
	uint8_t prk[HASH_LEN];
	const enum err e = vcrypto_hmac(BYTES(zeros, sizeof zeros), secret, BYTES_NONE, prk);

	if (e != ERR_OK)
		return e;
	return vcrypto_hmac(BYTES(prk, sizeof prk), bytes_str(info), BYTES(&first, 1), out);
}

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	const bool ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return ok;
}

/* id-fido-gen-ce-aaguid (WebAuthn 2, section 8.2.1): an octet string within the extension's. */
static bool add_aaguid(X509 *cert, const uint8_t aaguid[16])
{
	uint8_t der[18] = {4, 16};
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = NULL;
	bool ok;

	memcpy(der + 2, aaguid, 16);
	ok = oid != NULL && value != NULL && ASN1_OCTET_STRING_set(value, der, sizeof der) == 1 &&
	     (extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value)) != NULL &&
	     X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
	return ok;
}

static bool set_name(X509 *cert)
{
	static const char *const parts[][2] = {
	    {"C", "AA"},
	    {"O", "Signet tests"},
	    {"OU", "Authenticator Attestation"},
	    {"CN", "Virtual authenticator"},
	};
	X509_NAME *name = X509_get_subject_name(cert);
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof parts / sizeof *parts; i++)
		ok = X509_NAME_add_entry_by_txt(name, parts[i][0], MBSTRING_ASC,
			 (const unsigned char *)parts[i][1], -1, -1, 0) == 1;
	return ok && X509_set_issuer_name(cert, name) == 1;
}

enum err vcrypto_certificate(
    const uint8_t seed[SEED_LEN], const uint8_t aaguid[16], struct builder *out)
{
	EVP_PKEY *key = key_of(ALG_ES256, seed);
	X509 *cert = X509_new();
	unsigned char *der = NULL;
	int n = 0;

	if (key != NULL && cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 && set_name(cert) &&
	    ASN1_TIME_set_string(X509_getm_notBefore(cert), "20200101000000Z") == 1 &&
	    ASN1_TIME_set_string(X509_getm_notAfter(cert), "20991231235959Z") == 1 &&
	    X509_set_pubkey(cert, key) == 1 &&
	    add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_aaguid(cert, aaguid) && X509_sign(cert, key, EVP_sha256()) > 0)
		n = i2d_X509(cert, &der);
	if (n > 0)
		builder_put(out, BYTES(der, n));
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(key);
	return n > 0 ? builder_error(out) : ERR_CRYPTO;
}
