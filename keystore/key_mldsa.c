/*
 * ML-DSA-44 and Ed25519 together (draft-ietf-sshm-composite-sigs, over
 * draft-ietf-lamps-pq-composite-sigs): both sign, and both must verify.
 *
 * ML-DSA is libcrypto's, 3.5 and newer, and asked for by name at run time: an
 * older one has no such name, and its headers no constants for it.
 */
#include <string.h>

#include <openssl/core_names.h>

#include "keystore/crypto.h"
#include "keystore/key_impl.h"

#define MLDSA           "ML-DSA-44"
#define MESSAGE_PREFIX  "CompositeAlgorithmSignatures2025"
#define COMPOSITE_LABEL "COMPSIG-MLDSA44-Ed25519-SHA512"

enum {
	MLDSA_SEED = 32,
	MLDSA_PUBLIC = 1312,
	MLDSA_SIGNATURE = 2420,
	ED_SEED = 32,
	ED_PUBLIC = 32,
	ED_SIGNATURE = 64,
	COMPOSITE_SIGNATURE = MLDSA_SIGNATURE + ED_SIGNATURE,
	/* Measured: libcrypto keeps the expanded matrix and vectors, 21,970 bytes in all. */
	COMPOSITE_WEIGHT = 23 * 1024,
};

static size_t composite_weight(const struct privkey *pk)
{
	(void)pk;
	return COMPOSITE_WEIGHT;
}

static enum err composite_build(const struct privkey *pk, struct key_parts *out)
{
	enum err e = key_from_octets(
	    MLDSA, "seed", BYTES(pk->seed.data, MLDSA_SEED), BYTES_NONE, &out->main);

	if (e != ERR_OK)
		return e;
	out->second = EVP_PKEY_new_raw_private_key_ex(
	    NULL, "ED25519", NULL, pk->seed.data + MLDSA_SEED, ED_SEED);
	return out->second != NULL ? ERR_OK : ERR_KEY_INVALID;
}

/* The public half of both, as libcrypto computed it from the seeds. */
static enum err derive_public(const struct key_parts *parts, uint8_t *out)
{
	size_t n = ED_PUBLIC;

	if (EVP_PKEY_get_raw_public_key(parts->second, out + MLDSA_PUBLIC, &n) != 1 ||
	    n != ED_PUBLIC)
		return ERR_CRYPTO;
	if (EVP_PKEY_get_octet_string_param(
		parts->main, OSSL_PKEY_PARAM_PUB_KEY, out, MLDSA_PUBLIC, &n) != 1 ||
	    n != MLDSA_PUBLIC)
		return ERR_CRYPTO;
	return ERR_OK;
}

static enum err composite_check(const struct privkey *pk)
{
	uint8_t derived[MLDSA_PUBLIC + ED_PUBLIC];
	struct key_parts parts = {0};
	enum err e = composite_build(pk, &parts);

	if (e == ERR_OK)
		e = derive_public(&parts, derived);
	if (e == ERR_OK && !bytes_equal(BYTES(derived, sizeof(derived)), pk->public.raw))
		e = ERR_KEY_MISMATCH;
	key_parts_free(&parts);
	return e;
}

static enum err composite_prepare(struct key_context *c)
{
	return key_prepare_message(c, c->parts->second);
}

/* M' = prefix ‖ label ‖ length of the context (none in SSH) ‖ SHA-512(M) */
static enum err composite_message(struct bytes data, struct builder *out)
{
	uint8_t digest[HASH_MOST];
	size_t n;
	enum err e = crypto_hash(HASH_SHA512, data, digest, &n);

	builder_put(out, bytes_str(MESSAGE_PREFIX));
	builder_put(out, bytes_str(COMPOSITE_LABEL));
	builder_u8(out, 0);
	if (e == ERR_OK)
		builder_put(out, BYTES(digest, n));
	return e == ERR_OK ? builder_error(out) : e;
}

/* ML-DSA's own context string is the label: octets, without a NUL.  OSSL_PARAM wants it writable.
 */
struct mldsa_params {
	char label[sizeof(COMPOSITE_LABEL)];
	OSSL_PARAM params[2];
};

static void mldsa_params(struct mldsa_params *p)
{
	memcpy(p->label, COMPOSITE_LABEL, sizeof(p->label));
	p->params[0] =
	    OSSL_PARAM_construct_octet_string("context-string", p->label, sizeof(p->label) - 1);
	p->params[1] = OSSL_PARAM_construct_end();
}

/* Hedged with fresh randomness, which is libcrypto's default. */
static enum err mldsa_sign(EVP_PKEY *key, struct bytes message, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct mldsa_params p;
	size_t n = MLDSA_SIGNATURE;
	enum err e = ERR_CRYPTO;

	mldsa_params(&p);
	if (ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, p.params) == 1 &&
	    EVP_DigestSign(ctx, out, &n, message.data, message.len) == 1 && n == MLDSA_SIGNATURE)
		e = ERR_OK;
	EVP_MD_CTX_free(ctx);
	return e;
}

static enum err mldsa_verify(EVP_PKEY *key, struct bytes message, struct bytes signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct mldsa_params p;
	enum err e = ERR_CRYPTO;

	mldsa_params(&p);
	if (ctx != NULL &&
	    EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key, p.params) == 1) {
		int ok =
		    EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len);

		e = ok == 1 ? ERR_OK : ERR_KEY_MISMATCH;
	}
	EVP_MD_CTX_free(ctx);
	return e;
}

static enum err composite_sign(
    struct key_context *c, const struct sigalg *alg, struct bytes data, struct builder *out)
{
	struct builder message = {0};
	uint8_t *place;
	enum err e = composite_message(data, &message);

	builder_cstring(out, alg->name);
	builder_u32(out, COMPOSITE_SIGNATURE);
	place = builder_reserve(out, COMPOSITE_SIGNATURE);
	if (place == NULL)
		e = builder_error(out);
	if (e == ERR_OK)
		e = mldsa_sign(c->parts->main, builder_view(&message), place);
	if (e == ERR_OK)
		e = key_sign_message(c->message, c->parts->second, builder_view(&message),
		    place + MLDSA_SIGNATURE, ED_SIGNATURE);
	builder_clear(&message);
	return e;
}

static enum err composite_open_public(const struct pubkey *key, struct key_parts *out)
{
	enum err e = key_from_octets(
	    MLDSA, NULL, BYTES_NONE, BYTES(key->raw.data, MLDSA_PUBLIC), &out->main);

	return e == ERR_OK
		   ? key_open_ed25519(BYTES(key->raw.data + MLDSA_PUBLIC, ED_PUBLIC), &out->second)
		   : e;
}

static enum err composite_verify(const struct pubkey *key, const struct key_parts *parts,
    const struct sigalg *alg, struct bytes data, struct reader *signature)
{
	struct builder message = {0};
	struct bytes s;
	enum err e = key_read_last_string(signature, &s);

	(void)key, (void)alg;
	if (e == ERR_OK && s.len != COMPOSITE_SIGNATURE)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = composite_message(data, &message);
	if (e == ERR_OK)
		e = mldsa_verify(
		    parts->main, builder_view(&message), BYTES(s.data, MLDSA_SIGNATURE));
	if (e == ERR_OK)
		e = key_verify_message(parts->second, builder_view(&message),
		    BYTES(s.data + MLDSA_SIGNATURE, ED_SIGNATURE));
	builder_clear(&message);
	return e;
}

const struct key_ops key_ops_mldsa44_ed25519 = {
    .algorithms = {MLDSA, "ED25519"},
    .slow = true,
    .weight = composite_weight,
    .check = composite_check,
    .build = composite_build,
    .prepare = composite_prepare,
    .sign = composite_sign,
    .open_public = composite_open_public,
    .verify = composite_verify,
};
