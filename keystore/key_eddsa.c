/* Ed25519 and Ed448 (RFC 8032, RFC 8709). */
#include <openssl/core_names.h>

#include "keystore/key_impl.h"

enum {
	ED25519_SIGNATURE = 64,
	ED448_SIGNATURE = 114,
	ED_MOST_PUBLIC = 57,
	ED_WEIGHT = 1280, /* measured: key and context together, 1,200 bytes */
};

static const char *libcrypto_name(const struct keytype *type)
{
	return type->family == FAMILY_ED448 ? "ED448" : "ED25519";
}

static size_t eddsa_weight(const struct privkey *pk)
{
	(void)pk;
	return ED_WEIGHT;
}

/*
 * With the public half given, libcrypto need not compute it, which would cost a key that rests
 * encrypted as much as the signature.  It is the right one: eddsa_check.
 */
static enum err eddsa_build(const struct privkey *pk, struct key_parts *out)
{
	return key_from_octets(libcrypto_name(pk->type), OSSL_PKEY_PARAM_PRIV_KEY, pk->seed,
	    pk->public.raw, &out->main);
}

/* libcrypto computes the public half from the seed and is asked for it. */
static enum err eddsa_check(const struct privkey *pk)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(
	    NULL, libcrypto_name(pk->type), NULL, pk->seed.data, pk->seed.len);
	uint8_t derived[ED_MOST_PUBLIC];
	size_t n = sizeof(derived);
	enum err e = ERR_OK;

	if (key == NULL)
		return ERR_KEY_INVALID;
	if (EVP_PKEY_get_raw_public_key(key, derived, &n) != 1)
		e = ERR_CRYPTO;
	else if (!bytes_equal(BYTES(derived, n), pk->public.raw))
		e = ERR_KEY_MISMATCH;
	EVP_PKEY_free(key);
	return e;
}

/* Any bytes of the right length pass for a point: only a signature tells. */
static enum err eddsa_check_public(const struct pubkey *key)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(
	    NULL, libcrypto_name(key->type), NULL, key->raw.data, key->raw.len);
	enum err e = pkey != NULL ? ERR_OK : ERR_KEY_INVALID;

	EVP_PKEY_free(pkey);
	return e;
}

static enum err eddsa_prepare(struct key_context *c)
{
	return key_prepare_message(c, c->parts->main);
}

static enum err sign_message(struct key_context *c, const struct sigalg *alg, struct bytes data,
    size_t n, struct builder *out)
{
	uint8_t *place;

	builder_cstring(out, alg->name);
	builder_u32(out, (uint32_t)n);
	place = builder_reserve(out, n);
	if (place == NULL)
		return builder_error(out);
	return key_sign_message(c->message, c->parts->main, data, place, n);
}

static enum err ed25519_sign(
    struct key_context *c, const struct sigalg *alg, struct bytes data, struct builder *out)
{
	return sign_message(c, alg, data, ED25519_SIGNATURE, out);
}

static enum err ed448_sign(
    struct key_context *c, const struct sigalg *alg, struct bytes data, struct builder *out)
{
	return sign_message(c, alg, data, ED448_SIGNATURE, out);
}

static enum err open_raw(const char *name, struct bytes raw, EVP_PKEY **out)
{
	*out = EVP_PKEY_new_raw_public_key_ex(NULL, name, NULL, raw.data, raw.len);
	return *out != NULL ? ERR_OK : ERR_KEY_INVALID;
}

enum err key_open_ed25519(struct bytes raw, EVP_PKEY **out)
{
	return open_raw("ED25519", raw, out);
}

static enum err eddsa_open_public(const struct pubkey *key, struct key_parts *out)
{
	return open_raw(libcrypto_name(key->type), key->raw, &out->main);
}

static enum err eddsa_verify(const struct pubkey *key, const struct key_parts *parts,
    const struct sigalg *alg, struct bytes data, struct reader *signature)
{
	struct bytes s;
	enum err e = key_read_last_string(signature, &s);

	(void)key, (void)alg;
	return e == ERR_OK ? key_verify_message(parts->main, data, s) : e;
}

const struct key_ops key_ops_ed25519 = {
    .algorithms = {"ED25519", NULL},
    .slow = false,
    .weight = eddsa_weight,
    .check = eddsa_check,
    .check_public = eddsa_check_public,
    .build = eddsa_build,
    .prepare = eddsa_prepare,
    .sign = ed25519_sign,
    .open_public = eddsa_open_public,
    .verify = eddsa_verify,
};

const struct key_ops key_ops_ed448 = {
    .algorithms = {"ED448", NULL},
    .slow = true,
    .weight = eddsa_weight,
    .check = eddsa_check,
    .check_public = eddsa_check_public,
    .build = eddsa_build,
    .prepare = eddsa_prepare,
    .sign = ed448_sign,
    .open_public = eddsa_open_public,
    .verify = eddsa_verify,
};
