/*
 * The DER structures that hold private keys, inside legacy PEM and inside
 * PKCS#8.  What a file leaves out (the public half, often) is computed; what it
 * says of the public half must be true: ERR_KEY_MISMATCH.
 */
#ifndef SIGNET_DERKEY_H
#define SIGNET_DERKEY_H

#include "keystore/file/der.h"
#include "keystore/file/format.h"

/* RSAPrivateKey (RFC 8017, appendix A.1.2), two primes. */
enum err derkey_rsa(struct bytes der, struct keyfile_key *out);

/* OpenSSL's DSAPrivateKey: version, p, q, g, y, x. */
enum err derkey_dsa(struct bytes der, struct keyfile_key *out);

/* p, q, g from params (cursor in the SEQUENCE's content) and x from an INTEGER (PKCS#8). */
enum err derkey_dsa_parts(struct reader params, struct bytes x_der, struct keyfile_key *out);

/*
 * ECPrivateKey (RFC 5915).  curve: OID content that stands outside (PKCS#8), empty for none.
 * ERR_KEY_CURVE for curves without a name, and names that SSH has no key type for.
 */
enum err derkey_ec(struct bytes der, struct bytes curve, struct keyfile_key *out);

/* CurvePrivateKey (RFC 8410); public is empty where the file has none. */
enum err derkey_eddsa(
    const char *type_name, struct bytes der, struct bytes public, struct keyfile_key *out);

/* Is this one SEQUENCE that starts with a version number?  Wrong passphrases do not get past it. */
bool derkey_plausible(struct bytes der);

#endif
