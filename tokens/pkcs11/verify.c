/* What a signature looks like, and whether it is the key's. */
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/keyblob.h"
#include "tokens/pkcs11/sign.h"

/* --- the key, as libcrypto has it ------------------------------------------------- */

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *rsa_key(const struct pubkey *p)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn(p->rsa.n.data, (int)p->rsa.n.len, NULL);
	BIGNUM *e = BN_bin2bn(p->rsa.e.data, (int)p->rsa.e.len, NULL);
	EVP_PKEY *key = NULL;

	if (bld != NULL && n != NULL && e != NULL &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		key = from_params("RSA", bld);
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

static EVP_PKEY *ec_key(const struct pubkey *p)
{
	static const struct {
		const char *ours, *theirs;
	} curves[] = {{"nistp256", "P-256"}, {"nistp384", "P-384"}, {"nistp521", "P-521"}};
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	const char *curve = NULL;
	EVP_PKEY *key = NULL;

	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (strcmp(curves[i].ours, p->type->curve) == 0)
			curve = curves[i].theirs;
	}
	if (bld != NULL && curve != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(
		bld, OSSL_PKEY_PARAM_PUB_KEY, p->ec.point.data, p->ec.point.len) == 1)
		key = from_params("EC", bld);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

static EVP_PKEY *key_of(const struct pubkey *p)
{
	switch (p->type->family) {
	case FAMILY_RSA:
		return rsa_key(p);
	case FAMILY_ECDSA:
		return ec_key(p);
	case FAMILY_ED25519:
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, p->raw.data, p->raw.len);
	default:
		return NULL;
	}
}

static const EVP_MD *digest_of(struct bytes algorithm)
{
	static const struct {
		const char *name;
		const EVP_MD *(*digest)(void);
	} table[] = {
	    {"ssh-rsa", EVP_sha1},
	    {"rsa-sha2-256", EVP_sha256},
	    {"rsa-sha2-512", EVP_sha512},
	    {"ecdsa-sha2-nistp256", EVP_sha256},
	    {"ecdsa-sha2-nistp384", EVP_sha384},
	    {"ecdsa-sha2-nistp521", EVP_sha512},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (bytes_is(algorithm, table[i].name))
			return table[i].digest();
	}
	return NULL; /* Ed25519 hashes by itself */
}

/* --- the signature ----------------------------------------------------------------- */

static struct bytes without_zeros(struct bytes b)
{
	while (b.len > 0 && b.data[0] == 0)
		b = BYTES(b.data + 1, b.len - 1);
	return b;
}

/* An RSA signature without its leading zeros gets them back. */
static enum err widen(struct signing *s, size_t size)
{
	struct blob wide = {0};
	struct builder b = {0};
	enum err e;

	for (size_t i = s->signature.len; i < size; i++)
		builder_u8(&b, 0);
	builder_put(&b, blob_view(&s->signature));
	e = builder_take(&b, &wide);
	if (e == ERR_OK) {
		blob_clear(&s->signature);
		s->signature = wide;
	}
	return e;
}

static size_t size_wanted(const struct pubkey *p)
{
	switch (p->type->family) {
	case FAMILY_RSA:
		return p->rsa.n.len;
	case FAMILY_ECDSA:
		return 2 * p->type->field;
	default:
		return 64;
	}
}

enum err sign_split(struct signing *s, struct token_signed *out)
{
	struct pubkey p;
	struct bytes all;
	size_t size;

	if (pubkey_parse(blob_view(&s->half.public), &p) != ERR_OK)
		return fault_set(s->f, ERR_TOKEN_SIGN, "the key is malformed");
	size = size_wanted(&p);
	if (p.type->family == FAMILY_RSA && s->signature.len < size && widen(s, size) != ERR_OK)
		return fault_set(s->f, ERR_MEMORY, "C_Sign");
	all = blob_view(&s->signature);
	if (all.len != size)
		return fault_set(s->f, ERR_TOKEN, "C_Sign: a signature of %zu bytes", all.len);
	out->r = all;
	out->s = BYTES_NONE;
	if (p.type->family == FAMILY_ECDSA) {
		out->r = without_zeros(BYTES(all.data, size / 2));
		out->s = without_zeros(BYTES(all.data + size / 2, size / 2));
		if (out->r.len == 0 || out->s.len == 0)
			return fault_set(s->f, ERR_TOKEN, "C_Sign: a signature of zeros");
	}
	return ERR_OK;
}

/* In DER, as libcrypto wants it; to be freed with OPENSSL_free; NULL. */
static unsigned char *ecdsa_der(const struct token_signed *sig, int *n)
{
	ECDSA_SIG *der = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig->r.data, (int)sig->r.len, NULL);
	BIGNUM *s = BN_bin2bn(sig->s.data, (int)sig->s.len, NULL);
	unsigned char *out = NULL;

	if (der == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(der, r, s) != 1) {
		BN_free(r);
		BN_free(s);
	} else {
		*n = i2d_ECDSA_SIG(der, &out);
	}
	ECDSA_SIG_free(der);
	return out;
}

static bool verify(const struct signing *s, EVP_PKEY *key, struct bytes signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && key != NULL &&
		    EVP_DigestVerifyInit(ctx, NULL, digest_of(s->m->algorithm), NULL, key) == 1 &&
		    EVP_DigestVerify(
			ctx, signature.data, signature.len, s->m->data.data, s->m->data.len) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

bool sign_verify(const struct signing *s)
{
	struct signing copy = *s;
	struct fault unused;
	struct token_signed parts = {0};
	unsigned char *der = NULL;
	struct pubkey p;
	EVP_PKEY *key;
	int n = 0;
	bool good = false;

	copy.f = &unused;
	if (pubkey_parse(blob_view(&s->half.public), &p) != ERR_OK ||
	    s->signature.len != size_wanted(&p))
		return false;
	key = key_of(&p);
	if (p.type->family != FAMILY_ECDSA) {
		good = verify(s, key, blob_view(&s->signature));
	} else if (sign_split(&copy, &parts) == ERR_OK) {
		der = ecdsa_der(&parts, &n);
		good = der != NULL && n > 0 && verify(s, key, BYTES(der, (size_t)n));
		OPENSSL_free(der);
	}
	EVP_PKEY_free(key);
	return good;
}
