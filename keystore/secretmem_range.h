/*
 * The address range of the secret memory and the system calls that fill it:
 * reserved in one piece, so that an address alone tells whether it is secret, and
 * mapped bit by bit, since RLIMIT_MEMLOCK counts what is mapped, used or not.
 * The arena grows from its start, stacks from its end.
 */
#ifndef SIGNET_SECRETMEM_RANGE_H
#define SIGNET_SECRETMEM_RANGE_H

#include "keystore/secretmem.h"

#include <stdint.h>

struct secret_range {
	enum secret_mode mode;
	int fd; /* memfd_secret, or -1 */
	uint8_t *base;
	size_t reserved; /* bytes of address space */
	size_t low;      /* bytes mapped from base on */
	size_t high;     /* bytes of address space taken at the end, unmapped pages included */
	size_t stacks;   /* bytes mapped there */
	size_t refused;  /* the smallest number of bytes that the system would not give; 0: none */
};

/*
 * Decide the mode (secretmem_start) and reserve the range; maps nothing.
 * ERR_UNSUPPORTED when memfd is wanted and the kernel has none, ERR_MEMORY.
 */
enum err range_open(struct secret_range *r, enum secret_mode wanted);

/*
 * Map at least `least` more bytes at the low end; returns how many, 0 when
 * the system refuses.
 */
size_t range_grow(struct secret_range *r, size_t least);

/* A stack of size bytes (whole pages) with an unmapped page below; NULL when refused. */
void *range_stack(struct secret_range *r, size_t size);

/* n, rounded up to whole pages. */
size_t range_pages(size_t n);

#endif
