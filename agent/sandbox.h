/*
 * What the core shuts itself off from, once it has all it needs.
 */
#ifndef SIGNET_SANDBOX_H
#define SIGNET_SANDBOX_H

#include "proto/base/err.h"

/*
 * No files, no network, no signals to others: Landlock, without a single rule.  For this thread and
 * those that it starts.  ERR_UNSUPPORTED on a kernel without it.
 */
enum err sandbox_files(void);

/*
 * Only the system calls that serving takes; all others fail with EPERM.  For all threads of the
 * process.  ERR_UNSUPPORTED on a kernel without the filter, and in a build with sanitizers.
 */
enum err sandbox_calls(void);

#endif
