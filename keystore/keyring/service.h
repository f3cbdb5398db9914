/*
 * The Secret Service, by libsecret: what signet-keyring does with it.  Calls wait for the service,
 * as long as patience lasts.
 *
 * What they all may give: ERR_NO_KEYRING (no session bus, or nobody on it and nobody to be started
 * by it), ERR_KEYRING_LOCKED (the person did not unlock it), ERR_KEYRING, ERR_TIMEOUT,
 * ERR_MEMORY.
 */
#ifndef SIGNET_KEYRING_SERVICE_H
#define SIGNET_KEYRING_SERVICE_H

#include <libsecret/secret.h>

#include "keystore/keyring/patience.h"
#include "proto/keyringmsg.h"

struct service {
	struct patience *patience;
	GCancellable *cancel;
	SecretService *proxy; /* of service_open */
};

/* Connect, and agree on a key by which secrets are encrypted on the bus, where the service can. */
enum err service_open(struct service *s);

/*
 * The newest item that has just these attributes.  out: in memory that is not paged out, to be
 * released with secret_value_unref; what keyring_secret_allowed.  ERR_NOT_FOUND.
 */
enum err service_lookup(
    struct service *s, const struct keyring_item *item, bool prompt, SecretValue **out);

/* Into the default collection; where there is none, into the first that is unlocked. */
enum err service_store(
    struct service *s, const struct keyring_item *item, struct bytes label, struct bytes secret);

/* Every item with these attributes, in all collections.  ERR_NOT_FOUND. */
enum err service_forget(struct service *s, const struct keyring_item *item);

/* What went wrong, said by the library; releases error, which may be NULL. */
enum err service_fault(const struct service *s, GError *error);

#endif
