/* A resident key as a security key tells of it (fidomsg.h), as the private key that SSH has it as.
 */
#ifndef SIGNET_FIDOKEY_H
#define SIGNET_FIDOKEY_H

#include "proto/fidomsg.h"
#include "proto/privkey.h"

/* Views into key.  ERR_KEY_INVALID: a public half of that length is none. */
enum err fido_key_read(const struct fido_key *key, struct privkey *out);

#endif
