/*
 * Between key.c and the families (key_rsa.c, ...): what a family has to give,
 * and what several of them share.  Only keystore/key*.c include this.
 */
#ifndef SIGNET_KEY_IMPL_H
#define SIGNET_KEY_IMPL_H

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "keystore/key.h"

/* A key, or its public half, as libcrypto holds it.  second is for composite keys; both may be used
 * by many threads at once. */
struct key_parts {
	EVP_PKEY *main, *second;
};

void key_parts_free(struct key_parts *parts);

/*
 * Everything for one signature, prepared: used by one thread at a time, and
 * again and again.  Points into the key that it was prepared from.
 */
struct key_context {
	const struct key_parts *parts;
	EVP_PKEY_CTX *pkey;  /* for those that sign a digest */
	EVP_MD_CTX *message; /* for those that sign a message */
};

struct key_ops {
	/* libcrypto's names of what it must have; the second may be NULL. */
	const char *algorithms[2];
	/* A signature takes so long that the event loop must not make it. */
	bool slow;
	/* The private half stays in a device (key_is_sk): only check and verify are there. */
	bool token;

	/* Secret memory that such a key takes in libcrypto, its first signature included; bytes. */
	size_t (*weight)(const struct privkey *pk);

	/*
	 * Do the numbers fit together?  ERR_KEY_MISMATCH when only the public half is
	 * another's; the other codes as key_import has them.
	 */
	enum err (*check)(const struct privkey *pk);

	/* Of a public key alone, with the errors of key_public.  NULL: such a key is not taken
	   without its private half. */
	enum err (*check_public)(const struct pubkey *key);

	/* Make out (empty before) from numbers that were checked once. */
	enum err (*build)(const struct privkey *pk, struct key_parts *out);

	/* Fill in c->pkey or c->message from c->parts.  On failure the caller frees what is there.
	 */
	enum err (*prepare)(struct key_context *c);

	/* As key_sign.  After a failure c is not used again. */
	enum err (*sign)(struct key_context *c, const struct sigalg *alg, struct bytes data,
	    struct builder *out);

	/* The public half for verify, into out (empty before), which the caller frees also after a
	 * failure.  Errors as key_verify. */
	enum err (*open_public)(const struct pubkey *key, struct key_parts *out);

	/* signature stands behind the algorithm's name, which fits. */
	enum err (*verify)(const struct pubkey *key, const struct key_parts *parts,
	    const struct sigalg *alg, struct bytes data, struct reader *signature);
};

extern const struct key_ops key_ops_rsa, key_ops_dsa, key_ops_ecdsa, key_ops_ed25519, key_ops_ed448,
    key_ops_mldsa44_ed25519, key_ops_sk_ecdsa, key_ops_sk_ed25519;

/* "string content" and nothing behind it. */
enum err key_read_last_string(struct reader *r, struct bytes *out);

/* Prepare c->pkey for signing digests of any kind; then sign one: the whole result, size bytes of
 * room, into out. */
enum err key_prepare_digest(struct key_context *c);
enum err key_sign_digest(
    EVP_PKEY_CTX *ctx, struct bytes digest, uint8_t *out, size_t room, size_t *n);

/* ERR_KEY_MISMATCH unless signature is one of digest by key. */
enum err key_verify_digest(EVP_PKEY *key, struct bytes digest, struct bytes signature);

/*
 * Sign with c->message, which was prepared for key: out gets exactly n bytes.
 * The same, without a prepared context, for verifying.
 */
enum err key_prepare_message(struct key_context *c, EVP_PKEY *key);
enum err key_sign_message(
    EVP_MD_CTX *ctx, EVP_PKEY *key, struct bytes data, uint8_t *out, size_t n);
enum err key_verify_message(EVP_PKEY *key, struct bytes data, struct bytes signature);

/* For the sk types, too: message is what was signed.  With the errors of key_verify. */
enum err key_open_ed25519(struct bytes raw, EVP_PKEY **out);
enum err key_open_ecdsa(const struct pubkey *key, EVP_PKEY **out);
enum err key_verify_ecdsa(const struct pubkey *key, EVP_PKEY *pkey, enum hash_id hash,
    struct bytes message, struct bytes signature);

/*
 * The two numbers of a DSA or ECDSA signature: from libcrypto's DER as
 * magnitudes (views into der), and back as DER that the caller clears.
 */
enum err key_der_split(struct bytes der, struct bytes *r, struct bytes *s);
enum err key_der_join(struct bytes r, struct bytes s, struct builder *der);

/* A big number in memory that is wiped when freed, and treated as secret; NULL without memory. */
BIGNUM *key_number(struct bytes magnitude);

/*
 * A key from octets: private under the given name unless it is empty, and public unless it is
 * empty.  No copy is made but libcrypto's own.  ERR_KEY_INVALID when it does not take them.
 */
enum err key_from_octets(const char *algorithm, const char *private_name, struct bytes private,
    struct bytes public, EVP_PKEY **out);

/*
 * A key of numbers under construction.  Zero-initialised is empty; errors stick, as in
 * struct builder.
 */
struct key_params {
	OSSL_PARAM_BLD *bld;
	BIGNUM *held[8]; /* numbers must live until the key is made */
	size_t held_n;
	bool failed;
};

void key_params_text(struct key_params *p, const char *name, const char *text);
/* Not for secrets: libcrypto copies octets to where it does not wipe them. */
void key_params_octets(struct key_params *p, const char *name, struct bytes v);
/* A number from its magnitude. */
void key_params_number(struct key_params *p, const char *name, struct bytes magnitude);
/* A number that is p's from now on; NULL is a failure. */
void key_params_give(struct key_params *p, const char *name, BIGNUM *n);

/*
 * Make the key; selection is EVP_PKEY_KEYPAIR or EVP_PKEY_PUBLIC_KEY.  ERR_KEY_INVALID when
 * libcrypto does not take the numbers.  p is empty afterwards in every case.
 */
enum err key_params_build(
    struct key_params *p, const char *algorithm, int selection, EVP_PKEY **out);

#endif
