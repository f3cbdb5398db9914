#include "proto/base/clock.h"

#include <stddef.h>
#include <time.h>

/* Hooks for tests (clock_replace); NULL is the real clock. */
static uint64_t (*now_hook)(void);
static int64_t (*wall_hook)(void);

uint64_t clock_now(void)
{
	struct timespec t;

	if (now_hook != NULL)
		return now_hook();
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int64_t clock_wall(void)
{
	return wall_hook != NULL ? wall_hook() : (int64_t)time(NULL);
}

void clock_replace(uint64_t (*now)(void), int64_t (*wall)(void))
{
	now_hook = now;
	wall_hook = wall;
}
