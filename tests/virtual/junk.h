/* Bytes that mean nothing, for virtual devices that misbehave. */
#ifndef SIGNET_TESTS_JUNK_H
#define SIGNET_TESTS_JUNK_H

#include <stddef.h>
#include <stdint.h>

/* The same at every call: random ones happen to mean something now and then, to CBOR most of all.
 */
void junk_fill(uint8_t *out, size_t n);

#endif
