/* An assertion about one credential, in libfido2's form. */
#ifndef SIGNET_FIDO_REQUEST_H
#define SIGNET_FIDO_REQUEST_H

#include "proto/fidomsg.h"

struct fido_assert;

/*
 * For this key and these data, whose SHA-256 is what gets signed (OpenSSH's PROTOCOL.u2f,
 * "SSH U2F signatures").  Freed with fido_assert_free.  ERR_FORMAT for an empty handle, which
 * would ask for any key.
 */
enum err request_new(
    const struct fido_credential *key, struct bytes data, struct fido_assert **out);

#endif
