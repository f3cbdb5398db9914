/* What helpers for tokens give up before they speak to a device or load a library. */
#ifndef SIGNET_TOKENS_SANDBOX_H
#define SIGNET_TOKENS_SANDBOX_H

#include <stdbool.h>

#include "proto/base/err.h"

/*
 * Neither this process nor a thread of it can start a program, trace, read, limit or signal
 * another process, open a network connection or a namespace any more; such calls fail with EPERM.
 * For operations that load no foreign library, which might need any of that.  ERR_SYSTEM.
 */
enum err sandbox_enter(void);

/*
 * For a process that loads a PKCS#11 module: the same, but that it may signal itself, and with
 * network open any connection; and it can neither be made dumpable again nor outlive its parent.
 * ERR_SYSTEM.
 */
enum err sandbox_enter_module(bool network);

#endif
