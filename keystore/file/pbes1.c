#include "keystore/file/pbe.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>

#include "proto/base/mem.h"

enum { PBKDF1_OUT = 16, HASH_ROOM = 64 };

enum kdf { KDF_PBKDF1, KDF_PKCS12 };

static const struct cipher des_cbc = {"DES-CBC", 8, 8, true};
static const struct cipher rc2_64_cbc = {"RC2-64-CBC", 8, 8, true};
static const struct cipher rc2_128_cbc = {"RC2-CBC", 16, 8, true};
static const struct cipher rc2_40_cbc = {"RC2-40-CBC", 5, 8, true};
static const struct cipher rc4_128 = {"RC4", 16, 0, true};
static const struct cipher rc4_40 = {"RC4-40", 5, 0, true};
static const struct cipher des3_cbc = {"DES-EDE3-CBC", 24, 8, false};
static const struct cipher des2_cbc = {"DES-EDE-CBC", 16, 8, false};

/* RFC 8018 appendix A.3 (pkcs-5 1, 3, 4, 6, 10, 11) and RFC 7292 appendix C (pkcs-12PbeIds 1 to 6).
 */
static const struct scheme {
	struct bytes oid;
	enum kdf kdf;
	const char *hash;
	const struct cipher *cipher;
} schemes[] = {
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x03"), KDF_PBKDF1, "MD5", &des_cbc},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0a"), KDF_PBKDF1, "SHA1", &des_cbc},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x06"), KDF_PBKDF1, "MD5", &rc2_64_cbc},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0b"), KDF_PBKDF1, "SHA1", &rc2_64_cbc},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x01"), KDF_PKCS12, "SHA1", &rc4_128},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x02"), KDF_PKCS12, "SHA1", &rc4_40},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03"), KDF_PKCS12, "SHA1", &des3_cbc},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x04"), KDF_PKCS12, "SHA1", &des2_cbc},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x05"), KDF_PKCS12, "SHA1", &rc2_128_cbc},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06"), KDF_PKCS12, "SHA1", &rc2_40_cbc},
};

struct salted {
	struct bytes salt;
	uint32_t iterations;
};

static const struct scheme *find(struct bytes oid)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (bytes_equal(oid, schemes[i].oid))
			return &schemes[i];
	}
	return NULL;
}

static enum err read_params(struct reader r, const struct kdf_limits *limits, struct salted *out)
{
	enum err e = der_take(&r, DER_OCTETS, &out->salt);

	if (e == ERR_OK)
		e = der_u32(&r, &out->iterations);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK && (out->iterations == 0 || out->salt.len == 0))
		e = ERR_FORMAT;
	if (e == ERR_OK && out->iterations > limits->iterations)
		e = ERR_FILE_COST;
	return e;
}

/* hash(hash(...(passphrase ‖ salt))), whose first bytes are key and IV (RFC 8018, section 5.1). */
static enum err pbkdf1(
    const EVP_MD *md, const struct bytes *passphrase, const struct salted *s, struct pbe_key *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sum[HASH_ROOM];
	unsigned n = 0;
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) &&
		  EVP_DigestUpdate(ctx, passphrase->data, passphrase->len) &&
		  EVP_DigestUpdate(ctx, s->salt.data, s->salt.len) &&
		  EVP_DigestFinal_ex(ctx, sum, &n);

	for (uint32_t i = 1; ok && i < s->iterations; i++) {
		ok = EVP_DigestInit_ex(ctx, md, NULL) && EVP_DigestUpdate(ctx, sum, n) &&
		     EVP_DigestFinal_ex(ctx, sum, &n);
	}
	ok = ok && n >= PBKDF1_OUT;
	if (ok) {
		memcpy(out->key, sum, out->cipher->key);
		memcpy(out->iv, sum + out->cipher->key, out->cipher->iv);
	}
	mem_wipe(sum, sizeof(sum));
	EVP_MD_CTX_free(ctx);
	return ok ? ERR_OK : ERR_CRYPTO;
}

/* One of PKCS#12's derived values; the passphrase is taken as UTF-8, as openssl takes it. */
static bool pkcs12_value(const EVP_MD *md, const struct bytes *passphrase, const struct salted *s,
    int id, struct blob *value)
{
	/* The call wants pointers it does not write through to be writable. */
	struct blob salt = {0};
	bool ok =
	    blob_copy(&salt, s->salt) == ERR_OK &&
	    PKCS12_key_gen_utf8((const char *)passphrase->data, (int)passphrase->len, salt.data,
		(int)salt.len, id, (int)s->iterations, (int)value->len, value->data, md);

	blob_clear(&salt);
	return ok;
}

static enum err pkcs12(
    const EVP_MD *md, const struct bytes *passphrase, const struct salted *s, struct pbe_key *out)
{
	struct blob key = {out->key, out->cipher->key}, iv = {out->iv, out->cipher->iv};

	if (!pkcs12_value(md, passphrase, s, PKCS12_KEY_ID, &key))
		return ERR_CRYPTO;
	if (iv.len != 0 && !pkcs12_value(md, passphrase, s, PKCS12_IV_ID, &iv))
		return ERR_CRYPTO;
	return ERR_OK;
}

enum err pbes1_derive(
    struct bytes oid, struct reader params, const struct unlock *with, struct pbe_key *out)
{
	const struct scheme *scheme = find(oid);
	struct salted s;
	EVP_MD *md;
	enum err e;

	if (scheme == NULL)
		return ERR_FILE_CIPHER;
	e = read_params(params, with->limits, &s);
	if (e != ERR_OK)
		return e;
	md = EVP_MD_fetch(NULL, scheme->hash, NULL);
	out->cipher = scheme->cipher;
	if (md == NULL)
		e = ERR_FILE_KDF;
	else if (scheme->kdf == KDF_PBKDF1)
		e = pbkdf1(md, with->passphrase, &s, out);
	else
		e = pkcs12(md, with->passphrase, &s, out);
	EVP_MD_free(md);
	ERR_clear_error();
	return e;
}
