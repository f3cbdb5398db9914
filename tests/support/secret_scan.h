/* Looking for secrets in another process's memory, as root could. */
#ifndef SIGNET_SECRET_SCAN_H
#define SIGNET_SECRET_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct scan;

/*
 * fragment: 0 looks for whole needles; from 8 on, for every piece of so many bytes of each,
 * so that a half-overwritten copy is found too.  NULL when there is no memory.
 */
struct scan *scan_new(size_t fragment);
void scan_free(struct scan *s);

/*
 * Look for these bytes (8 at least), for them in reverse order, and as a BIGNUM
 * holds a big-endian number in 64-bit words.  False when there are too few or no memory.
 */
bool scan_needle(struct scan *s, const uint8_t *bytes, size_t n);

/*
 * Read every readable mapping of the process; returns the number of hits, -1 when it
 * cannot be read.  Each hit (needle number from 1, form, address, mapping) and a summary
 * go to report, unless that is NULL.  What the kernel will not give out (secret memory) is skipped.
 */
long scan_process(struct scan *s, pid_t pid, FILE *report);

#endif
