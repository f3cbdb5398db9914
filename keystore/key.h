/*
 * A private key that we hold, and signing with it.
 *
 * One file per family (key_rsa.c, key_ecdsa.c, ...) behind a const table; the
 * registry is in key.c.
 */
#ifndef SIGNET_KEY_H
#define SIGNET_KEY_H

#include "proto/builder.h"
#include "proto/privkey.h"

struct key; /* reference-counted; safe to use from several threads at once */

/*
 * Take a private key in from its wire form.  Checks that the numbers fit
 * together: ERR_KEY_MISMATCH, ERR_KEY_INVALID, ERR_KEY_CURVE, ERR_KEY_SHORT,
 * ERR_KEY_LONG; for a certified key that the certificate is for this key:
 * ERR_CERT_MISMATCH.  ERR_KEY_TYPE for types that cannot be signed with here
 * (sk types; ML-DSA where libcrypto has none).
 * Nothing of pk is kept: its bytes may be wiped afterwards.
 * RSA can take milliseconds; call it on a worker.
 */
enum err key_import(const struct privkey *pk, struct key **out);

/*
 * The checks of key_import alone, with its errors.  Needs no secret memory, so that a program
 * that only reads key files can say what is wrong with one.
 */
enum err key_check(const struct privkey *pk);

/*
 * A key of which only the public half is here, from its plain public key blob; its private half is
 * in a token (agent/modules.h).  Types of the sk families are not taken (ERR_KEY_TYPE).
 * ERR_KEY_INVALID, ERR_KEY_CURVE, ERR_KEY_SHORT, ERR_KEY_LONG.
 */
enum err key_public(struct bytes blob, struct key **out);

/* True for a key of key_public: key_sign gives ERR_UNSUPPORTED, and agent/tokensign.h signs. */
bool key_is_public(const struct key *k);

/*
 * A key of which only the public half is here until its file is unlocked; of any type that a file
 * can hold, sk types and those that this libcrypto cannot hold (ERR_KEY_TYPE then) as key_import.
 * Takes little memory, none of it secret.
 */
enum err key_locked(struct bytes blob, struct key **out);

/* True for a key of key_locked: key_sign gives ERR_UNSUPPORTED, and agent/unlocking.h unlocks it.
 */
bool key_is_locked(const struct key *k);

struct key *key_ref(struct key *k);

/* Drop a reference; the last one wipes the key.  NULL is allowed. */
void key_unref(struct key *k);

const struct keytype *key_type(const struct key *k);

/* The plain public key blob, valid as long as k. */
struct bytes key_blob(const struct key *k);

/* True when one signature takes so long that it must not be made on the event loop. */
bool key_is_slow(const struct key *k);

/* True when the key rests encrypted (secretmem.h) and is decrypted for each signature. */
bool key_is_shielded(const struct key *k);

/*
 * True for a security key, whose private half never leaves its device: key_sign gives
 * ERR_UNSUPPORTED, and agent/touch.h signs.
 */
bool key_is_sk(const struct key *k);

/* What a device needs to find such a key (OpenSSH's PROTOCOL.u2f); views, valid as long as k. */
struct key_sk {
	struct bytes application;
	struct bytes handle;
	uint8_t flags;
};
void key_sk(const struct key *k, struct key_sk *out);

/*
 * Sign data: writes a signature blob ("string algorithm, string signature", or
 * as the family has it) into out, without an outer length.  alg is of sigalg_choose() for this
 * key's type.  ERR_CRYPTO when libcrypto fails; out then may hold a part.
 */
enum err key_sign(struct key *k, const struct sigalg *alg, struct bytes data, struct builder *out);

/*
 * Does signature (a signature blob) by the public key blob fit data?  ERR_OK when it does,
 * ERR_KEY_MISMATCH when not.  For ssh-add -T, and checks of host proofs.
 */
enum err key_verify(struct bytes public_blob, struct bytes data, struct bytes signature);

/*
 * The same in two steps, of which the first can be taken while the signature is still being made;
 * public_blob must live as long as the verifier.
 */
struct key_verifier;
enum err key_verifier_new(struct bytes public_blob, struct key_verifier **out);
enum err key_verifier_check(
    const struct key_verifier *v, struct bytes data, struct bytes signature);
void key_verifier_free(struct key_verifier *v); /* NULL is allowed */

/* True when this libcrypto can hold keys of this type (ML-DSA is looked up at run time). */
bool key_type_available(const struct keytype *type);

#endif
