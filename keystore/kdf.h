/* Passphrase to key. */
#ifndef SIGNET_KDF_H
#define SIGNET_KDF_H

#include "proto/base/bytes.h"

/*
 * bcrypt_pbkdf, the KDF of OpenSSH's key files (OpenBSD's bcrypt_pbkdf(3)):
 * fills out with n bytes.  ERR_FORMAT for an empty passphrase or salt, no rounds, or n
 * of 0 or over 1024.  Output blocks of 32 bytes are independent of each other
 * and are computed side by side.
 */
enum err kdf_bcrypt(
    struct bytes passphrase, struct bytes salt, unsigned rounds, uint8_t *out, size_t n);

#endif
