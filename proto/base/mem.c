#include "proto/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Sits before every allocation, so that release can wipe without being told the size. */
struct header {
	_Alignas(16) size_t size;
};

static void *libc_alloc(size_t n)
{
	return malloc(n);
}

static void libc_release(void *p)
{
	free(p);
}

static const struct mem_source libc_source = {libc_alloc, libc_release};

/* Set once at start-up, before any thread or allocation (mem_use). */
static const struct mem_source *source = &libc_source;

void mem_use(const struct mem_source *src)
{
	source = src;
}

void *mem_alloc(size_t n)
{
	struct header *h;

	if (n > SIZE_MAX - sizeof(*h))
		return NULL;
	h = source->alloc(sizeof(*h) + n);
	if (h == NULL)
		return NULL;
	h->size = n;
	memset(h + 1, 0, n);
	return h + 1;
}

void *mem_grow(void *p, size_t n)
{
	const struct header *h;
	void *fresh;

	fresh = mem_alloc(n);
	if (fresh == NULL || p == NULL)
		return fresh;
	h = (const struct header *)p - 1;
	memcpy(fresh, p, h->size < n ? h->size : n);
	mem_free(p);
	return fresh;
}

void mem_free(void *p)
{
	struct header *h;

	if (p == NULL)
		return;
	h = (struct header *)p - 1;
	mem_wipe(p, h->size);
	source->release(h);
}

void mem_wipe(void *p, size_t n)
{
	if (n != 0)
		explicit_bzero(p, n);
}

bool mem_equal(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < n; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}
