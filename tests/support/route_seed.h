/* What OpenSSH's clients said (tests/vectors/make-route), for unit tests. */
#ifndef SIGNET_TESTS_ROUTE_SEED_H
#define SIGNET_TESTS_ROUTE_SEED_H

#include "proto/base/bytes.h"

/* The file tests/fuzz/corpus/NAME; the caller clears the blob.  The test fails without it. */
struct blob route_seed(const char *name);

/* The first n bytes in memory of just that length, for the address sanitizer; to be freed. */
uint8_t *route_cut(struct bytes whole, size_t n);

#endif
