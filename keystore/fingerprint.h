/* Fingerprints of key blobs, as ssh-keygen -l prints them. */
#ifndef SIGNET_FINGERPRINT_H
#define SIGNET_FINGERPRINT_H

#include "proto/base/bytes.h"

/* All that ssh-add -E takes. */
enum fingerprint_hash {
	FINGERPRINT_SHA256,
	FINGERPRINT_MD5,
	FINGERPRINT_SHA1,
	FINGERPRINT_SHA384,
	FINGERPRINT_SHA512,
};

enum { FINGERPRINT_ROOM = 128 };

/* "sha256", "md5", "sha1", "sha384", "sha512", in any case; false for another name. */
bool fingerprint_hash_find(const char *name, enum fingerprint_hash *out);

/*
 * "SHA256:base64 without padding" or "MD5:aa:bb:...", into text
 * (FINGERPRINT_ROOM bytes).  Of a certificate blob: of the key that it certifies, as OpenSSH does.
 */
enum err fingerprint(struct bytes blob, enum fingerprint_hash hash, char *text);

#endif
