#include "keystore/shield.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "keystore/crypto.h"
#include "proto/base/mem.h"

/* The sealed form is nonce, tag, ciphertext. */
enum { PAGE = 4096, KEY = 32, NONCE = 12, TAG = 16, OVERHEAD = NONCE + TAG };

/* Both made by shield_start and constant from then on; each process has one. */
static struct {
	uint8_t *page; /* random bytes in mem.h memory */
	EVP_CIPHER *cipher;
} shield;

enum err shield_start(void)
{
	uint8_t *page = mem_alloc(PAGE);
	enum err e = page == NULL ? ERR_MEMORY : crypto_random(page, PAGE);

	if (e == ERR_OK) {
		shield.cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
		if (shield.cipher == NULL)
			e = ERR_CRYPTO;
	}
	if (e != ERR_OK) {
		mem_free(page);
		return e;
	}
	shield.page = page;
	return ERR_OK;
}

bool shield_ready(void)
{
	return shield.page != NULL;
}

/*
 * A cipher context under the key of the page, which lives on this stack no longer than
 * this call.  NULL on failure.
 */
static EVP_CIPHER_CTX *context_new(const uint8_t *nonce, int encrypt)
{
	uint8_t key[HASH_MOST];
	size_t n;
	EVP_CIPHER_CTX *context = NULL;

	if (shield.page == NULL || crypto_hash(HASH_SHA512, BYTES(shield.page, PAGE), key, &n))
		goto out;
	context = EVP_CIPHER_CTX_new();
	if (context != NULL &&
	    EVP_CipherInit_ex2(context, shield.cipher, key, nonce, encrypt, NULL) != 1) {
		EVP_CIPHER_CTX_free(context);
		context = NULL;
	}
out:
	mem_wipe(key, sizeof(key));
	return context;
}

enum err shield_seal(struct bytes plain, struct shielded *out)
{
	EVP_CIPHER_CTX *context = NULL;
	uint8_t *data = NULL;
	enum err e = ERR_CRYPTO;
	int n;

	if (plain.len > INT_MAX - OVERHEAD)
		return ERR_TOO_LONG;
	data = malloc(OVERHEAD + plain.len);
	if (data == NULL)
		return ERR_MEMORY;
	if (crypto_random(data, NONCE) != ERR_OK)
		goto out;
	context = context_new(data, 1);
	if (context == NULL ||
	    EVP_EncryptUpdate(context, data + OVERHEAD, &n, plain.data, (int)plain.len) != 1 ||
	    EVP_EncryptFinal_ex(context, data + OVERHEAD + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, data + NONCE) != 1)
		goto out;
	*out = (struct shielded){data, OVERHEAD + plain.len};
	data = NULL;
	e = ERR_OK;
out:
	EVP_CIPHER_CTX_free(context);
	free(data);
	return e;
}

enum err shield_open(const struct shielded *s, struct blob *out)
{
	struct blob plain = {NULL, 0};
	EVP_CIPHER_CTX *context = NULL;
	enum err e = ERR_CRYPTO;
	int n;

	if (s->len < OVERHEAD || s->len > INT_MAX)
		return ERR_CRYPTO;
	plain.len = s->len - OVERHEAD;
	plain.data = mem_alloc(plain.len + 1);
	if (plain.data == NULL)
		return ERR_MEMORY;
	context = context_new(s->data, 0);
	if (context == NULL ||
	    EVP_DecryptUpdate(context, plain.data, &n, s->data + OVERHEAD, (int)plain.len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, s->data + NONCE) != 1 ||
	    EVP_DecryptFinal_ex(context, plain.data + n, &n) != 1)
		goto out;
	blob_clear(out);
	*out = blob_move(&plain);
	e = ERR_OK;
out:
	EVP_CIPHER_CTX_free(context);
	blob_clear(&plain);
	return e;
}

void shield_free(struct shielded *s)
{
	free(s->data);
	*s = (struct shielded){NULL, 0};
}
