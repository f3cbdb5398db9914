/* Which file a module's name means; nothing is loaded. */
#ifndef SIGNET_TOKENS_PKCS11_NAME_H
#define SIGNET_TOKENS_PKCS11_NAME_H

#include "tokens/pkcs11/fault.h"

/*
 * An absolute path, a pkcs11: URI with module-path or module-name, or a name in p11-kit's
 * configuration (pkcs11.conf(5)): NAME of a file NAME.module, or the file name of the library that
 * one names, with or without "lib" and ".so".  The person's own files go before the machine's.
 * *out is the path without links, of a file.  ERR_MODULE, ERR_MODULE_NAME, ERR_URI, ERR_URI_MODULE,
 * ERR_MEMORY.
 */
enum err name_resolve(struct bytes name, struct blob *out, struct fault *f);

#endif
