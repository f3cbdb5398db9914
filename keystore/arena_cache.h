/*
 * What one thread keeps of the small blocks it gave back, so that the next
 * request of that size needs no lock: a P-256 signature makes dozens.
 */
#ifndef SIGNET_ARENA_CACHE_H
#define SIGNET_ARENA_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blocks of fewer units are kept; as many bytes and blocks of a size at most. */
enum { CACHE_SIZES = 64, CACHE_BYTES = 24 * 1024, CACHE_BLOCKS = 32 };

/* Zero-initialised is empty. */
struct arena_cache {
	void *kept[CACHE_SIZES]; /* by size in units; each block's room starts with the next */
	uint8_t blocks[CACHE_SIZES];
	uint32_t bytes;
};

/* A block with room for n bytes, or NULL when none is kept. */
void *arena_cache_take(struct arena_cache *c, size_t n);

/* Keep p, already wiped; false when it is too large or enough are kept. */
bool arena_cache_put(struct arena_cache *c, void *p);

/* Any kept block, which leaves the cache; NULL when there is none left. */
void *arena_cache_empty(struct arena_cache *c);

#endif
