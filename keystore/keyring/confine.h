/* What signet-keyring gives up before it connects to the bus. */
#ifndef SIGNET_KEYRING_CONFINE_H
#define SIGNET_KEYRING_CONFINE_H

#include "proto/base/err.h"

/* For good, with all threads that are started from here on.  ERR_LIMIT, ERR_SYSTEM. */
enum err keyring_confine(void);

#endif
