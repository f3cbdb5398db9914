/*
 * An allocator over one growing range of memory.  It knows neither threads nor
 * where the memory comes from; arena_cache.h and secretmem.c add both.
 *
 * Always true:
 * - [base, base + held) is tiled by blocks; a block is a header of 8 bytes and its
 *   room, and its size is a multiple of 16, so that room is 16-byte aligned.
 * - A header holds its own block's size and the size of the block before it, so that
 *   both neighbours can be found; a used block of size 0 ends the range.
 * - No two free blocks are neighbours; each free one is in the list of its bin.
 * A header that breaks these rules was overwritten: the process aborts.
 */
#ifndef SIGNET_ARENA_H
#define SIGNET_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARENA_UNIT = 16, ARENA_HEADER = 8, ARENA_BINS = 256 };

/*
 * Make the range longer by at least `least` bytes; returns by how many (a multiple of
 * ARENA_UNIT), or 0 when it can't be.  New memory is zero.
 */
typedef size_t (*arena_more)(void *context, size_t least);

struct arena {
	uint8_t *base;
	size_t most; /* bytes of address space from base that belong to the arena */
	size_t held; /* bytes that are there */
	size_t used; /* bytes in used blocks, headers included */
	arena_more more;
	void *context;
	uint64_t filled[ARENA_BINS / 64]; /* bins that hold a block */
	uint32_t bins[ARENA_BINS];        /* first block, in units from base; 0: none */
};

/* base is aligned to ARENA_UNIT; nothing is there yet. */
void arena_start(struct arena *a, void *base, size_t most, arena_more more, void *context);

/* At least n bytes, aligned to ARENA_UNIT; NULL when the arena cannot grow.  Not zeroed. */
void *arena_alloc(struct arena *a, size_t n);

/* Give p back.  The caller has wiped it. */
void arena_free(struct arena *a, void *p);

/* True when one piece of n bytes is free; grows the arena for it if need be. */
bool arena_make_room(struct arena *a, size_t n);

/* The bytes that p, of arena_alloc, has room for: at least those asked for. */
size_t arena_room(const void *p);

/* A block's size in units of ARENA_UNIT, for a request of n bytes. */
size_t arena_units(size_t n);

/*
 * Set aside, or take back, a block that its thread keeps for later (arena_cache.h).
 * A block that is set aside twice was freed twice: the process aborts.
 */
void arena_set_aside(void *p);
void arena_take_back(void *p);

static inline bool arena_owns(const struct arena *a, const void *p)
{
	return (size_t)((const uint8_t *)p - a->base) < a->most;
}

#endif
