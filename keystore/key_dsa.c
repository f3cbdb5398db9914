/*
 * DSA as ssh-dss has it (RFC 4253, section 6.6): SHA-1, and a subgroup of 160
 * bits, since the signature has no room for another.  Off unless asked for;
 * held for machines that know nothing else.
 */
#include <string.h>

#include "keystore/crypto.h"
#include "keystore/key_impl.h"

enum {
	DSA_MIN_BITS = 1024,
	DSA_MAX_BITS = 8192,
	DSA_Q_BITS = 160,
	DSA_NUMBER = DSA_Q_BITS / 8,
	DSA_SIGNATURE = 2 * DSA_NUMBER,
	DSA_MOST_DER = 64,
	/* Measured: 2,110 bytes at 1024 bits. */
	DSA_WEIGHT_TIMES = 8,
	DSA_WEIGHT_MORE = 1280,
};

static size_t dsa_weight(const struct privkey *pk)
{
	return DSA_WEIGHT_TIMES * pk->public.dsa.p.len + DSA_WEIGHT_MORE;
}

static enum err check_sizes(const struct pubkey *key)
{
	unsigned bits;

	if (key->dsa.p.len > DSA_MAX_BITS / 8)
		return ERR_KEY_INVALID;
	bits = pubkey_bits(key);
	if (bits < DSA_MIN_BITS || key->dsa.q.len != DSA_NUMBER || key->dsa.q.data[0] < 0x80 ||
	    key->dsa.g.len > key->dsa.p.len || key->dsa.y.len > key->dsa.p.len)
		return ERR_KEY_INVALID;
	return ERR_OK;
}

static enum err put_public(struct key_params *params, const struct pubkey *key)
{
	enum err e = check_sizes(key);

	if (e != ERR_OK)
		return e;
	key_params_number(params, "p", key->dsa.p);
	key_params_number(params, "q", key->dsa.q);
	key_params_number(params, "g", key->dsa.g);
	key_params_number(params, "pub", key->dsa.y);
	return ERR_OK;
}

static enum err dsa_build(const struct privkey *pk, struct key_parts *out)
{
	struct key_params params = {0};
	enum err e = put_public(&params, &pk->public);

	if (e != ERR_OK)
		return e;
	key_params_number(&params, "priv", pk->scalar);
	return key_params_build(&params, "DSA", EVP_PKEY_KEYPAIR, &out->main);
}

struct numbers {
	BIGNUM *p, *q, *g, *y, *x, *scratch;
	BN_CTX *ctx;
};

static bool numbers_load(const struct privkey *pk, struct numbers *z)
{
	*z = (struct numbers){
	    .p = key_number(pk->public.dsa.p),
	    .q = key_number(pk->public.dsa.q),
	    .g = key_number(pk->public.dsa.g),
	    .y = key_number(pk->public.dsa.y),
	    .x = key_number(pk->scalar),
	    .scratch = key_number(BYTES_NONE),
	    .ctx = BN_CTX_secure_new(),
	};
	return z->p != NULL && z->q != NULL && z->g != NULL && z->y != NULL && z->x != NULL &&
	       z->scratch != NULL && z->ctx != NULL;
}

static void numbers_free(struct numbers *z)
{
	BN_free(z->p);
	BN_free(z->q);
	BN_free(z->g);
	BN_free(z->y);
	BN_clear_free(z->x);
	BN_clear_free(z->scratch);
	BN_CTX_free(z->ctx);
}

static enum err check_numbers(struct numbers *z)
{
	if (!BN_is_odd(z->p) || !BN_is_odd(z->q) || BN_is_one(z->g) || BN_cmp(z->g, z->p) >= 0 ||
	    BN_is_zero(z->x))
		return ERR_KEY_INVALID;
	/* q divides p - 1, and g has order q. */
	if (BN_mod(z->scratch, z->p, z->q, z->ctx) != 1 || !BN_is_one(z->scratch))
		return ERR_KEY_INVALID;
	if (BN_mod_exp_mont(z->scratch, z->g, z->q, z->p, z->ctx, NULL) != 1 ||
	    !BN_is_one(z->scratch))
		return ERR_KEY_INVALID;
	/* x beyond q belongs to another group. */
	if (BN_cmp(z->x, z->q) >= 0)
		return ERR_KEY_MISMATCH;
	if (BN_mod_exp_mont_consttime(z->scratch, z->g, z->x, z->p, z->ctx, NULL) != 1)
		return ERR_CRYPTO;
	return BN_cmp(z->scratch, z->y) == 0 ? ERR_OK : ERR_KEY_MISMATCH;
}

static enum err dsa_check(const struct privkey *pk)
{
	struct numbers z = {0};
	enum err e = check_sizes(&pk->public);

	if (e == ERR_OK && pk->scalar.len > DSA_NUMBER)
		e = ERR_KEY_INVALID;
	if (e == ERR_OK)
		e = numbers_load(pk, &z) ? check_numbers(&z) : ERR_MEMORY;
	numbers_free(&z);
	return e;
}

/* A number of the signature, right-aligned in its 20 bytes. */
static bool put_number(struct bytes v, uint8_t *place)
{
	while (v.len > 0 && v.data[0] == 0)
		v = BYTES(v.data + 1, v.len - 1);
	if (v.len > DSA_NUMBER)
		return false;
	memset(place, 0, DSA_NUMBER);
	memcpy(place + DSA_NUMBER - v.len, v.data, v.len);
	return true;
}

static enum err dsa_sign(
    struct key_context *c, const struct sigalg *alg, struct bytes data, struct builder *out)
{
	uint8_t digest[HASH_MOST];
	uint8_t der[DSA_MOST_DER];
	uint8_t both[DSA_SIGNATURE];
	struct bytes r, s;
	size_t n;
	enum err e = crypto_hash(alg->hash, data, digest, &n);

	if (e == ERR_OK)
		e = key_sign_digest(c->pkey, BYTES(digest, n), der, sizeof(der), &n);
	if (e != ERR_OK)
		return e;
	if (key_der_split(BYTES(der, n), &r, &s) != ERR_OK || !put_number(r, both) ||
	    !put_number(s, both + DSA_NUMBER))
		return ERR_CRYPTO;
	builder_cstring(out, alg->name);
	builder_string(out, BYTES(both, sizeof(both)));
	return builder_error(out);
}

static enum err dsa_open_public(const struct pubkey *key, struct key_parts *out)
{
	struct key_params params = {0};
	enum err e = put_public(&params, key);

	return e == ERR_OK ? key_params_build(&params, "DSA", EVP_PKEY_PUBLIC_KEY, &out->main) : e;
}

static enum err dsa_verify(const struct pubkey *key, const struct key_parts *parts,
    const struct sigalg *alg, struct bytes data, struct reader *signature)
{
	struct builder der = {0};
	uint8_t digest[HASH_MOST];
	struct bytes both;
	size_t n;
	enum err e = key_read_last_string(signature, &both);

	(void)key;
	if (e == ERR_OK && both.len != DSA_SIGNATURE)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = key_der_join(
		    BYTES(both.data, DSA_NUMBER), BYTES(both.data + DSA_NUMBER, DSA_NUMBER), &der);
	if (e == ERR_OK)
		e = crypto_hash(alg->hash, data, digest, &n);
	if (e == ERR_OK)
		e = key_verify_digest(parts->main, BYTES(digest, n), builder_view(&der));
	builder_clear(&der);
	return e;
}

const struct key_ops key_ops_dsa = {
    .algorithms = {"DSA", NULL},
    .slow = true,
    .weight = dsa_weight,
    .check = dsa_check,
    .build = dsa_build,
    .prepare = key_prepare_digest,
    .sign = dsa_sign,
    .open_public = dsa_open_public,
    .verify = dsa_verify,
};
