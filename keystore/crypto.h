/*
 * libcrypto, started the one safe way: no configuration file is read (it can
 * load code), and nothing of the environment is heeded.
 */
#ifndef SIGNET_CRYPTO_H
#define SIGNET_CRYPTO_H

#include "proto/base/bytes.h"
#include "proto/keytype.h"

/*
 * First statement of every program that links libcrypto: removes OPENSSL_*
 * variables from the environment, so that neither this process nor a child heeds one.
 */
void crypto_clean_environment(void);

/* Start libcrypto without configuration.  Once, before any other call of keystore. */
enum err crypto_start(void);

/*
 * Fetch everything that signing and loading keys will need, and seed the random
 * generator, so that a process in a sandbox never has to open a file for it.
 */
enum err crypto_warm_up(void);

/* The directory that libcrypto loads providers from; NULL: it does not say. */
const char *crypto_providers(void);

enum { HASH_MOST = 64 };

/* The digest of data into out (HASH_MOST bytes of room); its length into *n. */
enum err crypto_hash(enum hash_id hash, struct bytes data, uint8_t *out, size_t *n);

/* n random bytes fit for keys. */
enum err crypto_random(void *out, size_t n);

#endif
