/*
 * Inputs that are a byte of settings and steps of one length each, so that what is done to one of
 * them leaves the meaning of the others alone: libFuzzer's own mutations are mixed with some that
 * know where steps begin.
 */
#ifndef SIGNET_FUZZ_STEPS_H
#define SIGNET_FUZZ_STEPS_H

#include <string.h>

#include "proto/reader.h"
#include "tests/fuzz/fuzz.h"

enum { STEP = 16 }; /* bytes: what to do, and arguments */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
/* libFuzzer's; the program that replays a corpus has none. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) __attribute__((weak));

/* The next step, a shorter one at the end; false: there is none. */
static inline bool steps_next(struct reader *all, struct reader *out)
{
	struct bytes step = BYTES_NONE;

	(void)reader_take(all, all->left < STEP ? all->left : STEP, &step);
	*out = reader_of(step);
	return step.len != 0;
}

static inline unsigned steps_random(unsigned *state, size_t below)
{
	*state = *state * 1103515245u + 12345u;
	return (unsigned)((*state >> 8) % below);
}

/* One change; n: steps, room for most.  How many there are then. */
static inline size_t steps_change(uint8_t *steps, size_t n, size_t most, unsigned *state)
{
	unsigned what = steps_random(state, 6), at = steps_random(state, n);
	uint8_t *step = steps + (size_t)at * STEP;
	uint8_t *other = steps + (size_t)steps_random(state, n) * STEP;
	uint8_t kept[STEP];

	switch (what) {
	case 0:
	case 1: /* of the first bytes more means something */
		step[steps_random(state, 1 + steps_random(state, STEP))] =
		    (uint8_t)steps_random(state, 256);
		return n;
	case 2: /* swapped */
		memcpy(kept, step, STEP);
		memmove(step, other, STEP);
		memcpy(other, kept, STEP);
		return n;
	case 3: /* left out */
		if (n == 1)
			return n;
		memmove(step, step + STEP, (n - 1 - at) * STEP);
		return n - 1;
	default: /* done twice, here or elsewhere; or a new one */
		if (n == most)
			return n;
		memcpy(kept, other, STEP);
		memmove(step + STEP, step, (n - at) * STEP);
		memcpy(step, kept, STEP);
		for (unsigned i = 0; what == 5 && i < STEP; i++)
			step[i] = (uint8_t)steps_random(state, 256);
		return n + 1;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	size_t n = size > 1 ? (size - 1) / STEP : 0, room = most > 1 ? (most - 1) / STEP : 0;
	unsigned state = seed, times = 1 + steps_random(&state, 3);

	if (n == 0 || n > room || steps_random(&state, 5) == 0)
		return LLVMFuzzerMutate(data, size, most);
	for (unsigned i = 0; i < times; i++)
		n = steps_change(data + 1, n, room, &state);
	return 1 + n * STEP;
}

#endif
