/*
 * What the key-file formats share: the row that each one is, and the bounds on
 * what a hostile file may make us compute.
 */
#ifndef SIGNET_FORMAT_H
#define SIGNET_FORMAT_H

#include "keystore/file/keyfile.h"
#include "proto/privkey.h"

/*
 * Most that a key derivation may cost before the file is refused with
 * ERR_FILE_COST.  The standard limits stop a file that would hang its reader for
 * minutes, and lie well above what people choose (kdf_limits_standard).
 */
struct kdf_limits {
	uint32_t bcrypt_rounds;
	uint32_t iterations; /* PBKDF2, PBKDF1, PKCS#12 */
	uint32_t memory;     /* scrypt, Argon2: KiB in use at once */
	uint64_t work;       /* scrypt, Argon2: KiB written and read in all */
};

extern const struct kdf_limits kdf_limits_standard;

/* One private key in a file; views into it. */
struct key_text {
	struct bytes label; /* of the BEGIN line; empty for PuTTY's */
	struct bytes body;  /* between BEGIN and END; for PuTTY's all from its first line on */
};

struct unlock {
	const struct bytes *passphrase; /* NULL: none */
	const struct kdf_limits *limits;
};

/* A format.  Both functions may leave *out half filled when they fail: keyfile.c clears it. */
struct keyfile_format {
	const char *name;
	enum err (*probe)(const struct key_text *text, struct keyfile_info *out);
	enum err (*decode)(
	    const struct key_text *text, const struct unlock *with, struct keyfile_key *out);
};

extern const struct keyfile_format keyfile_openssh, keyfile_pem, keyfile_pkcs8, keyfile_ppk;

/* Is this the first line of a PuTTY key file? */
bool ppk_begins(struct bytes line);

/* Fill *out from the views in pk, in the plain layout even for a certified key. */
enum err keyfile_key_fill(const struct privkey *pk, struct bytes comment, struct keyfile_key *out);

/* For a format that shows its public half only by decoding: probe an unencrypted file. */
enum err keyfile_probe_by_decoding(
    const struct keyfile_format *f, const struct key_text *text, struct keyfile_info *out);

/* keyfile_decode under other limits (fuzzers, tests). */
enum err keyfile_decode_within(
    struct bytes file, const struct unlock *with, struct keyfile_key *out);

#endif
