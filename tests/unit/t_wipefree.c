/* What is freed, or moved, is wiped, of whatever size it is. */
#include "tests/support/base_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tokens/wipefree.c"

enum { MARK = 0x5e, AT_ONCE = 20 };

/* Small ones, of the cache and of bins; large ones, which stay mapped beside a neighbour. */
static const size_t sizes[] = {16, 24, 40, 100, 500, 1000, 1032, 1040, 5000, 20000, 100000};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* Numbers and not pointers, as what is looked at is nobody's any more. */
static volatile uintptr_t place[AT_ONCE];

static void *marked(size_t n)
{
	void *p = malloc(n);

	assert_non_null(p);
	return memset(p, MARK, n);
}

/* The longest run of marks that is left there. */
static size_t marks_at(uintptr_t at, size_t n)
{
	const volatile uint8_t *p = (const volatile uint8_t *)at;
	size_t run = 0, most = 0;

	for (size_t i = 0; i < n; i++) {
		run = p[i] == MARK ? run + 1 : 0;
		most = run > most ? run : most;
	}
	return most;
}

static void skip_other_heaps(void)
{
#ifdef SIGNET_SANITIZE
	base_skip("not on Debian 12: a build with sanitizers has a heap of its own");
#elif !defined(__GLIBC__)
	base_skip(
	    "not on Debian 12: what this C library does with freed memory cannot be looked at");
#endif
}

static void what_is_freed_is_wiped(void **state)
{
	(void)state;
	skip_other_heaps();
	for (size_t s = 0; s < SIZES; s++) {
		void *p[AT_ONCE], *neighbour[AT_ONCE];

		for (int i = 0; i < AT_ONCE; i++) {
			p[i] = marked(sizes[s]);
			place[i] = (uintptr_t)p[i];
			neighbour[i] = malloc(32);
		}
		for (int i = 0; i < AT_ONCE; i++)
			free(p[i]);
		for (int i = 0; i < AT_ONCE; i++)
			assert_in_range(marks_at(place[i], sizes[s]), 0, 2);
		for (int i = 0; i < AT_ONCE; i++)
			free(neighbour[i]);
	}
}

static void what_is_moved_is_wiped(void **state)
{
	(void)state;
	skip_other_heaps();
	for (size_t s = 0; s < SIZES; s++) {
		void *p = marked(sizes[s]), *neighbour = malloc(32), *moved;

		place[0] = (uintptr_t)p;
		moved = realloc(p, sizes[s] * 3);
		assert_non_null(moved);
		assert_int_equal(marks_at((uintptr_t)moved, sizes[s]), sizes[s]);
		assert_true((uintptr_t)moved != place[0]);
		assert_in_range(marks_at(place[0], sizes[s]), 0, 2);
		place[0] = (uintptr_t)moved;
		p = realloc(moved, sizes[s] / 2);
		assert_non_null(p);
		assert_int_equal(marks_at((uintptr_t)p, sizes[s] / 2), sizes[s] / 2);
		assert_in_range(marks_at(place[0], sizes[s] * 3), 0, 2);
		free(p);
		free(neighbour);
	}
}

static void the_rest_is_as_ever(void **state)
{
	void *(*volatile move)(void *, size_t) =
	    realloc; /* compilers know better than to call it */
	void *p = move(NULL, 10);

	(void)state;
	assert_non_null(p);
	errno = EXDEV;
	free(p);
	free(NULL);
	assert_int_equal(errno, EXDEV);
	p = malloc(10);
	p = move(p, 0);
#ifdef __GLIBC__
	assert_null(p);
#endif
}

/* What a process of its own came to. */
static int ended_as(void (*fn)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void free_twice(void)
{
	place[0] = (uintptr_t)malloc(24);
	free((void *)place[0]);
	(void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	free((void *)place[0]);
}

/* What the C library would have seen it still sees. */
static void freeing_twice_ends_the_program(void **state)
{
	int status;

	(void)state;
	skip_other_heaps();
	status = ended_as(free_twice);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void free_what_was_never_touched(void)
{
	struct rusage used;

	free(calloc(1, (size_t)400 << 20));
	(void)getrusage(RUSAGE_SELF, &used);
	_exit(used.ru_maxrss < 100 << 10 ? 0 : 1);
}

static void what_was_never_touched_takes_no_memory(void **state)
{
	(void)state;
	skip_other_heaps();
	assert_int_equal(ended_as(free_what_was_never_touched), 0);
}

int main(void)
{
#if defined(__GLIBC__) && !defined(SIGNET_SANITIZE)
	/* What is freed stays mapped, so that it can be looked at. */
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 24);
#endif
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_freed_is_wiped),
	    cmocka_unit_test(what_is_moved_is_wiped),
	    cmocka_unit_test(the_rest_is_as_ever),
	    cmocka_unit_test(freeing_twice_ends_the_program),
	    cmocka_unit_test(what_was_never_touched_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
