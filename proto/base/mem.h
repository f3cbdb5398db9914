/*
 * Memory that wipes itself.  Everything that may hold a secret is allocated
 * here; the type wipes on growth and on release, never the caller.
 *
 * The memory comes from the C library unless mem_use() names another source:
 * the core puts its secret memory there before it reads the first client byte.
 */
#ifndef SIGNET_MEM_H
#define SIGNET_MEM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Where memory comes from.  alloc returns n bytes, 16-byte aligned, or NULL;
 * release takes what alloc returned, already wiped by mem.c.  Both must be
 * safe to call from any thread.
 */
struct mem_source {
	void *(*alloc)(size_t n);
	void (*release)(void *p);
};

/*
 * Take memory from src (kept, not copied) from now on.  Call it once, in a
 * single-threaded process that holds no mem_alloc() memory.
 */
void mem_use(const struct mem_source *src);

/* n zeroed bytes, or NULL.  n may be 0. */
void *mem_alloc(size_t n);

/*
 * Resize: the content is kept up to the smaller size, new bytes are zero, and
 * the old place is wiped.  NULL when there is no memory; p is then untouched.
 */
void *mem_grow(void *p, size_t n);

/* Wipe and release.  NULL is allowed. */
void mem_free(void *p);

/* Overwrite n bytes in a way the compiler keeps. */
void mem_wipe(void *p, size_t n);

/* True when both hold the same n bytes; takes the same time wherever they differ. */
bool mem_equal(const void *a, const void *b, size_t n);

#endif
