#include "keystore/arena_cache.h"

#include <string.h>

#include "keystore/arena.h"

static void *take(struct arena_cache *c, size_t units)
{
	void *p = c->kept[units];

	if (p == NULL)
		return NULL;
	memcpy(&c->kept[units], p, sizeof(void *));
	memset(p, 0, sizeof(void *));
	c->blocks[units]--;
	c->bytes -= (uint32_t)(units * ARENA_UNIT);
	arena_take_back(p);
	return p;
}

void *arena_cache_take(struct arena_cache *c, size_t n)
{
	if (n >= (size_t)CACHE_SIZES * ARENA_UNIT || arena_units(n) >= CACHE_SIZES)
		return NULL;
	return take(c, arena_units(n));
}

bool arena_cache_put(struct arena_cache *c, void *p)
{
	const size_t units = arena_units(arena_room(p));
	const size_t bytes = units * ARENA_UNIT;

	if (units >= CACHE_SIZES || c->blocks[units] == CACHE_BLOCKS ||
	    c->bytes + bytes > CACHE_BYTES)
		return false;
	arena_set_aside(p);
	memcpy(p, &c->kept[units], sizeof(void *));
	c->kept[units] = p;
	c->blocks[units]++;
	c->bytes += (uint32_t)bytes;
	return true;
}

void *arena_cache_empty(struct arena_cache *c)
{
	for (size_t units = 0; c->bytes > 0 && units < CACHE_SIZES; units++)
		if (c->kept[units] != NULL)
			return take(c, units);
	return NULL;
}
