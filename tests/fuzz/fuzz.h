/*
 * What the fuzzers share.  They are linked with libFuzzer by tests/fuzz/run, and with replay.c,
 * which feeds them files, by the Makefile.
 */
#ifndef SIGNET_FUZZ_H
#define SIGNET_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Something that must hold for every input. */
static inline void fuzz_require(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "does not hold: %s\n", what);
		abort();
	}
}

/* Read every byte of a result, so that a view beyond the input meets the address sanitizer. */
static inline void fuzz_touch(struct bytes b)
{
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < b.len; i++)
		sum = (uint8_t)(sum + b.data[i]);
}

/*
 * PLANT=1 tests/fuzz/run proves that a fuzzer gets behind its decoder: it must reach a planted bug,
 * which stands behind a well-formed input that is in no corpus.
 */
static inline void fuzz_plant(bool reached)
{
#ifdef FUZZ_PLANT
	fuzz_require(!reached, "the planted bug is never reached");
#else
	(void)reached;
#endif
}

#endif
