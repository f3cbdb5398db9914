/*
 * Decryption with libcrypto's ciphers.  Those of its legacy provider (DES, RC2,
 * RC4, IDEA, ...) run in a library context of their own that lives for one call,
 * so that the provider changes nothing for the rest of the process.
 */
#ifndef SIGNET_CIPHER_H
#define SIGNET_CIPHER_H

#include "proto/base/bytes.h"

enum { CIPHER_KEY_MOST = 64, CIPHER_IV_MOST = 16 };

struct cipher {
	const char *name; /* libcrypto's */
	size_t key, iv;   /* bytes */
	bool legacy;
};

enum cipher_padding {
	CIPHER_BARE,   /* whole blocks as they are */
	CIPHER_PADDED, /* PKCS#7 padding, taken off */
};

struct cipher_run {
	const struct cipher *cipher;
	const uint8_t *key, *iv; /* of the lengths that cipher tells */
	enum cipher_padding padding;
	struct bytes tag; /* of an AEAD; else empty */
};

/*
 * Decrypt into *out (empty before).  ERR_PASSPHRASE: padding or tag do not fit,
 * which nearly always means a wrong key.  ERR_LEGACY; ERR_FILE_CIPHER when this
 * libcrypto lacks the cipher.
 */
enum err cipher_decrypt(const struct cipher_run *run, struct bytes in, struct blob *out);

/* OpenSSH's chacha20-poly1305 with sequence number 0 (PROTOCOL.chacha20poly1305); key is 64 bytes.
 */
enum err chachapoly_decrypt(
    const uint8_t *key, struct bytes in, struct bytes tag, struct blob *out);

#endif
