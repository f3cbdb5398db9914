/* What several families share: signing and verifying through libcrypto. */
#include <openssl/core_names.h>

#include "keystore/key_impl.h"

void key_parts_free(struct key_parts *parts)
{
	EVP_PKEY_free(parts->main);
	EVP_PKEY_free(parts->second);
	*parts = (struct key_parts){0};
}

enum err key_read_last_string(struct reader *r, struct bytes *out)
{
	enum err e = reader_string(r, out);

	return e == ERR_OK ? reader_end(r) : e;
}

enum err key_prepare_digest(struct key_context *c)
{
	c->pkey = EVP_PKEY_CTX_new_from_pkey(NULL, c->parts->main, NULL);
	if (c->pkey == NULL)
		return ERR_MEMORY;
	return EVP_PKEY_sign_init(c->pkey) == 1 ? ERR_OK : ERR_CRYPTO;
}

enum err key_sign_digest(
    EVP_PKEY_CTX *ctx, struct bytes digest, uint8_t *out, size_t room, size_t *n)
{
	*n = room;
	return EVP_PKEY_sign(ctx, out, n, digest.data, digest.len) == 1 ? ERR_OK : ERR_CRYPTO;
}

enum err key_verify_digest(EVP_PKEY *key, struct bytes digest, struct bytes signature)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	enum err e = ERR_CRYPTO;

	if (ctx != NULL && EVP_PKEY_verify_init(ctx) == 1) {
		int ok =
		    EVP_PKEY_verify(ctx, signature.data, signature.len, digest.data, digest.len);

		e = ok == 1 ? ERR_OK : ERR_KEY_MISMATCH;
	}
	EVP_PKEY_CTX_free(ctx);
	return e;
}

enum err key_prepare_message(struct key_context *c, EVP_PKEY *key)
{
	c->message = EVP_MD_CTX_new();
	if (c->message == NULL)
		return ERR_MEMORY;
	return EVP_DigestSignInit_ex(c->message, NULL, NULL, NULL, NULL, key, NULL) == 1
		   ? ERR_OK
		   : ERR_CRYPTO;
}

/*
 * Started anew each time, since newer libcryptos allow one signature a start.
 * Without a key it is the same key again, and nothing is looked up; where that is not
 * known, the key is given once more.
 */
static bool start_again(EVP_MD_CTX *ctx, EVP_PKEY *key)
{
	return EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, NULL, NULL) == 1 ||
	       EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1;
}

enum err key_sign_message(EVP_MD_CTX *ctx, EVP_PKEY *key, struct bytes data, uint8_t *out, size_t n)
{
	size_t written = n;

	if (!start_again(ctx, key) ||
	    EVP_DigestSign(ctx, out, &written, data.data, data.len) != 1 || written != n)
		return ERR_CRYPTO;
	return ERR_OK;
}

enum err key_verify_message(EVP_PKEY *key, struct bytes data, struct bytes signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum err e = ERR_CRYPTO;

	if (ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1) {
		int ok = EVP_DigestVerify(ctx, signature.data, signature.len, data.data, data.len);

		e = ok == 1 ? ERR_OK : ERR_KEY_MISMATCH;
	}
	EVP_MD_CTX_free(ctx);
	return e;
}

BIGNUM *key_number(struct bytes magnitude)
{
	/* Secure ones are wiped by all that libcrypto does with them, its parameter builder
	 * included. */
	BIGNUM *n = BN_secure_new();

	if (n != NULL && BN_bin2bn(magnitude.data, (int)magnitude.len, n) == NULL) {
		BN_clear_free(n);
		return NULL;
	}
	if (n != NULL)
		BN_set_flags(n, BN_FLG_CONSTTIME);
	return n;
}

static bool params_ready(struct key_params *p)
{
	if (p->bld == NULL && !p->failed)
		p->bld = OSSL_PARAM_BLD_new();
	p->failed |= p->bld == NULL;
	return !p->failed;
}

void key_params_text(struct key_params *p, const char *name, const char *text)
{
	if (params_ready(p))
		p->failed = OSSL_PARAM_BLD_push_utf8_string(p->bld, name, text, 0) != 1;
}

void key_params_octets(struct key_params *p, const char *name, struct bytes v)
{
	if (params_ready(p))
		p->failed = OSSL_PARAM_BLD_push_octet_string(p->bld, name, v.data, v.len) != 1;
}

void key_params_number(struct key_params *p, const char *name, struct bytes magnitude)
{
	key_params_give(p, name, key_number(magnitude));
}

void key_params_give(struct key_params *p, const char *name, BIGNUM *n)
{
	if (n == NULL || p->held_n == sizeof(p->held) / sizeof(p->held[0])) {
		BN_clear_free(n);
		p->failed = true;
		return;
	}
	p->held[p->held_n++] = n;
	if (params_ready(p))
		p->failed = OSSL_PARAM_BLD_push_BN(p->bld, name, n) != 1;
}

static void params_clear(struct key_params *p)
{
	OSSL_PARAM_BLD_free(p->bld);
	while (p->held_n > 0)
		BN_clear_free(p->held[--p->held_n]);
	*p = (struct key_params){0};
}

static enum err make_key(const char *algorithm, int selection, OSSL_PARAM *params, EVP_PKEY **out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	EVP_PKEY *key = NULL;
	enum err e = ERR_CRYPTO;

	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1) {
		e = EVP_PKEY_fromdata(ctx, &key, selection, params) == 1 ? ERR_OK : ERR_KEY_INVALID;
	}
	/*
	 * libcrypto asks a new key once for the size of its signatures, keeps what it heard, and
	 * does not tell when there was no memory for the answer: such a key of RSA never signs.
	 */
	if (e == ERR_OK && EVP_PKEY_get_size(key) <= 0)
		e = ERR_MEMORY;
	if (e == ERR_OK)
		*out = key;
	else
		EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	return e;
}

/* OSSL_PARAM serves both directions, so its pointer is not const; here it is only read from. */
static OSSL_PARAM octets_param(const char *name, struct bytes v)
{
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)v.data, v.len);
}

enum err key_from_octets(const char *algorithm, const char *private_name, struct bytes private,
    struct bytes public, EVP_PKEY **out)
{
	OSSL_PARAM params[3];
	size_t n = 0;

	if (private.len != 0)
		params[n++] = octets_param(private_name, private);
	if (public.len != 0)
		params[n++] = octets_param(OSSL_PKEY_PARAM_PUB_KEY, public);
	params[n] = OSSL_PARAM_construct_end();
	return make_key(
	    algorithm, private.len != 0 ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params, out);
}

enum err key_params_build(
    struct key_params *p, const char *algorithm, int selection, EVP_PKEY **out)
{
	OSSL_PARAM *params = params_ready(p) ? OSSL_PARAM_BLD_to_param(p->bld) : NULL;
	enum err e = params != NULL ? make_key(algorithm, selection, params, out) : ERR_CRYPTO;

	OSSL_PARAM_free(params);
	params_clear(p);
	return e;
}
