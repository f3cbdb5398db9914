/* The arena and a thread's cache, over ordinary memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "keystore/arena.h"
#include "keystore/arena_cache.h"
#include "tests/support/secret_child.h"

enum { MOST = 1 << 20, STEP = 4096, SLOTS = 500 };

/* A range that grows in steps up to a limit. */
struct range {
	struct arena arena;
	size_t held;
	size_t limit;
	size_t grown; /* how often */
	uint8_t *memory;
};

static size_t more(void *context, size_t least)
{
	struct range *r = context;
	const size_t n = (least + STEP - 1) / STEP * STEP;

	if (n > r->limit - r->held)
		return 0;
	r->held += n;
	r->grown++;
	return n;
}

static int setup(void **state)
{
	struct range *r = calloc(1, sizeof(*r));

	r->memory = aligned_alloc(STEP, MOST);
	memset(r->memory, 0, MOST);
	r->limit = MOST;
	arena_start(&r->arena, r->memory, MOST, more, r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct range *r = *state;

	free(r->memory);
	free(r);
	return 0;
}

static void test_blocks_are_aligned_and_large_enough(void **state)
{
	struct range *r = *state;

	for (size_t n = 0; n < 3000; n = n * 9 / 8 + 1) {
		uint8_t *p = arena_alloc(&r->arena, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % ARENA_UNIT, 0);
		assert_true(arena_room(p) >= n);
		assert_true(arena_room(p) < n + ARENA_UNIT + ARENA_HEADER);
		assert_true(arena_owns(&r->arena, p));
		memset(p, 0xFF, n);
	}
	assert_false(arena_owns(&r->arena, r->memory + MOST));
	assert_false(arena_owns(&r->arena, r->memory - 1));
	assert_false(arena_owns(&r->arena, NULL));
}

/* Each slot's bytes say which slot and round they are of. */
struct slot {
	uint8_t *p;
	size_t n;
	uint8_t mark;
};

static void check_slot(const struct slot *s)
{
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(s->p[i], s->mark);
}

static void refill(struct range *r, struct slot *s, unsigned *seed)
{
	if (s->p != NULL) {
		check_slot(s);
		memset(s->p, 0, arena_room(s->p));
		arena_free(&r->arena, s->p);
	}
	s->n = (size_t)rand_r(seed) % (rand_r(seed) % 8 == 0 ? 9000 : 400);
	s->mark = (uint8_t)rand_r(seed);
	s->p = arena_alloc(&r->arena, s->n);
	assert_non_null(s->p);
	memset(s->p, s->mark, s->n);
}

static void test_stress_keeps_content_and_joins_all_in_the_end(void **state)
{
	struct range *r = *state;
	struct slot slots[SLOTS] = {{NULL, 0, 0}};
	unsigned seed = 7;
	size_t grown;
	void *all;

	for (unsigned i = 0; i < 50000; i++)
		refill(r, &slots[(unsigned)rand_r(&seed) % SLOTS], &seed);
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots[i].p == NULL)
			continue;
		check_slot(&slots[i]);
		arena_free(&r->arena, slots[i].p);
	}
	assert_int_equal(r->arena.used, 0);
	grown = r->grown;
	all = arena_alloc(&r->arena, r->held - ARENA_UNIT - ARENA_HEADER);
	assert_non_null(all);
	assert_int_equal(r->grown, grown);
}

static void test_memory_beyond_the_limit_is_refused(void **state)
{
	struct range *r = *state;
	void *p;

	r->limit = 4 * STEP;
	assert_null(arena_alloc(&r->arena, 4 * STEP));
	assert_null(arena_alloc(&r->arena, SIZE_MAX));
	assert_null(arena_alloc(&r->arena, SIZE_MAX - ARENA_UNIT));
	assert_true(arena_make_room(&r->arena, 3 * STEP));
	assert_false(arena_make_room(&r->arena, 5 * STEP));
	p = arena_alloc(&r->arena, 3 * STEP);
	assert_non_null(p);
	assert_null(arena_alloc(&r->arena, 2 * STEP));
	arena_free(&r->arena, p);
	assert_non_null(arena_alloc(&r->arena, 3 * STEP));
}

static void test_growth_asks_only_for_what_the_end_lacks(void **state)
{
	struct range *r = *state;
	void *p = arena_alloc(&r->arena, 100);

	assert_non_null(p);
	assert_int_equal(r->held, STEP);
	assert_non_null(arena_alloc(&r->arena, 2 * STEP - 400));
	assert_int_equal(r->held, 2 * STEP);
}

static void free_twice(void *arg)
{
	struct range *r = arg;
	void *p = arena_alloc(&r->arena, 100);
	void *q = arena_alloc(&r->arena, 100);

	arena_free(&r->arena, p);
	arena_free(&r->arena, p);
	arena_free(&r->arena, q);
}

static void keep_twice(void *arg)
{
	struct range *r = arg;
	struct arena_cache cache = {{NULL}, {0}, 0};
	void *p = arena_alloc(&r->arena, 100);

	arena_cache_put(&cache, p);
	arena_cache_put(&cache, p);
}

static void write_past_the_end(void *arg)
{
	struct range *r = arg;
	uint8_t *p = arena_alloc(&r->arena, 100);
	uint8_t *q = arena_alloc(&r->arena, 100);

	memset(p, 0x41, arena_room(p) + 8);
	arena_free(&r->arena, q);
}

static void test_misuse_ends_the_process(void **state)
{
	static void (*const misuses[])(void *) = {free_twice, keep_twice, write_past_the_end};

	for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
		const int status = child_run(misuses[i], *state);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

static void test_cache_gives_back_a_block_of_the_size(void **state)
{
	struct range *r = *state;
	struct arena_cache cache = {{NULL}, {0}, 0};
	void *small = arena_alloc(&r->arena, 24);
	void *large = arena_alloc(&r->arena, 200);
	void *huge = arena_alloc(&r->arena, 5000);

	assert_true(arena_cache_put(&cache, small));
	assert_true(arena_cache_put(&cache, large));
	assert_false(arena_cache_put(&cache, huge));
	assert_null(arena_cache_take(&cache, 100));
	assert_null(arena_cache_take(&cache, SIZE_MAX));
	assert_ptr_equal(arena_cache_take(&cache, 20), small);
	assert_null(arena_cache_take(&cache, 20));
	assert_ptr_equal(arena_cache_empty(&cache), large);
	assert_null(arena_cache_empty(&cache));
	assert_int_equal(cache.bytes, 0);
	arena_free(&r->arena, small);
	arena_free(&r->arena, large);
	arena_free(&r->arena, huge);
	assert_int_equal(r->arena.used, 0);
}

static void test_cache_is_bounded(void **state)
{
	struct range *r = *state;
	struct arena_cache cache = {{NULL}, {0}, 0};
	unsigned kept = 0;

	for (unsigned i = 0; i < 2 * CACHE_BLOCKS; i++)
		kept += arena_cache_put(&cache, arena_alloc(&r->arena, 40));
	assert_int_equal(kept, CACHE_BLOCKS);
	for (unsigned i = 0; i < 2 * CACHE_BLOCKS; i++)
		arena_cache_put(&cache, arena_alloc(&r->arena, 900 - 16 * (i % 4)));
	assert_in_range(cache.bytes, CACHE_BYTES / 2, CACHE_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_blocks_are_aligned_and_large_enough, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_stress_keeps_content_and_joins_all_in_the_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_memory_beyond_the_limit_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_growth_asks_only_for_what_the_end_lacks, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_misuse_ends_the_process, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_cache_gives_back_a_block_of_the_size, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cache_is_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
