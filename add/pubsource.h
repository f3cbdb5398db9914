/* The public key that a file stands for: for -d and -T. */
#ifndef SIGNET_ADD_PUBSOURCE_H
#define SIGNET_ADD_PUBSOURCE_H

#include "add/keysource.h"
#include "keystore/file/pubfile.h"

/*
 * Find the public key (or certificate) for path: the file itself when it is public, FILE.pub, or
 * what a private key file shows without its passphrase.  On failure *why is the reason in words (a
 * constant string or strerror()'s). out->comment is "no comment" where there is none.
 */
enum err pubsource_read(const char *path, struct pubfile *out, const char **why);

#endif
