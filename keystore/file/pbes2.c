#include "keystore/file/pbe.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

static const struct bytes oid_pbkdf2 = OID("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c");
static const struct bytes oid_scrypt = OID("\x2b\x06\x01\x04\x01\xda\x47\x04\x0b");

/* HMACs for PBKDF2 by libcrypto's name of the hash: RFC 8018 appendix B.1.2, and NIST's for SHA-3.
 */
static const struct prf {
	struct bytes oid;
	const char *hash;
} prfs[] = {
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x07"), "SHA1"},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x08"), "SHA224"},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x09"), "SHA256"},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x0a"), "SHA384"},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x0b"), "SHA512"},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x0c"), "SHA512-224"},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x0d"), "SHA512-256"},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x02\x06"), "MD5"},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x02\x0d"), "SHA3-224"},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x02\x0e"), "SHA3-256"},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x02\x0f"), "SHA3-384"},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x02\x10"), "SHA3-512"},
};

/* Ciphers whose only parameter is the IV. */
static const struct scheme {
	struct bytes oid;
	struct cipher cipher;
} schemes[] = {
    {OID("\x60\x86\x48\x01\x65\x03\x04\x01\x02"), {"AES-128-CBC", 16, 16, false}},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x01\x16"), {"AES-192-CBC", 24, 16, false}},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x01\x2a"), {"AES-256-CBC", 32, 16, false}},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x03\x07"), {"DES-EDE3-CBC", 24, 8, false}},
    {OID("\x2b\x0e\x03\x02\x07"), {"DES-CBC", 8, 8, true}},
    {OID("\x2a\x83\x08\x8c\x9a\x4b\x3d\x01\x01\x01\x02"), {"CAMELLIA-128-CBC", 16, 16, false}},
    {OID("\x2a\x83\x08\x8c\x9a\x4b\x3d\x01\x01\x01\x03"), {"CAMELLIA-192-CBC", 24, 16, false}},
    {OID("\x2a\x83\x08\x8c\x9a\x4b\x3d\x01\x01\x01\x04"), {"CAMELLIA-256-CBC", 32, 16, false}},
    {OID("\x2a\x83\x1a\x8c\x9a\x6e\x01\x01\x02"), {"ARIA-128-CBC", 16, 16, false}},
    {OID("\x2a\x83\x1a\x8c\x9a\x6e\x01\x01\x07"), {"ARIA-192-CBC", 24, 16, false}},
    {OID("\x2a\x83\x1a\x8c\x9a\x6e\x01\x01\x0c"), {"ARIA-256-CBC", 32, 16, false}},
    {OID("\x2a\x83\x1a\x8c\x9a\x44\x01\x04"), {"SEED-CBC", 16, 16, true}},
    {OID("\x2b\x06\x01\x04\x01\x97\x55\x01\x02"), {"BF-CBC", 16, 8, true}},
};

static enum err read_scheme(struct reader *r, struct pbe_key *out)
{
	struct reader algorithm;
	struct bytes oid, iv;
	enum err e = der_enter(r, DER_SEQUENCE, &algorithm);

	if (e == ERR_OK)
		e = der_take(&algorithm, DER_OID, &oid);
	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (bytes_equal(oid, schemes[i].oid))
			out->cipher = &schemes[i].cipher;
	}
	if (out->cipher == NULL)
		return ERR_FILE_CIPHER;
	e = der_take(&algorithm, DER_OCTETS, &iv);
	if (e == ERR_OK)
		e = reader_end(&algorithm);
	if (e == ERR_OK && iv.len != out->cipher->iv)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		memcpy(out->iv, iv.data, iv.len);
	return e;
}

/* The optional key length must be the cipher's. */
static enum err read_key_length(struct reader *r, const struct cipher *cipher)
{
	uint32_t n;
	enum err e;

	if (!der_next_is(r, DER_INTEGER))
		return ERR_OK;
	e = der_u32(r, &n);
	return e == ERR_OK && n != cipher->key ? ERR_FORMAT : e;
}

static enum err read_prf(struct reader *r, const char **hash)
{
	struct reader algorithm;
	struct bytes oid;
	enum err e;

	*hash = prfs[0].hash; /* the default, when it is left out */
	if (r->left == 0)
		return ERR_OK;
	e = der_enter(r, DER_SEQUENCE, &algorithm);
	if (e == ERR_OK)
		e = der_take(&algorithm, DER_OID, &oid);
	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < sizeof(prfs) / sizeof(prfs[0]); i++) {
		if (bytes_equal(oid, prfs[i].oid)) {
			*hash = prfs[i].hash;
			return ERR_OK;
		}
	}
	return ERR_FILE_KDF;
}

static enum err run_pbkdf2(const struct unlock *with, struct bytes salt, uint32_t iterations,
    const char *hash, struct pbe_key *out)
{
	EVP_MD *md = EVP_MD_fetch(NULL, hash, NULL);
	enum err e = ERR_FILE_KDF;

	if (md == NULL)
		goto out;
	e = PKCS5_PBKDF2_HMAC((const char *)with->passphrase->data, (int)with->passphrase->len,
		salt.data, (int)salt.len, (int)iterations, md, (int)out->cipher->key, out->key)
		? ERR_OK
		: ERR_CRYPTO;
out:
	EVP_MD_free(md);
	ERR_clear_error();
	return e;
}

static enum err pbkdf2(struct reader r, const struct unlock *with, struct pbe_key *out)
{
	struct bytes salt;
	uint32_t iterations;
	const char *hash;
	enum err e = der_take(&r, DER_OCTETS, &salt);

	if (e == ERR_OK)
		e = der_u32(&r, &iterations);
	if (e == ERR_OK)
		e = read_key_length(&r, out->cipher);
	if (e == ERR_OK)
		e = read_prf(&r, &hash);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK && iterations == 0)
		e = ERR_FORMAT;
	if (e == ERR_OK && iterations > with->limits->iterations)
		e = ERR_FILE_COST;
	return e == ERR_OK ? run_pbkdf2(with, salt, iterations, hash, out) : e;
}

struct scrypt {
	struct bytes salt;
	uint32_t n, r, p;
};

static enum err read_scrypt(struct reader r, const struct cipher *cipher, struct scrypt *out)
{
	enum err e = der_take(&r, DER_OCTETS, &out->salt);

	if (e == ERR_OK)
		e = der_u32(&r, &out->n);
	if (e == ERR_OK)
		e = der_u32(&r, &out->r);
	if (e == ERR_OK)
		e = der_u32(&r, &out->p);
	if (e == ERR_OK)
		e = read_key_length(&r, cipher);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK &&
	    (out->n < 2 || (out->n & (out->n - 1)) != 0 || out->r == 0 || out->p == 0))
		e = ERR_FORMAT;
	return e;
}

/* scrypt fills n blocks of 128·r bytes and reads them once more, p times. */
static bool scrypt_is_dear(const struct scrypt *s, const struct kdf_limits *limits)
{
	uint64_t kib;

	if (s->r > limits->memory || s->p > limits->memory)
		return true; /* also keeps the products below in range */
	kib = (uint64_t)s->n * s->r / 8;
	return kib > limits->memory || s->r / 8 * (uint64_t)s->p > limits->memory ||
	       2 * kib * s->p > limits->work;
}

static enum err scrypt(struct reader r, const struct unlock *with, struct pbe_key *out)
{
	/* libcrypto counts some bytes more than the table itself. */
	const uint64_t most = ((uint64_t)with->limits->memory + 1024) * 2048;
	struct scrypt s;
	enum err e = read_scrypt(r, out->cipher, &s);

	if (e == ERR_OK && scrypt_is_dear(&s, with->limits))
		e = ERR_FILE_COST;
	if (e != ERR_OK)
		return e;
	if (!EVP_PBE_scrypt((const char *)with->passphrase->data, with->passphrase->len,
		s.salt.data, s.salt.len, s.n, s.r, s.p, most, out->key, out->cipher->key))
		e = ERR_CRYPTO;
	ERR_clear_error();
	return e;
}

enum err pbes2_derive(struct reader params, const struct unlock *with, struct pbe_key *out)
{
	struct reader kdf, kdf_params;
	struct bytes oid;
	enum err e = der_enter(&params, DER_SEQUENCE, &kdf);

	if (e == ERR_OK)
		e = der_take(&kdf, DER_OID, &oid);
	if (e == ERR_OK)
		e = der_enter(&kdf, DER_SEQUENCE, &kdf_params);
	if (e == ERR_OK)
		e = reader_end(&kdf);
	if (e == ERR_OK)
		e = read_scheme(&params, out);
	if (e == ERR_OK)
		e = reader_end(&params);
	if (e != ERR_OK)
		return e;
	if (bytes_equal(oid, oid_pbkdf2))
		return pbkdf2(kdf_params, with, out);
	return bytes_equal(oid, oid_scrypt) ? scrypt(kdf_params, with, out) : ERR_FILE_KDF;
}
