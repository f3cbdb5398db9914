/* Private key files of security keys, as OpenSSH writes them without a passphrase (PROTOCOL.key,
 * PROTOCOL.u2f). */
#ifndef SIGNET_SKFILE_H
#define SIGNET_SKFILE_H

#include "proto/builder.h"
#include "proto/fidomsg.h"

/* Views into what it was read from. */
struct skfile {
	struct fido_credential credential;
	struct bytes public; /* ECDSA: 0x04, x, y; Ed25519: 32 bytes */
};

/* The key's type name and, built by skfile_public, its public key blob. */
const char *skfile_type(enum fido_algorithm algorithm);
void skfile_public(struct builder *out, const struct skfile *key);

/* Write PATH and PATH.pub; false when that fails. */
bool skfile_write(const char *path, const struct skfile *key);

/* Read PATH; memory keeps what *out looks into, and is cleared by the caller. */
bool skfile_read(const char *path, struct builder *memory, struct skfile *out);

/* Write the bytes to a file; false when that fails. */
bool skfile_save(const char *path, struct bytes content);

#endif
