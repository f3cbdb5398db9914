/* The resident keys of security keys: asking for PINs, one device after the other. */
#ifndef SIGNET_ADD_FIDOKEYS_H
#define SIGNET_ADD_FIDOKEYS_H

#include "add/fido.h"

/*
 * Call one for each resident key for SSH of this device, whose PIN is asked for, with one more
 * chance.  what: why it is asked for, as in "to add its resident keys".  An empty PIN leaves the
 * device out: ERR_CANCELLED.  ERR_NO_PROMPT, ERR_PIN_BLOCKED and what else fido_run gives; what
 * went wrong was said on standard error.
 */
enum err fido_each_resident(const struct fido_resident *device, const char *name, const char *what,
    void (*one)(void *ctx, const struct fido_key *key), void *ctx);

#endif
