/* Password-based encryption of PKCS#8: PBES2 and PBES1 (RFC 8018), PKCS#12's PBE (RFC 7292,
 * appendix C). */
#ifndef SIGNET_PBE_H
#define SIGNET_PBE_H

#include "keystore/file/cipher.h"
#include "keystore/file/der.h"
#include "keystore/file/format.h"

/*
 * Decrypt in into *out (empty before) as the AlgorithmIdentifier under the cursor says
 * (cursor in its content).  ERR_FILE_KDF, ERR_FILE_CIPHER: an algorithm that is not
 * in our tables; ERR_FILE_COST; ERR_PASSPHRASE.
 */
enum err pbe_decrypt(
    struct reader algorithm, struct bytes in, const struct unlock *with, struct blob *out);

/* What a key derivation turns a passphrase into. */
struct pbe_key {
	const struct cipher *cipher;
	uint8_t key[CIPHER_KEY_MOST];
	uint8_t iv[CIPHER_IV_MOST];
};

/* PBES2: cursor in its parameters' content. */
enum err pbes2_derive(struct reader params, const struct unlock *with, struct pbe_key *out);

/* Everything older, by its own OID.  ERR_FILE_CIPHER: no such. */
enum err pbes1_derive(
    struct bytes oid, struct reader params, const struct unlock *with, struct pbe_key *out);

#endif
