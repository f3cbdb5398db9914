#include "tests/support/base_test.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"

/* A source that keeps what was released, to look at it afterwards. */
enum { ROOM = 8192 };
static _Alignas(16) uint8_t arena[ROOM];
static size_t used;
static void *last_released;
static bool refuse;

static void *arena_alloc(size_t n)
{
	void *p = arena + used;

	n = (n + 15) & ~(size_t)15;
	if (refuse || n > ROOM - used)
		return NULL;
	used += n;
	memset(p, 0xee, n);
	return p;
}

static void arena_release(void *p)
{
	last_released = p;
}

static int fresh_arena(void **state)
{
	(void)state;
	used = 0;
	refuse = false;
	last_released = NULL;
	return 0;
}

static bool arena_holds(const char *s)
{
	return memmem(arena, used, s, strlen(s)) != NULL;
}

static void alloc_is_zeroed_and_aligned(void **state)
{
	static const uint8_t zero[100];
	uint8_t *p = mem_alloc(sizeof(zero));

	(void)state;
	assert_non_null(p);
	assert_int_equal((uintptr_t)p % 16, 0);
	assert_memory_equal(p, zero, sizeof(zero));
	mem_free(p);
}

static void alloc_of_nothing_is_something(void **state)
{
	void *p = mem_alloc(0);

	(void)state;
	assert_non_null(p);
	mem_free(p);
}

static void alloc_of_too_much_fails(void **state)
{
	(void)state;
	assert_null(mem_alloc(SIZE_MAX));
	assert_null(mem_alloc(SIZE_MAX - 8));
	assert_int_equal(used, 0);
}

static void free_wipes(void **state)
{
	char *p = mem_alloc(32);

	(void)state;
	strcpy(p, "the secret of the house");
	assert_true(arena_holds("secret"));
	mem_free(p);
	assert_non_null(last_released);
	assert_false(arena_holds("secret"));
	assert_false(arena_holds("house"));
}

static void grow_keeps_zeroes_and_wipes(void **state)
{
	static const char zero[16];
	char *p = mem_alloc(16);
	char *q;

	(void)state;
	memcpy(p, "fifteen letters", 16);
	q = mem_grow(p, 32);
	assert_non_null(q);
	assert_string_equal(q, "fifteen letters");
	assert_memory_equal(q + 16, zero, 16);
	memset(q, 0, 16);
	assert_false(arena_holds("letters"));
	mem_free(q);
}

static void grow_can_shrink(void **state)
{
	char *p = mem_alloc(64);
	char *q;

	(void)state;
	memset(p, 'x', 64);
	q = mem_grow(p, 4);
	assert_non_null(q);
	assert_memory_equal(q, "xxxx", 4);
	assert_false(arena_holds("xxxxx"));
	mem_free(q);
}

static void grow_without_memory_leaves_all(void **state)
{
	char *p = mem_alloc(8);

	(void)state;
	strcpy(p, "kept");
	refuse = true;
	assert_null(mem_grow(p, 16));
	assert_string_equal(p, "kept");
	mem_free(p);
}

static void grow_of_null_allocates(void **state)
{
	char *p = mem_grow(NULL, 8);

	(void)state;
	assert_non_null(p);
	assert_int_equal(p[7], 0);
	mem_free(p);
}

static void free_of_null_does_nothing(void **state)
{
	(void)state;
	mem_free(NULL);
	assert_null(last_released);
}

static void wipe_clears_and_takes_nothing(void **state)
{
	char s[] = "abc";

	(void)state;
	mem_wipe(s, 2);
	assert_memory_equal(s, "\0\0c", 4);
	mem_wipe(NULL, 0);
}

static void equal_sees_every_byte(void **state)
{
	uint8_t a[33] = {0};
	uint8_t b[33] = {0};

	(void)state;
	assert_true(mem_equal(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = 0x80;
		assert_false(mem_equal(a, b, sizeof(a)));
		assert_true(mem_equal(a, b, i));
		b[i] = 0;
	}
	assert_true(mem_equal(NULL, NULL, 0));
}

int main(void)
{
	static const struct mem_source source = {arena_alloc, arena_release};
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(alloc_is_zeroed_and_aligned, fresh_arena),
	    cmocka_unit_test_setup(alloc_of_nothing_is_something, fresh_arena),
	    cmocka_unit_test_setup(alloc_of_too_much_fails, fresh_arena),
	    cmocka_unit_test_setup(free_wipes, fresh_arena),
	    cmocka_unit_test_setup(grow_keeps_zeroes_and_wipes, fresh_arena),
	    cmocka_unit_test_setup(grow_can_shrink, fresh_arena),
	    cmocka_unit_test_setup(grow_without_memory_leaves_all, fresh_arena),
	    cmocka_unit_test_setup(grow_of_null_allocates, fresh_arena),
	    cmocka_unit_test_setup(free_of_null_does_nothing, fresh_arena),
	    cmocka_unit_test_setup(wipe_clears_and_takes_nothing, fresh_arena),
	    cmocka_unit_test_setup(equal_sees_every_byte, fresh_arena),
	};

	mem_use(&source);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
