/* What signet-fido gives up before it speaks to a device. */
#ifndef SIGNET_TOKENS_SANDBOX_H
#define SIGNET_TOKENS_SANDBOX_H

#include "proto/base/err.h"

/*
 * Neither this process nor a thread of it can start a program, trace, read or signal another
 * process, open a network connection or a namespace any more; such calls fail with EPERM.  For
 * operations that load no foreign library, which might need any of that.  ERR_SYSTEM.
 */
enum err sandbox_enter(void);

#endif
