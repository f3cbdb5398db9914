/* RSA with PKCS #1 v1.5 padding (RFC 4253, RFC 8332, RFC 8017 section 8.2). */
#include <string.h>

#include "keystore/crypto.h"
#include "keystore/key_impl.h"
#include "proto/base/mem.h"
#include "proto/limits.h"

enum {
	LONGEST_DIGEST_INFO = 19 + HASH_MOST,
	/* Measured: the numbers, Montgomery caches, blinding and context, 7,050 bytes for RSA-3072.
	 */
	WEIGHT_TIMES = 14,
	WEIGHT_MORE = 2048,
};

static size_t rsa_weight(const struct privkey *pk)
{
	return WEIGHT_TIMES * pk->public.rsa.n.len + WEIGHT_MORE;
}

/* The start of a DigestInfo in DER, for each hash (RFC 8017, section 9.2, note 1). */
static const struct prefix {
	uint8_t len;
	uint8_t der[19];
} prefixes[] = {
    [HASH_SHA1] = {15,
	{0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14}},
    [HASH_SHA256] = {19, {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
			     0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}},
    [HASH_SHA512] = {19, {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
			     0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40}},
};

/*
 * What is padded and raised to a power.  Made here rather than by libcrypto, so that one prepared
 * context serves every hash and looks up nothing.
 */
static enum err digest_info(enum hash_id hash, struct bytes data, uint8_t *out, size_t *n)
{
	const struct prefix *prefix;
	enum err e;

	if (hash >= sizeof(prefixes) / sizeof(prefixes[0]) || prefixes[hash].len == 0)
		return ERR_SIGN_ALGORITHM;
	prefix = &prefixes[hash];
	memcpy(out, prefix->der, prefix->len);
	e = crypto_hash(hash, data, out + prefix->len, n);
	*n += prefix->len;
	return e;
}

/* The private key in numbers, those that the protocol does not carry computed. */
struct numbers {
	BIGNUM *n, *e, *d, *p, *q, *iqmp;
	BIGNUM *p1, *q1; /* p - 1, q - 1 */
	BIGNUM *scratch;
	BN_CTX *ctx;
};

static void numbers_free(struct numbers *x)
{
	BN_free(x->n);
	BN_free(x->e);
	BN_clear_free(x->d);
	BN_clear_free(x->p);
	BN_clear_free(x->q);
	BN_clear_free(x->iqmp);
	BN_clear_free(x->p1);
	BN_clear_free(x->q1);
	BN_clear_free(x->scratch);
	BN_CTX_free(x->ctx);
}

static enum err numbers_load(const struct privkey *pk, struct numbers *x)
{
	*x = (struct numbers){
	    .n = key_number(pk->public.rsa.n),
	    .e = key_number(pk->public.rsa.e),
	    .d = key_number(pk->rsa.d),
	    .p = key_number(pk->rsa.p),
	    .q = key_number(pk->rsa.q),
	    .iqmp = key_number(pk->rsa.iqmp),
	    .p1 = key_number(pk->rsa.p),
	    .q1 = key_number(pk->rsa.q),
	    .scratch = key_number(BYTES_NONE),
	    .ctx = BN_CTX_secure_new(),
	};
	if (x->n == NULL || x->e == NULL || x->d == NULL || x->p == NULL || x->q == NULL ||
	    x->iqmp == NULL || x->p1 == NULL || x->q1 == NULL || x->scratch == NULL ||
	    x->ctx == NULL)
		return ERR_MEMORY;
	return BN_sub_word(x->p1, 1) == 1 && BN_sub_word(x->q1, 1) == 1 ? ERR_OK : ERR_KEY_INVALID;
}

/* Before anything is computed: a hostile number may be as long as a message. */
static enum err check_sizes(const struct privkey *pk)
{
	struct bytes n = pk->public.rsa.n;
	unsigned bits;

	if (n.len > LIMIT_RSA_MAX_BITS / 8)
		return ERR_KEY_LONG;
	bits = pubkey_bits(&pk->public);
	if (bits < LIMIT_RSA_MIN_BITS)
		return ERR_KEY_SHORT;
	if (pk->public.rsa.e.len > n.len || pk->rsa.d.len > n.len || pk->rsa.p.len > n.len ||
	    pk->rsa.q.len > n.len || pk->rsa.iqmp.len > n.len)
		return ERR_KEY_INVALID;
	return ERR_OK;
}

/* a * b = 1 modulo m? */
static bool inverse(struct numbers *x, const BIGNUM *a, const BIGNUM *b, const BIGNUM *m)
{
	return BN_mod_mul(x->scratch, a, b, m, x->ctx) == 1 && BN_is_one(x->scratch);
}

static enum err check_numbers(struct numbers *x)
{
	if (!BN_is_odd(x->n) || !BN_is_odd(x->e) || BN_is_one(x->e) || BN_cmp(x->e, x->n) >= 0)
		return ERR_KEY_INVALID;
	if (!BN_is_odd(x->p) || !BN_is_odd(x->q) || BN_is_one(x->p) || BN_is_one(x->q) ||
	    BN_cmp(x->iqmp, x->p) >= 0)
		return ERR_KEY_INVALID;
	if (!inverse(x, x->iqmp, x->q, x->p))
		return ERR_KEY_INVALID;
	/* From here on it is the public half that may be another key's. */
	if (BN_mul(x->scratch, x->p, x->q, x->ctx) != 1)
		return ERR_CRYPTO;
	if (BN_cmp(x->scratch, x->n) != 0)
		return ERR_KEY_MISMATCH;
	if (BN_cmp(x->d, x->n) >= 0 || !inverse(x, x->d, x->e, x->p1) ||
	    !inverse(x, x->d, x->e, x->q1))
		return ERR_KEY_INVALID;
	return ERR_OK;
}

static enum err rsa_check(const struct privkey *pk)
{
	struct numbers x = {0};
	enum err e = check_sizes(pk);

	if (e == ERR_OK)
		e = numbers_load(pk, &x);
	if (e == ERR_OK)
		e = check_numbers(&x);
	numbers_free(&x);
	return e;
}

/* d modulo p - 1, from p - 1; NULL on failure.  d is marked as secret, which makes the division
 * constant-time. */
static BIGNUM *exponent(struct numbers *x, const BIGNUM *minus_one)
{
	BIGNUM *out = key_number(BYTES_NONE);

	if (out != NULL && BN_mod(out, x->d, minus_one, x->ctx) != 1) {
		BN_clear_free(out);
		return NULL;
	}
	return out;
}

static enum err rsa_build(const struct privkey *pk, struct key_parts *out)
{
	struct key_params params = {0};
	struct numbers x;
	enum err e = numbers_load(pk, &x);

	if (e == ERR_OK) {
		key_params_number(&params, "n", pk->public.rsa.n);
		key_params_number(&params, "e", pk->public.rsa.e);
		key_params_number(&params, "d", pk->rsa.d);
		key_params_number(&params, "rsa-factor1", pk->rsa.p);
		key_params_number(&params, "rsa-factor2", pk->rsa.q);
		key_params_give(&params, "rsa-exponent1", exponent(&x, x.p1));
		key_params_give(&params, "rsa-exponent2", exponent(&x, x.q1));
		key_params_number(&params, "rsa-coefficient1", pk->rsa.iqmp);
		e = key_params_build(&params, "RSA", EVP_PKEY_KEYPAIR, &out->main);
	}
	numbers_free(&x);
	return e;
}

/*
 * libcrypto blinds each signature, and checks the result of the Chinese remainder
 * computation with the public exponent before it gives it out, so a fault
 * in it cannot give the factors away (rsa_ossl.c); padding PKCS #1 is its default.
 */
static enum err rsa_sign(
    struct key_context *c, const struct sigalg *alg, struct bytes data, struct builder *out)
{
	uint8_t info[LONGEST_DIGEST_INFO];
	size_t room = (size_t)EVP_PKEY_get_size(c->parts->main);
	uint8_t *place;
	size_t n;
	enum err e = digest_info(alg->hash, data, info, &n);

	if (e != ERR_OK)
		return e;
	builder_cstring(out, alg->name);
	builder_u32(out, (uint32_t)room);
	place = builder_reserve(out, room);
	if (place == NULL)
		return builder_error(out);
	e = key_sign_digest(c->pkey, BYTES(info, n), place, room, &n);
	return e == ERR_OK && n != room ? ERR_CRYPTO : e;
}

/* No secret: what is, takes libcrypto longer to count the bits of than to verify by it. */
static BIGNUM *public_number(struct bytes magnitude)
{
	return BN_bin2bn(magnitude.data, (int)magnitude.len, NULL);
}

static enum err build_public(const struct pubkey *key, EVP_PKEY **out)
{
	struct key_params params = {0};
	unsigned bits;

	if (key->rsa.n.len > LIMIT_RSA_MAX_BITS / 8)
		return ERR_KEY_LONG;
	bits = pubkey_bits(key);
	if (bits < LIMIT_RSA_MIN_BITS)
		return ERR_KEY_SHORT;
	if (key->rsa.e.len > key->rsa.n.len)
		return ERR_KEY_INVALID;
	key_params_give(&params, "n", public_number(key->rsa.n));
	key_params_give(&params, "e", public_number(key->rsa.e));
	return key_params_build(&params, "RSA", EVP_PKEY_PUBLIC_KEY, out);
}

/* Nothing is computed with the numbers, so a hostile modulus harms only whoever verifies by it. */
static enum err rsa_check_public(const struct pubkey *key)
{
	struct bytes n = key->rsa.n, e = key->rsa.e;
	EVP_PKEY *pkey = NULL;
	enum err why = build_public(key, &pkey);

	EVP_PKEY_free(pkey);
	if (why != ERR_OK)
		return why;
	if ((n.data[n.len - 1] & 1) == 0 || (e.data[e.len - 1] & 1) == 0)
		return ERR_KEY_INVALID;
	return e.len == 1 && e.data[0] == 1 ? ERR_KEY_INVALID : ERR_OK;
}

/* Some signers leave out leading zero bytes, and OpenSSH lets them: filled up again here. */
static enum err fill_up(struct bytes signature, size_t n, struct builder *out)
{
	uint8_t *place;

	if (signature.len > n)
		return ERR_KEY_MISMATCH;
	place = builder_reserve(out, n - signature.len);
	if (place != NULL)
		memset(place, 0, n - signature.len);
	builder_put(out, signature);
	return builder_error(out);
}

static enum err rsa_open_public(const struct pubkey *key, struct key_parts *out)
{
	return build_public(key, &out->main);
}

static enum err rsa_verify(const struct pubkey *key, const struct key_parts *parts,
    const struct sigalg *alg, struct bytes data, struct reader *signature)
{
	uint8_t info[LONGEST_DIGEST_INFO];
	struct builder whole = {0};
	struct bytes s;
	size_t n;
	enum err e = key_read_last_string(signature, &s);

	if (e == ERR_OK)
		e = fill_up(s, key->rsa.n.len, &whole);
	if (e == ERR_OK)
		e = digest_info(alg->hash, data, info, &n);
	if (e == ERR_OK)
		e = key_verify_digest(parts->main, BYTES(info, n), builder_view(&whole));
	builder_clear(&whole);
	return e;
}

const struct key_ops key_ops_rsa = {
    .algorithms = {"RSA", NULL},
    .slow = true,
    .weight = rsa_weight,
    .check = rsa_check,
    .check_public = rsa_check_public,
    .build = rsa_build,
    .prepare = key_prepare_digest,
    .sign = rsa_sign,
    .open_public = rsa_open_public,
    .verify = rsa_verify,
};
