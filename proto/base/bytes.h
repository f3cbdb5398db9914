/*
 * A view of bytes that somebody else owns, and an owned copy that wipes itself.
 */
#ifndef SIGNET_BYTES_H
#define SIGNET_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

/*
 * A view: never owns, never frees.  Valid as long as what it points into.
 * data may be NULL only when len is 0.
 */
struct bytes {
	const uint8_t *data;
	size_t len;
};

#define BYTES_NONE    ((struct bytes){NULL, 0})
#define BYTES(ptr, n) ((struct bytes){(const uint8_t *)(ptr), (n)})

/* The bytes of a NUL-terminated string, without the NUL. */
struct bytes bytes_str(const char *s);

/* True when both have the same length and content.  Not constant time. */
bool bytes_equal(struct bytes a, struct bytes b);

/* True when b holds exactly the characters of s. */
bool bytes_is(struct bytes b, const char *s);

/*
 * FNV-1a, for tables and for telling whether something changed: h is BYTES_HASH_START, or the hash
 * of what comes before b.  Not against somebody who looks for collisions.
 */
#define BYTES_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t bytes_hash(uint64_t h, struct bytes b);

/*
 * An owned byte string in wiping memory (mem.h): use for anything that may be
 * secret, and for copies that outlive their source.  Zero-initialised is
 * empty; len is in bytes.  data has a NUL after its last byte, which len does not count.
 */
struct blob {
	uint8_t *data;
	size_t len;
};

/* The bytes of a blob, valid until it is cleared. */
struct bytes blob_view(const struct blob *b);

/* Replace what b holds by a copy of src.  ERR_MEMORY leaves b as it was. */
enum err blob_copy(struct blob *b, struct bytes src);

/* Wipe and free; b is empty afterwards and may be used again. */
void blob_clear(struct blob *b);

/* Hand over ownership: returns what *b held, and leaves *b empty. */
struct blob blob_move(struct blob *b);

#endif
