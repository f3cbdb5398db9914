/* Secret memory as a process has it: each test in a child of its own. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "keystore/crypto.h"
#include "keystore/secretmem.h"
#include "tests/support/secret_child.h"

static const enum secret_mode memfd = SECRET_MEMFD;
static const enum secret_mode locked = SECRET_LOCKED;

/* Run fn in a child for each mode that this kernel has; fn gets the mode. */
static void in_both_modes(void (*fn)(void *))
{
	enum secret_mode mode = locked;

	assert_int_equal(child_run(fn, &mode), 0);
	mode = memfd;
	if (have_memfd())
		assert_int_equal(child_run(fn, &mode), 0);
}

static void start_in(const void *mode)
{
	child_start_secrets(*(const enum secret_mode *)mode);
}

static bool is_secret(const void *p)
{
	struct mapped m;

	CHILD_CHECK(child_mapping(p, &m));
	if (secretmem_mode() == SECRET_MEMFD)
		return strncmp(m.name, "/secretmem", strlen("/secretmem")) == 0;
	return m.name[0] == '\0' && strstr(m.flags, "lo ") != NULL;
}

static void check_places(void *mode)
{
	struct mapped m;
	void *early;
	void *late;
	void *own;

	CHILD_CHECK(secretmem_start(*(enum secret_mode *)mode) == ERR_OK);
	CHILD_CHECK(crypto_start() == ERR_OK);
	early = OPENSSL_malloc(100);
	CHILD_CHECK(!is_secret(early));
	CHILD_CHECK(crypto_warm_up() == ERR_OK);
	late = OPENSSL_malloc(100);
	own = mem_alloc(100);
	CHILD_CHECK(is_secret(late));
	CHILD_CHECK(is_secret(own));
	CHILD_CHECK(child_mapping(own, &m));
	CHILD_CHECK(strstr(m.flags, "dd ") != NULL);
	CHILD_CHECK(strstr(m.flags, "lo ") != NULL);
	CHILD_CHECK(strstr(m.flags, "dc ") != NULL);
	early = OPENSSL_realloc(early, 5000);
	CHILD_CHECK(is_secret(early));
	OPENSSL_free(early);
	OPENSSL_free(late);
	mem_free(own);
	CHILD_CHECK(!secretmem_stats().exhausted);
}

static void test_memory_is_locked_and_out_of_dumps_and_forks(void **state)
{
	(void)state;
	in_both_modes(check_places);
}

/* The first bytes of a free block are the allocator's. */
static void check_wiped(const uint8_t *p, size_t n)
{
	for (size_t i = 16; i < n; i++)
		CHILD_CHECK(p[i] == 0);
}

static void check_wipe(void *mode)
{
	static const size_t sizes[] = {40, 200, 384, 1000, 3000, 20000};
	uint8_t *keep[2];
	uint8_t *p;

	start_in(mode);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const size_t n = sizes[i];

		keep[0] = OPENSSL_malloc(8); /* so that p does not melt into free memory */
		p = OPENSSL_malloc(n);
		keep[1] = OPENSSL_malloc(8);
		memset(p, 0x5A, n);
		OPENSSL_free(p);
		check_wiped(p, n);
		p = OPENSSL_malloc(n);
		memset(p, 0x5A, n);
		CHILD_CHECK(OPENSSL_realloc(p, 4 * n) != p);
		check_wiped(p, n);
		p = mem_alloc(n);
		memset(p, 0x5A, n);
		mem_free(p);
		check_wiped(p, n);
		OPENSSL_free(keep[0]);
		OPENSSL_free(keep[1]);
	}
}

static void test_freed_memory_is_wiped(void **state)
{
	(void)state;
	in_both_modes(check_wipe);
}

static void check_realloc(void *mode)
{
	uint8_t *p = NULL;
	size_t before = 0;

	start_in(mode);
	for (size_t n = 1; n < 100000; n = n * 5 / 4 + 1) {
		p = OPENSSL_realloc(p, n);
		CHILD_CHECK(p != NULL);
		for (size_t i = 0; i < before; i++)
			CHILD_CHECK(p[i] == (uint8_t)(i * 7));
		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)(i * 7);
		before = n;
	}
	p = OPENSSL_realloc(p, 10);
	for (size_t i = 0; i < 10; i++)
		CHILD_CHECK(p[i] == (uint8_t)(i * 7));
	CHILD_CHECK(OPENSSL_realloc(p, 0) == NULL);
}

static void test_realloc_keeps_the_content(void **state)
{
	(void)state;
	in_both_modes(check_realloc);
}

enum { THREADS = 4, ROUNDS = 40000, EXCHANGE = 64, LARGEST = 3000 };

/* Blocks on their way from one thread to another. */
struct exchange {
	uint8_t *slots[EXCHANGE];
	unsigned failures;
	sem_t done;
};

/* The first two bytes say how long a block is, the others repeat its mark. */
static void fill(uint8_t *p, size_t n, uint8_t mark)
{
	memset(p, mark, n);
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
}

static bool is_whole(const uint8_t *p)
{
	const size_t n = (size_t)p[0] << 8 | p[1];

	for (size_t i = 3; i < n; i++)
		if (p[i] != p[2])
			return false;
	return true;
}

/* Put a new block into a slot; check and free what another thread left there. */
static void *exchange_blocks(void *arg)
{
	struct exchange *x = arg;
	unsigned seed = (unsigned)(uintptr_t)pthread_self();

	for (unsigned i = 0; i < ROUNDS; i++) {
		const size_t n = 3 + (size_t)rand_r(&seed) % (i % 16 == 0 ? LARGEST : 300);
		uint8_t *p = OPENSSL_malloc(n);
		uint8_t *old;

		fill(p, n, (uint8_t)rand_r(&seed));
		old = __atomic_exchange_n(
		    &x->slots[(unsigned)rand_r(&seed) % EXCHANGE], p, __ATOMIC_ACQ_REL);
		if (old != NULL && !is_whole(old))
			__atomic_add_fetch(&x->failures, 1, __ATOMIC_RELAXED);
		OPENSSL_free(old);
	}
	return NULL;
}

static void on_secret_stack(void *arg)
{
	exchange_blocks(arg);
	sem_post(&((struct exchange *)arg)->done);
}

static void check_threads(void *mode)
{
	static struct exchange x;
	pthread_t threads[THREADS];
	size_t used;

	start_in(mode);
	CHILD_CHECK(sem_init(&x.done, 0, 0) == 0);
	CHILD_CHECK(secret_thread(on_secret_stack, &x, SECRET_STACK) == ERR_OK);
	used = secretmem_stats().bytes_used;
	for (unsigned i = 0; i < THREADS; i++)
		CHILD_CHECK(pthread_create(&threads[i], NULL, exchange_blocks, &x) == 0);
	for (unsigned i = 0; i < THREADS; i++)
		CHILD_CHECK(pthread_join(threads[i], NULL) == 0);
	CHILD_CHECK(sem_wait(&x.done) == 0);
	for (unsigned i = 0; i < EXCHANGE; i++) {
		CHILD_CHECK(x.slots[i] == NULL || is_whole(x.slots[i]));
		OPENSSL_free(x.slots[i]);
	}
	CHILD_CHECK(x.failures == 0);
	/* Threads that ended gave back what they kept; this one and the secret one may keep some.
	 */
	CHILD_CHECK(MEMORY_IS_PLAIN || secretmem_stats().bytes_used < used + 64 * 1024);
}

static void test_threads_share_it(void **state)
{
	(void)state;
	in_both_modes(check_threads);
}

enum { LIMIT = 1024 * 1024, PIECE = 16 * 1024, PIECES = 128 };

static void check_limit(void *mode)
{
	uint8_t *pieces[PIECES];
	size_t secret = 0;

	child_limit_memlock(LIMIT);
	start_in(mode);
	CHILD_CHECK(!secretmem_stats().exhausted);
	CHILD_CHECK(secretmem_has_room(PIECE));
	CHILD_CHECK(!secretmem_has_room(LIMIT));
	for (size_t i = 0; i < PIECES; i++) {
		pieces[i] = mem_alloc(PIECE);
		CHILD_CHECK(pieces[i] != NULL);
		memset(pieces[i], (int)i, PIECE);
		secret += is_secret(pieces[i]);
	}
	/* All but what libcrypto holds, and less than a page at the end. */
	CHILD_CHECK(secret >= LIMIT / PIECE - 6 && secret < LIMIT / PIECE);
	CHILD_CHECK(secretmem_stats().bytes_held <= LIMIT);
	CHILD_CHECK(secretmem_stats().bytes_held > LIMIT - PIECE);
	CHILD_CHECK(secretmem_stats().exhausted);
	CHILD_CHECK(!secretmem_has_room(1));
	for (size_t i = 0; i < PIECES; i++) {
		CHILD_CHECK(pieces[i][0] == (uint8_t)i && pieces[i][PIECE - 1] == (uint8_t)i);
		mem_free(pieces[i]);
	}
	CHILD_CHECK(secretmem_has_room(LIMIT / 2));
	CHILD_CHECK(secretmem_stats().exhausted);
}

static void test_past_the_limit_memory_is_ordinary(void **state)
{
	(void)state;
	in_both_modes(check_limit);
}

static void run_and_post(void *arg)
{
	sem_post(arg);
}

static void check_no_limit(void *unused)
{
	void *p;
	sem_t ran;

	(void)unused;
	child_limit_memlock(0);
	CHILD_CHECK(secretmem_start(SECRET_AUTO) == ERR_OK);
	CHILD_CHECK(secretmem_mode() == SECRET_LOCKED);
	CHILD_CHECK(crypto_start() == ERR_OK && crypto_warm_up() == ERR_OK);
	p = mem_alloc(1000);
	CHILD_CHECK(p != NULL);
	memset(p, 1, 1000);
	mem_free(p);
	CHILD_CHECK(MEMORY_IS_PLAIN || secretmem_stats().exhausted);
	CHILD_CHECK(secretmem_stats().bytes_held == 0);
	CHILD_CHECK(MEMORY_IS_PLAIN || !secretmem_has_room(1));
	CHILD_CHECK(sem_init(&ran, 0, 0) == 0);
	CHILD_CHECK(secret_thread(run_and_post, &ran, SECRET_STACK) == ERR_OK);
	CHILD_CHECK(sem_wait(&ran) == 0);
}

static void test_without_any_locked_memory_it_runs(void **state)
{
	(void)state;
	assert_int_equal(child_run(check_no_limit, NULL), 0);
}

static bool hibernation_listed(void)
{
	char states[256] = "";
	FILE *f = fopen("/sys/power/state", "re");
	bool listed;

	if (f == NULL)
		return false;
	listed = fgets(states, sizeof(states), f) != NULL && strstr(states, "disk") != NULL;
	fclose(f);
	return listed;
}

static void check_auto(void *unused)
{
	const bool hibernates = hibernation_listed();

	(void)unused;
	CHILD_CHECK(secretmem_start(SECRET_AUTO) == ERR_OK);
	CHILD_CHECK(
	    secretmem_mode() == (have_memfd() && !hibernates ? SECRET_MEMFD : SECRET_LOCKED));
}

static void test_auto_takes_memfd_where_nothing_hibernates(void **state)
{
	(void)state;
	assert_int_equal(child_run(check_auto, NULL), 0);
	assert_string_equal(secret_mode_name(SECRET_AUTO), "auto");
	assert_string_equal(secret_mode_name(SECRET_MEMFD), "memfd");
	assert_string_equal(secret_mode_name(SECRET_LOCKED), "locked");
}

/* On a thread's stack: where it lies, and room to use it. */
struct stack_report {
	bool secret;
	bool below_unmapped;
	sem_t done;
};

static void look_at_stack(void *arg)
{
	struct stack_report *report = arg;
	struct mapped m;
	pthread_attr_t attributes;
	void *lowest = NULL;
	size_t size;
	uint8_t deep[SECRET_STACK - 24 * 1024];

	memset(deep, 1, sizeof(deep));
	__asm__ volatile("" : : "r"(deep) : "memory");
	report->secret = is_secret(deep);
	if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
		pthread_attr_getstack(&attributes, &lowest, &size);
		pthread_attr_destroy(&attributes);
	}
	report->below_unmapped = child_mapping((char *)lowest - 1, &m) &&
				 strstr(m.flags, "rd ") == NULL && strstr(m.flags, "wr ") == NULL;
	secret_stack_clean();
	sem_post(&report->done);
}

static void check_stack(void *mode)
{
	struct stack_report report = {false, false, {{0}}};

	start_in(mode);
	CHILD_CHECK(sem_init(&report.done, 0, 0) == 0);
	for (unsigned i = 0; i < 3; i++) {
		CHILD_CHECK(secret_thread(look_at_stack, &report, SECRET_STACK) == ERR_OK);
		CHILD_CHECK(sem_wait(&report.done) == 0);
		CHILD_CHECK(report.secret);
		CHILD_CHECK(report.below_unmapped);
	}
	CHILD_CHECK(secretmem_stats().bytes_held >= 3 * SECRET_STACK);
}

static void test_thread_stacks_are_secret_and_guarded(void **state)
{
	(void)state;
	in_both_modes(check_stack);
}

static void touch(void *arg)
{
	*(volatile uint8_t *)arg = 1;
}

static void check_fork(void *mode)
{
	int status;

	start_in(mode);
	status = child_run(touch, mem_alloc(100));
	CHILD_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void test_a_forked_child_has_none_of_it(void **state)
{
	(void)state;
	in_both_modes(check_fork);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_realloc_keeps_the_content),
	    cmocka_unit_test(test_threads_share_it),
	    cmocka_unit_test(test_without_any_locked_memory_it_runs),
	    cmocka_unit_test(test_auto_takes_memfd_where_nothing_hibernates),
	    cmocka_unit_test(test_memory_is_locked_and_out_of_dumps_and_forks),
	    cmocka_unit_test(test_freed_memory_is_wiped),
	    cmocka_unit_test(test_past_the_limit_memory_is_ordinary),
	    cmocka_unit_test(test_thread_stacks_are_secret_and_guarded),
	    cmocka_unit_test(test_a_forked_child_has_none_of_it),
	};

	return RUN_TESTS(tests, 4);
}
