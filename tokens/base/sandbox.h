/* What helpers for tokens give up before they speak to a device or load a library. */
#ifndef SIGNET_TOKENS_SANDBOX_H
#define SIGNET_TOKENS_SANDBOX_H

#include <stdbool.h>

#include "proto/base/err.h"

/*
 * profile_device of proto/base/profiles.h.  For operations that load no foreign library, which
 * might need any of what it takes away; calls that it refuses fail with EPERM.  ERR_SYSTEM.
 */
enum err sandbox_enter(void);

/* For a process that loads a PKCS#11 module: it may signal itself, and with network connect. */
enum err sandbox_enter_module(bool network);

#endif
