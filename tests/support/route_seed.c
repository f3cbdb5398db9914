#include "tests/support/route_seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct blob route_seed(const char *name)
{
	static uint8_t room[65536];
	struct blob b = {0};
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(blob_copy(&b, BYTES(room, fread(room, 1, sizeof(room), f))), ERR_OK);
	fclose(f);
	assert_true(b.len != 0);
	return b;
}

uint8_t *route_cut(struct bytes whole, size_t n)
{
	uint8_t *copy = malloc(n + 1);

	assert_non_null(copy);
	memcpy(copy, whole.data, n);
	return realloc(copy, n != 0 ? n : 1);
}
