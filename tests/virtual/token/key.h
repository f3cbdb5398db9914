/* The keys of a virtual smartcard, on libcrypto, and what PIV and OpenPGP cards do with them. */
#ifndef SIGNET_TESTS_VIRTUAL_TOKEN_KEY_H
#define SIGNET_TESTS_VIRTUAL_TOKEN_KEY_H

#include <openssl/evp.h>

#include "proto/builder.h"

/* name in options | what libcrypto calls it | its curve | bits of the modulus or the field */
#define KEY_LIST(X)                                                                                \
	X(KEY_RSA1024, "rsa1024", "RSA", NULL, 1024)                                               \
	X(KEY_RSA2048, "rsa2048", "RSA", NULL, 2048)                                               \
	X(KEY_RSA3072, "rsa3072", "RSA", NULL, 3072)                                               \
	X(KEY_RSA4096, "rsa4096", "RSA", NULL, 4096)                                               \
	X(KEY_P256, "p256", "EC", "P-256", 256)                                                    \
	X(KEY_P384, "p384", "EC", "P-384", 384)                                                    \
	X(KEY_P521, "p521", "EC", "P-521", 521)                                                    \
	X(KEY_ED25519, "ed25519", "ED25519", NULL, 255)                                            \
	X(KEY_X25519, "x25519", "X25519", NULL, 255)

enum key_algorithm {
#define KEY_ENUM(name, text, type, curve, bits) name,
	KEY_LIST(KEY_ENUM)
#undef KEY_ENUM
};

bool key_parse(struct bytes text, enum key_algorithm *out);
bool key_is_rsa(enum key_algorithm algorithm);
/* Bytes of the modulus, of the field, of the key. */
size_t key_size(enum key_algorithm algorithm);

/* ERR_CRYPTO is all that goes wrong below, unless it says otherwise.  The caller frees the keys. */
enum err key_make(enum key_algorithm algorithm, EVP_PKEY **out);
/* PKCS#8, appended; and back. */
enum err key_save(EVP_PKEY *key, struct builder *out);
enum err key_load(struct bytes der, EVP_PKEY **out);

/* n and e of RSA, both without leading zeros; the point of the others. */
enum err key_modulus(EVP_PKEY *key, struct builder *n, struct builder *e);
enum err key_point(EVP_PKEY *key, struct builder *out);
/* As GENERATE ASYMMETRIC KEY PAIR of PIV and of OpenPGP gives it: 81 and 82, or 86. */
enum err key_template(EVP_PKEY *key, struct builder *out);

/* A self-signed certificate, DER, appended.  decrypts: it says so of the key, else that it signs.
 */
enum err key_certify(EVP_PKEY *key, const char *name, bool decrypts, struct builder *out);

/*
 * The bare private operation, appended to out: RSA of a number as long as the modulus (ERR_FORMAT:
 * it is another); ECDSA of a digest, in DER; Ed25519 of the data.
 */
enum err key_sign(EVP_PKEY *key, struct bytes data, struct builder *out);
/* The same, but RSA pads (PKCS#1, type 1), and ECDSA is r and s, each as long as the field. */
enum err key_sign_padded(EVP_PKEY *key, struct bytes data, struct builder *out);
/* RSA: what was encrypted, padded as PKCS#1 has it; else the secret shared with that point. */
enum err key_decipher(EVP_PKEY *key, struct bytes data, struct builder *out);

#endif
