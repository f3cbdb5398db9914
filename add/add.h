/* Adding one key that a file holds, and its certificate. */
#ifndef SIGNET_ADD_ADD_H
#define SIGNET_ADD_ADD_H

#include "add/ask.h"
#include "add/command.h"
#include "add/keysource.h"
#include "keystore/file/pubfile.h"
#include "proto/keyblob.h"

/* Read the file at path and add it, asking for passphrases; everything is said on standard error.
 */
bool add_file(struct run *r, const char *path);

/*
 * Add what k holds, which has been read.  False when the key (with -C: the certificate) was not
 * added, after saying why.
 */
bool add_source(struct run *r, const struct keysource *k, enum ask_from from);

/*
 * Add a key that was not read from a file: key_data is "string type, key data" of its type.  Gives
 * what the agent said; nothing but the constraints is said on standard error.
 */
enum err add_key_data(
    struct run *r, const struct keytype *type, struct bytes key_data, struct bytes comment);

/* The certificate beside a private key file. */
struct certfile {
	char *path; /* FILE-cert.pub; NULL after certfile_load */
	char *name; /* the same, escaped for messages */
	struct pubfile file;
	struct cert cert; /* views into file */
};

/*
 * Read FILE-cert.pub.  ERR_NOT_FOUND, in silence, when there is none; for anything else that goes
 * wrong one line says so.  public_blob: the key that it has to be for; else ERR_CERT_MISMATCH, said
 * too.
 */
enum err certfile_read(const struct keysource *k, struct bytes public_blob, struct certfile *out);

/* Read the certificate that this file holds; for anything that goes wrong one line says so. */
enum err certfile_load(const char *path, struct certfile *out);

void certfile_clear(struct certfile *c);

#endif
