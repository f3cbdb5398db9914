/* Time that runs through suspend (CLOCK_BOOTTIME), replaceable in tests. */
#ifndef SIGNET_CLOCK_H
#define SIGNET_CLOCK_H

#include <stdint.h>

/* Milliseconds since boot, suspend included. */
uint64_t clock_now(void);

/* Seconds since 1970, for certificates' validity. */
int64_t clock_wall(void);

/* Tests only: answer with what these return instead; NULL restores the real clock. */
void clock_replace(uint64_t (*now)(void), int64_t (*wall)(void));

#endif
