/*
 * Key files for tests, made by the programs that people make theirs with, in a
 * temporary folder.  Every base key is kept in three ways: as a file that the
 * programs convert, as its public key line, and as the protocol's key data,
 * which comes from OpenSSH's or openssl's output and never from our own code.
 */
#ifndef SIGNET_TEST_KEYFILE_MAKE_H
#define SIGNET_TEST_KEYFILE_MAKE_H

#include "proto/base/bytes.h"

#define KEYFILE_PASSPHRASE "correct horse battery"

/*
 * Make the folder and the base keys in it: rsa, p256, p384, p521, dsa (traditional PEM),
 * ed25519, ed448 (PKCS#8).  For each, BASE.ossh is OpenSSH's unencrypted file where
 * ssh-keygen or puttygen can write one.  Group set-up for cmocka; 0 when it worked.
 */
int keyfile_make_setup(void **state);

/* Remove the folder. */
int keyfile_make_teardown(void **state);

/*
 * Run a shell command in the folder: $F is the file to make, $B the base key's name, $P the
 * passphrase, $PASS a file that holds it, $EMPTY an empty file.  True for exit status 0.
 */
bool keyfile_make(const char *file, const char *base, const char *command);

/* The whole path of a file of the folder. */
void keyfile_path(const char *name, char *out, size_t room);

/* A file of the folder, which must be there. */
struct blob keyfile_slurp(const char *name);

/* "string type, key data" of a base key. */
struct blob keyfile_wire(const char *base);

/* The public key blob inside a private key in that form. */
struct blob keyfile_public(const char *base);

#endif
