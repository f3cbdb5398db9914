/*
 * The cryptography of an authenticator, on libcrypto.  Keys are 32 byte seeds: the private scalar
 * of P-256, or the private key of Ed25519.  Functions give ERR_CRYPTO when the library fails or a
 * seed is no key.
 */
#ifndef SIGNET_TESTS_VIRTUAL_CRYPTO_H
#define SIGNET_TESTS_VIRTUAL_CRYPTO_H

#include "proto/builder.h"

enum { SEED_LEN = 32, HASH_LEN = 32, AES_BLOCK = 16, SEAL_OVERHEAD = 12 + 16, SIGNATURE_MAX = 72 };

/* COSE algorithm numbers (RFC 9053, and -25 as CTAP 2.1, section 6.5.6 writes it). */
enum algorithm { ALG_ES256 = -7, ALG_EDDSA = -8, ALG_ECDH = -25 };

enum err vcrypto_random(void *out, size_t n);
enum err vcrypto_sha256(struct bytes data, uint8_t out[HASH_LEN]);
/* HMAC-SHA-256 of a followed by b. */
enum err vcrypto_hmac(struct bytes key, struct bytes a, struct bytes b, uint8_t out[HASH_LEN]);

/* AES-256-CBC without padding; in.len must be a multiple of AES_BLOCK; out holds as much. */
enum err vcrypto_encrypt(
    const uint8_t key[32], const uint8_t iv[AES_BLOCK], struct bytes in, uint8_t *out);
enum err vcrypto_decrypt(
    const uint8_t key[32], const uint8_t iv[AES_BLOCK], struct bytes in, uint8_t *out);

/* AES-256-GCM: out holds SEAL_OVERHEAD more than in.  Open fails unless key and both texts are
 * right. */
enum err vcrypto_seal(const uint8_t key[32], struct bytes bound, struct bytes in, uint8_t *out);
enum err vcrypto_open(const uint8_t key[32], struct bytes bound, struct bytes in, uint8_t *out);

/* A new seed that is a key of every algorithm. */
enum err vcrypto_seed(uint8_t seed[SEED_LEN]);

/* The public key: x and y each 32 bytes; for ALG_EDDSA x alone, and y is left. */
enum err vcrypto_public(enum algorithm alg, const uint8_t seed[SEED_LEN], uint8_t *x, uint8_t *y);

/* ES256: ECDSA in DER over the message's SHA-256; EdDSA: 64 bytes.  out has SIGNATURE_MAX. */
enum err vcrypto_sign(enum algorithm alg, const uint8_t seed[SEED_LEN], struct bytes message,
    uint8_t *out, size_t *n);

/* The x coordinate of our scalar times their point; ERR_CRYPTO for a point off the curve. */
enum err vcrypto_agree(
    const uint8_t seed[SEED_LEN], const uint8_t x[32], const uint8_t y[32], uint8_t out[32]);

/* HKDF-SHA-256 with a salt of zeros, one block (RFC 5869). */
enum err vcrypto_hkdf(struct bytes secret, const char *info, uint8_t out[32]);

/* A self-signed certificate of the P-256 key for attestation, DER, appended to out. */
enum err vcrypto_certificate(
    const uint8_t seed[SEED_LEN], const uint8_t aaguid[16], struct builder *out);

#endif
