/* What tokens are given to sign. */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "proto/numbers.h"
#include "tokens/base/pubkey.h"

/* The row of the algorithm with this name, of those that keys of this type have. */
static enum err find_algorithm(
    const struct keytype *type, struct bytes name, const struct sigalg **out)
{
	static const uint32_t flags[] = {0, SIGN_RSA_SHA2_256, SIGN_RSA_SHA2_512};
	const struct sigalg *alg;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (sigalg_choose(type, flags[i], &alg) == ERR_OK && bytes_is(name, alg->name)) {
			*out = alg;
			return ERR_OK;
		}
	}
	return ERR_UNSUPPORTED;
}

static const EVP_MD *digest_of(enum hash_id hash)
{
	switch (hash) {
	case HASH_SHA1:
		return EVP_sha1();
	case HASH_SHA256:
		return EVP_sha256();
	case HASH_SHA384:
		return EVP_sha384();
	case HASH_SHA512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

/* With parameters NULL (RFC 8017, section A.2.4). */
static enum err digest_info(const EVP_MD *md, struct bytes digest, struct blob *out)
{
	X509_SIG *info = X509_SIG_new();
	unsigned char *der = NULL;
	ASN1_OCTET_STRING *value;
	X509_ALGOR *algorithm;
	enum err e = ERR_MEMORY;
	int n;

	if (info == NULL)
		return ERR_MEMORY;
	X509_SIG_getm(info, &algorithm, &value);
	if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL) == 1 &&
	    ASN1_OCTET_STRING_set(value, digest.data, (int)digest.len) == 1) {
		n = i2d_X509_SIG(info, &der);
		if (n > 0)
			e = blob_copy(out, BYTES(der, (size_t)n));
	}
	OPENSSL_free(der);
	X509_SIG_free(info);
	return e;
}

enum err tosign(
    const struct keytype *type, struct bytes algorithm, struct bytes data, struct blob *out)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	const struct sigalg *alg;
	const EVP_MD *md;
	unsigned n = 0;
	enum err e;

	if (type->family != FAMILY_RSA && type->family != FAMILY_ECDSA &&
	    type->family != FAMILY_ED25519)
		return ERR_UNSUPPORTED;
	e = find_algorithm(type, algorithm, &alg);
	if (e != ERR_OK)
		return e;
	md = digest_of(alg->hash);
	if (md == NULL)
		return blob_copy(out, data);
	if (EVP_Digest(data.data, data.len, digest, &n, md, NULL) != 1)
		return ERR_CRYPTO;
	if (type->family == FAMILY_RSA)
		return digest_info(md, BYTES(digest, n), out);
	return blob_copy(out, BYTES(digest, n));
}

enum err tosign_pad(struct bytes digest_info, size_t size, struct blob *out)
{
	enum { AROUND = 3, PADDING_LEAST = 8 };
	struct builder b = {0};
	struct blob padded = {0};
	uint8_t *p;
	enum err e;

	if (size < AROUND + PADDING_LEAST || digest_info.len > size - AROUND - PADDING_LEAST)
		return ERR_FORMAT;
	builder_u8(&b, 0);
	builder_u8(&b, 1);
	p = builder_reserve(&b, size - AROUND - digest_info.len);
	if (p != NULL)
		memset(p, 0xff, size - AROUND - digest_info.len);
	builder_u8(&b, 0);
	builder_put(&b, digest_info);
	e = builder_take(&b, &padded);
	if (e == ERR_OK) {
		blob_clear(out);
		*out = blob_move(&padded);
	}
	return e;
}
