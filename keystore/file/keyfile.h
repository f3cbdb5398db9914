/*
 * Private key files, recognised by content and never by name.
 *
 * Formats are rows of a const table, a file each: openssh-key-v1, legacy PEM,
 * PKCS#8, PuTTY PPK 2 and 3.  Linked by signet-add and signet-unlock, never by
 * the core: it brings libcrypto's legacy provider and libargon2.
 */
#ifndef SIGNET_KEYFILE_H
#define SIGNET_KEYFILE_H

#include "proto/base/bytes.h"
#include "proto/keytype.h"

/* All of this wants crypto_start() (keystore/crypto.h) before. */

/* What can be told without a passphrase. */
struct keyfile_info {
	const char *format; /* "OpenSSH", "PEM", "PKCS#8", "PuTTY": a constant string */
	bool encrypted;
	struct blob public_blob; /* plain public key blob; empty where the file hides it */
	struct blob comment;     /* empty where there is none to read */
};

void keyfile_info_clear(struct keyfile_info *info);

/*
 * Recognise a file by its content.  Text before the BEGIN line and CRLF line ends are accepted,
 * as ssh-keygen accepts them.  ERR_FILE_FORMAT: not a private key file (the
 * usual answer for what else lies in ~/.ssh); ERR_KEY_PUBLIC_ONLY: a public
 * key; ERR_FILE_EMPTY.
 */
enum err keyfile_probe(struct bytes file, struct keyfile_info *out);

/* A decoded private key. */
struct keyfile_key {
	const struct keytype *type;
	struct blob
	    key_data; /* "string type, key data" as ADD_IDENTITY carries it (proto/privkey.h) */
	struct blob public_blob; /* plain public key blob */
	struct blob comment;     /* of the file; empty where the format has none */
};

void keyfile_key_clear(struct keyfile_key *key);

/*
 * Decode and, where needed, decrypt.  passphrase may be NULL for none:
 * ERR_PASSPHRASE_NEEDED when the file is encrypted, ERR_PASSPHRASE when it does
 * not open the file, else one of the ERR_FILE_* and ERR_KEY_* that says what is
 * wrong with the file.
 */
enum err keyfile_decode(struct bytes file, const struct bytes *passphrase, struct keyfile_key *out);

#endif
