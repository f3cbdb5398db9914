/* A system-call filter from a table of what is allowed, by libseccomp. */
#ifndef SIGNET_CALLFILTER_H
#define SIGNET_CALLFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

/* With a mask: only where the argument, masked, has this value; another row may allow another. */
struct allowed_call {
	int call; /* as libseccomp has it: SCMP_SYS() */
	unsigned arg;
	uint64_t mask, value;
};

/* What stands in a row, for a file that includes seccomp.h. */
#define CALL_ANY(name)                    SCMP_SYS(name), 0, 0, 0
#define CALL_WITH(name, arg, mask, value) SCMP_SYS(name), arg, mask, value

struct call_list {
	const struct allowed_call *rows;
	size_t n;
};

/* On a machine of 32 bits the C library makes the second call in place of the first, or either. */
struct call_twin {
	int call, twin;
};

/* `n` of them. */
const struct call_twin *callfilter_twins(size_t *n);

/*
 * From now on every call that is not on the list fails with EPERM: for this thread and those that
 * it starts, or for all threads that the process has.  A call's twin is allowed where the call is.
 * ERR_UNSUPPORTED on a kernel without filters, and in a build with sanitizers.
 */
enum err callfilter_load(const struct call_list *list, bool all_threads);

#endif
