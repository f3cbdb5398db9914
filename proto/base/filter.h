/*
 * A system-call filter written by hand from a table of what is refused: libseccomp would take
 * longer to make one than some helpers take to answer.  What no row names is allowed.
 */
#ifndef SIGNET_FILTER_H
#define SIGNET_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

enum filter_kind {
	FILTER_NEVER,  /* refused with EPERM */
	FILTER_ABSENT, /* refused with ENOSYS, as by a kernel that lacks it */
	FILTER_IS,     /* allowed where the argument is this value; else the next row decides */
	FILTER_HAS,    /* allowed where the argument has this bit; else the next row decides */
	FILTER_SELF,   /* allowed where the argument is this process; else the next row decides */
	FILTER_IS_NOT, /* refused with EPERM where the argument is this value */
};

/* Of an argument the lower 32 bits are looked at: all that the kernel takes of those in use. */
struct filter_row {
	int call;
	enum filter_kind kind;
	unsigned arg;
	uint32_t value;
};

struct filter_table {
	const struct filter_row *rows;
	size_t n;
};

enum { FILTER_ROWS_MOST = 160 };

/*
 * Put the filter of these tables, the first rows first, on this thread and those that it starts.
 * Other architectures' calls end the process.  Nothing is done, and ERR_OK, in a build with
 * sanitizers and on machines that there is no filter for.  ERR_LIMIT, ERR_SYSTEM.
 */
enum err filter_install(const struct filter_table *tables, size_t n);

#endif
