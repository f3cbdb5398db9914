#include "keystore/crypto.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "keystore/secretmem.h"

/* Rows follow enum hash_id; HASH_NONE has none. */
static const char *const hash_names[] = {
    [HASH_SHA1] = "SHA1",
    [HASH_SHA256] = "SHA256",
    [HASH_SHA384] = "SHA384",
    [HASH_SHA512] = "SHA512",
};

enum { HASHES = sizeof(hash_names) / sizeof(hash_names[0]) };

/*
 * Fetched by crypto_start and constant from then on: a fetch by name for each digest
 * costs more than the digest.
 */
static EVP_MD *hashes[HASHES];

void crypto_clean_environment(void)
{
	extern char **environ;
	char **from = environ;
	char **to = environ;

	if (environ == NULL)
		return;
	for (; *from != NULL; from++)
		if (strncmp(*from, "OPENSSL_", strlen("OPENSSL_")) != 0)
			*to++ = *from;
	*to = NULL;
}

/* No destructor at exit either: threads may still be signing then. */
enum err crypto_start(void)
{
	const uint64_t options = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT |
				 OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS;

	if (OPENSSL_init_crypto(options, NULL) != 1)
		return ERR_CRYPTO;
	for (size_t i = 0; i < HASHES; i++) {
		if (hash_names[i] == NULL || hashes[i] != NULL)
			continue;
		hashes[i] = EVP_MD_fetch(NULL, hash_names[i], NULL);
		if (hashes[i] == NULL)
			return ERR_CRYPTO;
	}
	return ERR_OK;
}

/*
 * A fetched method stays in libcrypto's store when its handle is freed, so that the later
 * fetch by name finds it there.
 */
static bool fetch_key_type(const char *name)
{
	EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(NULL, name, NULL);
	const bool found = keymgmt != NULL;

	EVP_KEYMGMT_free(keymgmt);
	return found;
}

static bool fetch_signature(const char *name)
{
	EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(NULL, name, NULL);
	const bool found = signature != NULL;

	EVP_SIGNATURE_free(signature);
	return found;
}

static bool fetch_cipher(const char *name)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	const bool found = cipher != NULL;

	EVP_CIPHER_free(cipher);
	return found;
}

/* What may be missing: FIPS builds have no MD5, older libcrypto no ML-DSA. */
static void fetch_optional(void)
{
	EVP_MD *md5 = EVP_MD_fetch(NULL, "MD5", NULL);

	EVP_MD_free(md5);
	if (fetch_key_type("ML-DSA-44"))
		fetch_signature("ML-DSA-44");
	ERR_clear_error();
}

static bool fetch_all(void)
{
	static const struct {
		const char *key_type;
		const char *signature;
	} kinds[] = {{"RSA", "RSA"}, {"EC", "ECDSA"}, {"ED25519", "ED25519"}, {"ED448", "ED448"},
	    {"DSA", "DSA"}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!fetch_key_type(kinds[i].key_type) || !fetch_signature(kinds[i].signature))
			return false;
	fetch_optional();
	return fetch_cipher("AES-256-GCM");
}

/* One signature with a throw-away key makes libcrypto build its tables and locks. */
static bool try_signing(const char *key_type, const char *curve, const char *hash)
{
	static const unsigned char text[] = "warm-up";
	unsigned char signature[1024];
	size_t length = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY *key;
	bool done;

	key = curve != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, key_type, curve)
			    : EVP_PKEY_Q_keygen(NULL, NULL, key_type);
	done = context != NULL && key != NULL &&
	       EVP_DigestSignInit_ex(context, NULL, hash, NULL, NULL, key, NULL) == 1 &&
	       EVP_DigestSign(context, signature, &length, text, sizeof(text)) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return done;
}

/* The text of an error that has just been raised: the first one loads string tables. */
static void touch_error_strings(void)
{
	char text[256];

	ERR_raise(ERR_LIB_EVP, EVP_R_UNSUPPORTED_ALGORITHM);
	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
}

/*
 * The random generators are made after the seal, since their state is a secret; what is
 * fetched before it holds none.  Nor does this stack keep what they were seeded with.
 */
enum err crypto_warm_up(void)
{
	uint8_t random[16];
	uint8_t digest[HASH_MOST];
	size_t n;

	if (!fetch_all())
		return ERR_CRYPTO;
	touch_error_strings();
	secretmem_seal_startup();
	if (crypto_random(random, sizeof(random)) != ERR_OK ||
	    RAND_bytes(random, sizeof(random)) != 1)
		return ERR_CRYPTO;
	if (crypto_hash(HASH_SHA256, BYTES_NONE, digest, &n) != ERR_OK)
		return ERR_CRYPTO;
	if (!try_signing("EC", "P-256", "SHA256") || !try_signing("ED25519", NULL, NULL))
		return ERR_CRYPTO;
	mem_wipe(random, sizeof(random));
	secret_stack_clean();
	return ERR_OK;
}

const char *crypto_providers(void)
{
	return OPENSSL_info(OPENSSL_INFO_MODULES_DIR);
}

enum err crypto_hash(enum hash_id hash, struct bytes data, uint8_t *out, size_t *n)
{
	unsigned length;

	if ((size_t)hash >= HASHES || hashes[hash] == NULL)
		return ERR_UNSUPPORTED;
	if (EVP_Digest(data.data, data.len, out, &length, hashes[hash], NULL) != 1)
		return ERR_CRYPTO;
	*n = length;
	return ERR_OK;
}

/* From libcrypto's private generator, the one it makes keys with. */
enum err crypto_random(void *out, size_t n)
{
	if (n > INT_MAX || RAND_priv_bytes(out, (int)n) != 1)
		return ERR_CRYPTO;
	return ERR_OK;
}
