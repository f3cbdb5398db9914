#include "tests/virtual/junk.h"

/* 0x9d opens nothing in CBOR (RFC 8949, section 3: additional information 28 to 30 is reserved),
 * nor in BER, where what follows would be a length. */
enum { FIRST = 0x9d, SEED = 0x2545f491 };

void junk_fill(uint8_t *out, size_t n)
{
	uint32_t x = SEED;

	for (size_t i = 0; i < n; i++) {
		/* Marsaglia's xorshift, 2003 */
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		out[i] = i == 0 ? FIRST : (uint8_t)(x >> 24);
	}
}
