#include "keystore/file/cipher.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "proto/base/mem.h"

enum { BLOCK_MOST = 32, TAG = 16, POLY_KEY = 32 };

/* Where a cipher comes from. */
struct origin {
	OSSL_LIB_CTX *lib;
	OSSL_PROVIDER *legacy;
	EVP_CIPHER *cipher;
};

static void origin_close(struct origin *o)
{
	EVP_CIPHER_free(o->cipher);
	if (o->legacy != NULL)
		OSSL_PROVIDER_unload(o->legacy);
	OSSL_LIB_CTX_free(o->lib);
	/* What failed has been told by our own error; nobody reads the queue. */
	ERR_clear_error();
}

/* A fresh library context reads no configuration, so only this provider is in it. */
static enum err open_legacy(struct origin *o)
{
	o->lib = OSSL_LIB_CTX_new();
	if (o->lib == NULL)
		return ERR_MEMORY;
	o->legacy = OSSL_PROVIDER_load(o->lib, "legacy");
	return o->legacy != NULL ? ERR_OK : ERR_LEGACY;
}

static enum err origin_open(const struct cipher *c, struct origin *o)
{
	enum err e = c->legacy ? open_legacy(o) : ERR_OK;

	if (e != ERR_OK)
		return e;
	o->cipher = EVP_CIPHER_fetch(o->lib, c->name, NULL);
	if (o->cipher == NULL)
		return ERR_FILE_CIPHER;
	if ((size_t)EVP_CIPHER_get_key_length(o->cipher) != c->key ||
	    (size_t)EVP_CIPHER_get_iv_length(o->cipher) != c->iv)
		return ERR_CRYPTO;
	return ERR_OK;
}

static enum err start(EVP_CIPHER_CTX *ctx, const struct origin *o, const struct cipher_run *run)
{
	struct bytes tag = run->tag;
	uint8_t copy[TAG];

	if (!EVP_DecryptInit_ex2(ctx, o->cipher, run->key, run->iv, NULL) ||
	    !EVP_CIPHER_CTX_set_padding(ctx, run->padding == CIPHER_PADDED))
		return ERR_CRYPTO;
	if (tag.len == 0)
		return ERR_OK;
	if (tag.len != sizeof(copy))
		return ERR_CRYPTO;
	memcpy(copy, tag.data, sizeof(copy)); /* the call wants it writable */
	if (!EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag.len, copy))
		return ERR_CRYPTO;
	return ERR_OK;
}

static enum err decrypt(EVP_CIPHER_CTX *ctx, struct bytes in, uint8_t *out, size_t *n)
{
	int first, last;

	if (!EVP_DecryptUpdate(ctx, out, &first, in.data, (int)in.len))
		return ERR_CRYPTO;
	if (!EVP_DecryptFinal_ex(ctx, out + first, &last))
		return ERR_PASSPHRASE;
	*n = (size_t)first + (size_t)last;
	return ERR_OK;
}

enum err cipher_decrypt(const struct cipher_run *run, struct bytes in, struct blob *out)
{
	struct origin origin = {0};
	EVP_CIPHER_CTX *ctx = NULL;
	uint8_t *plain = NULL;
	size_t n = 0;
	enum err e;

	if (in.len == 0 || in.len > INT_MAX - BLOCK_MOST)
		return ERR_FORMAT;
	e = origin_open(run->cipher, &origin);
	if (e != ERR_OK)
		goto out;
	ctx = EVP_CIPHER_CTX_new();
	plain = mem_alloc(in.len + BLOCK_MOST + 1);
	e = ctx != NULL && plain != NULL ? start(ctx, &origin, run) : ERR_MEMORY;
	if (e == ERR_OK)
		e = decrypt(ctx, in, plain, &n);
	if (e == ERR_OK) {
		plain[n] = '\0';
		*out = (struct blob){plain, n};
		plain = NULL;
	}
out:
	mem_free(plain);
	EVP_CIPHER_CTX_free(ctx);
	origin_close(&origin);
	return e;
}

/* One use of ChaCha20 with 64-bit block counter and zero nonce, as the construction has it. */
static enum err chacha20(const uint8_t *key, uint8_t counter, struct bytes in, struct blob *out)
{
	static const struct cipher cipher = {"ChaCha20", 32, 16, false};
	const uint8_t iv[16] = {counter}; /* counter, little-endian, then nonce */
	const struct cipher_run run = {&cipher, key, iv, CIPHER_BARE, BYTES_NONE};

	return cipher_decrypt(&run, in, out);
}

static enum err poly1305(const uint8_t *key, struct bytes in, uint8_t tag[TAG])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	enum err e = ERR_CRYPTO;
	size_t n;

	if (ctx != NULL && EVP_MAC_init(ctx, key, POLY_KEY, NULL) &&
	    EVP_MAC_update(ctx, in.data, in.len) && EVP_MAC_final(ctx, tag, &n, TAG))
		e = ERR_OK;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return e;
}

enum err chachapoly_decrypt(const uint8_t *key, struct bytes in, struct bytes tag, struct blob *out)
{
	static const uint8_t zeros[POLY_KEY];
	struct blob poly_key = {0};
	uint8_t own[TAG];
	enum err e;

	if (tag.len != TAG)
		return ERR_FORMAT;
	/* Block 0 gives the key of the tag; the text is encrypted from block 1 on. */
	e = chacha20(key, 0, BYTES(zeros, sizeof(zeros)), &poly_key);
	if (e == ERR_OK)
		e = poly1305(poly_key.data, in, own);
	if (e == ERR_OK && !mem_equal(own, tag.data, TAG))
		e = ERR_PASSPHRASE;
	if (e == ERR_OK)
		e = chacha20(key, 1, in, out);
	blob_clear(&poly_key);
	return e;
}
