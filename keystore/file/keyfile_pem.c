/* OpenSSL's traditional files: PKCS#1, SEC 1 and DSA keys, encrypted as RFC 1421 frames it. */
#include <string.h>

#include <openssl/evp.h>

#include "keystore/file/armor.h"
#include "keystore/file/cipher.h"
#include "keystore/file/derkey.h"
#include "keystore/file/lines.h"
#include "proto/base/mem.h"

enum { MD5_LEN = 16, SALT = 8 };

/* Names as DEK-Info has them.  The first five are what ssh-keygen and openssl wrote for decades. */
static const struct dek {
	const char *name;
	struct cipher cipher;
} deks[] = {
    {"DES-EDE3-CBC", {"DES-EDE3-CBC", 24, 8, false}},
    {"AES-128-CBC", {"AES-128-CBC", 16, 16, false}},
    {"AES-192-CBC", {"AES-192-CBC", 24, 16, false}},
    {"AES-256-CBC", {"AES-256-CBC", 32, 16, false}},
    {"DES-CBC", {"DES-CBC", 8, 8, true}},
    {"CAMELLIA-128-CBC", {"CAMELLIA-128-CBC", 16, 16, false}},
    {"CAMELLIA-192-CBC", {"CAMELLIA-192-CBC", 24, 16, false}},
    {"CAMELLIA-256-CBC", {"CAMELLIA-256-CBC", 32, 16, false}},
    {"ARIA-128-CBC", {"ARIA-128-CBC", 16, 16, false}},
    {"ARIA-192-CBC", {"ARIA-192-CBC", 24, 16, false}},
    {"ARIA-256-CBC", {"ARIA-256-CBC", 32, 16, false}},
    {"SEED-CBC", {"SEED-CBC", 16, 16, true}},
    {"IDEA-CBC", {"IDEA-CBC", 16, 8, true}},
    {"BF-CBC", {"BF-CBC", 16, 8, true}},
    {"CAST5-CBC", {"CAST5-CBC", 16, 8, true}},
};

static const struct cipher *find_dek(struct bytes name)
{
	for (size_t i = 0; i < sizeof(deks) / sizeof(deks[0]); i++) {
		if (bytes_is(name, deks[i].name))
			return &deks[i].cipher;
	}
	return NULL;
}

/* DEK-Info: NAME,IV. */
static enum err read_dek(
    struct bytes info, const struct cipher **cipher, uint8_t iv[CIPHER_IV_MOST])
{
	struct bytes name, rest = info;

	if (!split_at(&rest, ',', &name))
		return ERR_FORMAT;
	*cipher = find_dek(name);
	return *cipher != NULL ? hex_decode(rest, iv, (*cipher)->iv) : ERR_FILE_CIPHER;
}

/* MD5 chained over passphrase and salt (the first 8 bytes of the IV): EVP_BytesToKey with one
 * round. */
static enum err derive(struct bytes passphrase, const uint8_t *salt, uint8_t *key, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sum[MD5_LEN] = {0};
	size_t done = 0, part;
	enum err e = ERR_OK;

	if (ctx == NULL)
		return ERR_MEMORY;
	while (done < n && e == ERR_OK) {
		if (!EVP_DigestInit_ex(ctx, EVP_md5(), NULL) ||
		    !EVP_DigestUpdate(ctx, sum, done != 0 ? sizeof(sum) : 0) ||
		    !EVP_DigestUpdate(ctx, passphrase.data, passphrase.len) ||
		    !EVP_DigestUpdate(ctx, salt, SALT) || !EVP_DigestFinal_ex(ctx, sum, NULL)) {
			e = ERR_CRYPTO;
			break;
		}
		part = n - done < sizeof(sum) ? n - done : sizeof(sum);
		memcpy(key + done, sum, part);
		done += part;
	}
	mem_wipe(sum, sizeof(sum));
	EVP_MD_CTX_free(ctx);
	return e;
}

static enum err decrypt(
    const struct armor *a, const struct unlock *with, struct bytes in, struct blob *der)
{
	uint8_t key[CIPHER_KEY_MOST], iv[CIPHER_IV_MOST];
	struct cipher_run run = {.key = key, .iv = iv, .padding = CIPHER_PADDED};
	enum err e = read_dek(a->dek_info, &run.cipher, iv);

	if (e == ERR_OK && with->passphrase == NULL)
		e = ERR_PASSPHRASE_NEEDED;
	if (e == ERR_OK)
		e = derive(*with->passphrase, iv, key, run.cipher->key);
	if (e == ERR_OK)
		e = cipher_decrypt(&run, in, der);
	if (e == ERR_OK && !derkey_plausible(blob_view(der)))
		e = ERR_PASSPHRASE;
	mem_wipe(key, sizeof(key));
	return e;
}

static enum err read_der(struct bytes label, struct bytes der, struct keyfile_key *out)
{
	if (bytes_is(label, "RSA PRIVATE KEY"))
		return derkey_rsa(der, out);
	if (bytes_is(label, "DSA PRIVATE KEY"))
		return derkey_dsa(der, out);
	return derkey_ec(der, BYTES_NONE, out);
}

static enum err decode(
    const struct key_text *text, const struct unlock *with, struct keyfile_key *out)
{
	struct blob body = {0}, plain = {0};
	struct armor armor;
	enum err e = armor_split(text->body, &armor);

	if (e == ERR_OK)
		e = armor_decode(armor.base64, &body);
	if (e == ERR_OK && !armor.encrypted)
		plain = blob_move(&body);
	else if (e == ERR_OK)
		e = decrypt(&armor, with, blob_view(&body), &plain);
	if (e == ERR_OK)
		e = read_der(text->label, blob_view(&plain), out);
	blob_clear(&plain);
	blob_clear(&body);
	return e;
}

static enum err probe(const struct key_text *text, struct keyfile_info *out)
{
	struct armor armor;
	enum err e = armor_split(text->body, &armor);

	if (e != ERR_OK)
		return e;
	out->encrypted = armor.encrypted;
	return armor.encrypted ? ERR_OK : keyfile_probe_by_decoding(&keyfile_pem, text, out);
}

const struct keyfile_format keyfile_pem = {"PEM", probe, decode};
