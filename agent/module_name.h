/*
 * Which PKCS#11 module does a name mean, and may it be loaded?  signet-pkcs11 finds out, in a
 * process of its own that loads nothing.
 */
#ifndef SIGNET_MODULE_NAME_H
#define SIGNET_MODULE_NAME_H

#include "agent/helpercall.h"

struct module_name;

/*
 * name: a path, a pkcs11: URI, or a name of p11-kit's.  The path without links must match allowed
 * (-P; NULL: DEFAULT_PROVIDERS).  done is called exactly once, on the loop, never from within this
 * call, unless cancelled first: ERR_OK and the path, valid during the call; ERR_MODULE,
 * ERR_MODULE_NAME, ERR_URI, ERR_URI_MODULE, ERR_PROVIDER_DENIED, ERR_HELPER (it crashed or hung),
 * ERR_REPLY (it made no sense), ERR_HELPER_MISSING, ERR_MEMORY.  NULL without memory.
 */
struct module_name *module_name_resolve(struct calls *cs, struct bytes name, const char *allowed,
    void (*done)(void *ctx, enum err result, struct bytes path), void *ctx);

/* NULL is allowed. */
void module_name_cancel(struct module_name *n);

#endif
