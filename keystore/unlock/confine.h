/* What signet-unlock shuts itself off from before it reads a file that somebody may have forged. */
#ifndef SIGNET_CONFINE_H
#define SIGNET_CONFINE_H

#include <stddef.h>

#include "keystore/callfilter.h"
#include "proto/base/err.h"

/*
 * No more than reading below these directories (those that are not there are passed over) and the
 * one where libcrypto has its providers: nothing is written, no program started, no network used.
 * ERR_UNSUPPORTED on a kernel without Landlock; ERR_SYSTEM with errno.
 */
enum err confine(const char *const *directories, size_t n);

/* What opening one file takes. */
extern const struct call_list unlock_calls;

/* Only the system calls of that list.  ERR_UNSUPPORTED as of callfilter_load. */
enum err confine_calls(void);

#endif
