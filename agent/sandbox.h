/*
 * What the core shuts itself off from, once it has all it needs.
 */
#ifndef SIGNET_SANDBOX_H
#define SIGNET_SANDBOX_H

#include "keystore/callfilter.h"
#include "proto/base/err.h"

/*
 * No files, no network, no signals to others: Landlock, without a single rule.  For this thread and
 * those that it starts.  ERR_UNSUPPORTED on a kernel without it.
 */
enum err sandbox_files(void);

/* What serving takes. */
extern const struct call_list sandbox_list;

/*
 * Only the system calls of that list; all others fail with EPERM.  For all threads of the
 * process.  ERR_UNSUPPORTED on a kernel without the filter, and in a build with sanitizers.
 */
enum err sandbox_calls(void);

#endif
