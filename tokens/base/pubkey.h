/*
 * Public keys as tokens show them, in all the forms that they use, made into public key blobs of
 * SSH.  Nothing of what a token says is trusted: whatever is not a whole, well-formed key of a type
 * that SSH knows is refused.
 */
#ifndef SIGNET_TOKENS_PUBKEY_H
#define SIGNET_TOKENS_PUBKEY_H

#include "proto/builder.h"
#include "proto/keytype.h"

/*
 * Each appends a plain public key blob (RFC 4253, section 6.6) to out and fails with ERR_FORMAT,
 * ERR_KEY_TYPE, ERR_KEY_CURVE, ERR_KEY_SHORT or ERR_KEY_LONG, leaving out as it was, or with the
 * error of the builder, which stays in it.
 */

/* Big-endian magnitudes, with or without leading zeros. */
enum err pubkey_from_rsa(struct bytes n, struct bytes e, struct builder *out);

/*
 * params: CKA_EC_PARAMS in any form that tokens use: an OBJECT IDENTIFIER, a PrintableString with
 * the curve's name ("edwards25519"), explicit parameters of a curve that we know.  point:
 * CKA_EC_POINT as OCTET STRING around the point, BIT STRING, or the bare point; of NIST curves
 * uncompressed (a compressed one is expanded), of Ed25519 32 bytes.
 */
enum err pubkey_from_ec(struct bytes params, struct bytes point, struct builder *out);

/* The SSH name ("nistp256", "ed25519") of the curve that such params mean. */
enum err pubkey_curve(struct bytes params, const char **out);

/* The curve is known by its SSH name ("nistp256", "ed25519"), the point is bare. */
enum err pubkey_from_point(const char *curve, struct bytes point, struct builder *out);

/* A DER SubjectPublicKeyInfo (RFC 5280, section 4.1). */
enum err pubkey_from_spki(struct bytes der, struct builder *out);

/* An X.509 certificate in DER, whose own validity does not matter here; *usable is false where its
 * key usage extension allows no digital signatures.  May be NULL. */
enum err pubkey_from_x509(struct bytes der, struct builder *out, bool *usable);

/*
 * What a token is given to sign for the signature algorithm with this SSH name, by a key of this
 * type: for RSA a DigestInfo in DER (RFC 8017, section 9.2) without padding; for ECDSA the digest;
 * for Ed25519 the data themselves.  ERR_UNSUPPORTED for an algorithm that is none of the type's.
 * What out held before is replaced; on failure it stays.
 */
enum err tosign(
    const struct keytype *type, struct bytes algorithm, struct bytes data, struct blob *out);

/*
 * DigestInfo padded as RFC 8017, section 9.2 has it, to size bytes: for cards that sign bare
 * numbers.  ERR_FORMAT: it does not fit.  digest_info may be a view of what out holds.
 */
enum err tosign_pad(struct bytes digest_info, size_t size, struct blob *out);

#endif
