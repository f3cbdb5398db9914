/* The builder: RFC 4251's forms, errors that stick, memory that is wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/mem.h"
#include "proto/builder.h"
#include "proto/limits.h"
#include "tests/support/proto_vectors.h"

static void assert_built(struct builder *b, const void *want, size_t n)
{
	assert_int_equal(builder_error(b), ERR_OK);
	assert_bytes(builder_view(b), BYTES(want, n));
	builder_clear(b);
}

static void test_integers(void **state)
{
	struct builder b = {0};

	(void)state;
	builder_u8(&b, 0x7f);
	builder_bool(&b, true);
	builder_bool(&b, false);
	builder_u32(&b, 699921578); /* RFC 4251's example: 29 b7 f4 aa */
	builder_u64(&b, 0x0123456789abcdef);
	assert_built(&b, "\x7f\1\0\x29\xb7\xf4\xaa\x01\x23\x45\x67\x89\xab\xcd\xef", 15);
}

static void test_strings(void **state)
{
	struct builder b = {0};

	(void)state;
	builder_cstring(&b, "testing");
	builder_string(&b, BYTES_NONE);
	builder_put(&b, BYTES("xy", 2));
	assert_built(&b, "\0\0\0\x07testing\0\0\0\0xy", 17);
}

/* RFC 4251's examples of numbers that are not negative. */
static void test_mpint(void **state)
{
	struct builder b = {0};

	(void)state;
	builder_mpint(&b, BYTES_NONE);
	builder_mpint(&b, BYTES("\x09\xa3\x78\xf9\xb2\xe3\x32\xa7", 8));
	builder_mpint(&b, BYTES("\x80", 1));
	builder_mpint(&b, BYTES("\0\0\x7f", 3));
	builder_mpint(&b, BYTES("\0\0", 2));
	assert_built(&b,
	    "\0\0\0\0"
	    "\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7"
	    "\0\0\0\x02\0\x80"
	    "\0\0\0\x01\x7f"
	    "\0\0\0\0",
	    31);
}

static void test_open_and_close_nest(void **state)
{
	struct builder b = {0};
	size_t outer, inner;

	(void)state;
	builder_u8(&b, 9);
	outer = builder_open(&b);
	builder_u8(&b, 1);
	inner = builder_open(&b);
	builder_put(&b, bytes_str("abc"));
	builder_close(&b, inner);
	builder_close(&b, outer);
	assert_built(&b,
	    "\x09\0\0\0\x08\1\0\0\0\3"
	    "abc",
	    13);
}

static void test_reserve_gives_room_in_place(void **state)
{
	struct builder b = {0};
	uint8_t *place = builder_reserve(&b, 3);

	(void)state;
	assert_non_null(place);
	memcpy(place, "abc", 3);
	assert_built(&b, "abc", 3);
}

static void test_growth_keeps_the_content(void **state)
{
	struct builder b = {0};

	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		builder_u32(&b, i);
	assert_int_equal(builder_view(&b).len, 20000);
	for (unsigned i = 0; i < 5000; i++) {
		const uint8_t *p = builder_view(&b).data + (size_t)4 * i;

		assert_int_equal((unsigned)p[2] << 8 | p[3], i);
	}
	builder_clear(&b);
	assert_int_equal(builder_view(&b).len, 0);
}

static void test_take_moves_and_ends_with_nul(void **state)
{
	struct builder b = {0};
	struct blob out = {0};

	(void)state;
	builder_put(&b, bytes_str("abc"));
	assert_int_equal(builder_take(&b, &out), ERR_OK);
	assert_int_equal(out.len, 3);
	assert_string_equal((const char *)out.data, "abc");
	assert_int_equal(builder_view(&b).len, 0);
	blob_clear(&out);
}

static void test_reset_forgets_and_works_again(void **state)
{
	struct builder b = {0};

	(void)state;
	builder_put(&b, bytes_str("secret"));
	builder_reset(&b);
	assert_int_equal(builder_view(&b).len, 0);
	assert_memory_equal(b.data, "\0\0\0\0\0\0", 6);
	builder_put(&b, bytes_str("x"));
	assert_built(&b, "x", 1);
}

static void test_too_long_sticks(void **state)
{
	struct builder b = {0};
	struct blob out = {0};

	(void)state;
	builder_u8(&b, 1);
	assert_null(builder_reserve(&b, (size_t)8 * LIMIT_MESSAGE + 1));
	builder_u8(&b, 2);
	assert_int_equal(builder_view(&b).len, 1);
	builder_close(&b, builder_open(&b));
	assert_int_equal(builder_error(&b), ERR_TOO_LONG);
	assert_int_equal(builder_take(&b, &out), ERR_TOO_LONG);
	assert_null(out.data);
	assert_int_equal(builder_error(&b), ERR_OK);
}

/*
 * A source of memory that looks at what comes back, and can run dry; mem.h's hooks take no
 * argument.
 */
static size_t allocations_left = SIZE_MAX;
static size_t released, dirty;

static void *counting_alloc(size_t n)
{
	size_t *p;

	if (allocations_left == 0)
		return NULL;
	allocations_left--;
	p = malloc(16 + n);
	if (p == NULL)
		return NULL;
	*p = n;
	return (char *)p + 16;
}

static void counting_release(void *memory)
{
	const uint8_t *bytes = memory;
	size_t *p = (void *)((char *)memory - 16);

	released++;
	/* mem.c's own header of 16 bytes may stay. */
	for (size_t i = 16; i < *p; i++)
		if (bytes[i] != 0) {
			dirty++;
			break;
		}
	free(p);
}

static const struct mem_source counting = {counting_alloc, counting_release};

static int use_counting_memory(void **state)
{
	(void)state;
	mem_use(&counting);
	allocations_left = SIZE_MAX;
	released = dirty = 0;
	return 0;
}

static void test_old_places_are_wiped(void **state)
{
	struct builder b = {0};
	struct blob out = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		builder_put(&b, bytes_str("secret"));
	assert_int_equal(builder_take(&b, &out), ERR_OK);
	blob_clear(&out);
	assert_true(released >= 5); /* 256, 512, ... 8192 bytes */
	assert_int_equal(dirty, 0);
}

static void test_no_memory_sticks(void **state)
{
	struct builder b = {0};

	(void)state;
	allocations_left = 1;
	builder_u8(&b, 1);
	assert_int_equal(builder_error(&b), ERR_OK);
	assert_null(builder_reserve(&b, 1000));
	allocations_left = SIZE_MAX;
	builder_u8(&b, 2);
	assert_int_equal(builder_error(&b), ERR_MEMORY);
	assert_bytes(builder_view(&b), BYTES("\1", 1));
	builder_clear(&b);
	assert_int_equal(dirty, 0);
}

/* A length that no message has is refused before anything is read there. */
static void test_a_string_too_long(void **state)
{
	struct builder b = {0};

	(void)state;
	builder_u8(&b, 1);
	builder_string(&b, BYTES("", (size_t)8 * LIMIT_MESSAGE + 1));
	assert_int_equal(builder_error(&b), ERR_TOO_LONG);
	assert_int_equal(builder_view(&b).len, 1);
	builder_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_integers),
	    cmocka_unit_test(test_strings),
	    cmocka_unit_test(test_mpint),
	    cmocka_unit_test(test_open_and_close_nest),
	    cmocka_unit_test(test_reserve_gives_room_in_place),
	    cmocka_unit_test(test_growth_keeps_the_content),
	    cmocka_unit_test(test_take_moves_and_ends_with_nul),
	    cmocka_unit_test(test_reset_forgets_and_works_again),
	    cmocka_unit_test(test_too_long_sticks),
	    cmocka_unit_test(test_a_string_too_long),
	    /* From here on memory comes from the counting source. */
	    cmocka_unit_test_setup(test_old_places_are_wiped, use_counting_memory),
	    cmocka_unit_test_setup(test_no_memory_sticks, use_counting_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
