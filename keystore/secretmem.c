#include "keystore/secretmem.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "keystore/arena.h"
#include "keystore/arena_cache.h"
#include "keystore/secretmem_range.h"

/*
 * Address and undefined-behaviour sanitizers must see every allocation and know every
 * stack: in their build the mode is chosen as ever, but memory and stacks are the C library's.
 */
#ifdef SIGNET_SANITIZE
enum { PLAIN_MEMORY = 1 };
#else
enum { PLAIN_MEMORY = 0 };
#endif

/*
 * Room that is kept back when a caller asks whether a key fits, so that requests and
 * signatures still find secret memory when it is full of keys.
 */
enum { HEADROOM = 192 * 1024 };

/*
 * One per process: libcrypto's hooks and mem.h's source carry no context.  The lock
 * guards all of it but sealed, mode and the bounds, which are constant once threads run.
 */
static struct {
	pthread_mutex_t lock;
	pthread_key_t at_thread_end;
	struct secret_range range;
	struct arena arena;
	bool started;
	bool sealed; /* libcrypto's start-up is over */
	bool exhausted;
} secret = {.lock = PTHREAD_MUTEX_INITIALIZER, .range = {.mode = SECRET_LOCKED, .fd = -1}};

/* What a thread keeps; in its own stack's mapping, so in secret memory for secret threads. */
static _Thread_local struct {
	struct arena_cache cache;
	enum { CACHE_NEW, CACHE_OPEN, CACHE_CLOSED } state;
	bool out_of_reach;  /* the stack lies in SECRET_MEMFD memory */
	uint8_t *stack_end; /* lowest address of a stack of ours, else NULL */
} mine __attribute__((tls_model("initial-exec")));

const char *secret_mode_name(enum secret_mode mode)
{
	switch (mode) {
	case SECRET_AUTO:
		return "auto";
	case SECRET_MEMFD:
		return "memfd";
	case SECRET_LOCKED:
		return "locked";
	}
	return "unknown";
}

/*
 * The blocks go back when the thread ends; what libcrypto frees after that goes straight
 * to the arena.
 */
static void close_cache(void *unused)
{
	void *p;

	(void)unused;
	mine.state = CACHE_CLOSED;
	pthread_mutex_lock(&secret.lock);
	while ((p = arena_cache_empty(&mine.cache)) != NULL)
		arena_free(&secret.arena, p);
	pthread_mutex_unlock(&secret.lock);
}

static bool cache_is_open(void)
{
	if (mine.state == CACHE_NEW)
		mine.state = pthread_setspecific(secret.at_thread_end, &mine) == 0 ? CACHE_OPEN
										   : CACHE_CLOSED;
	return mine.state == CACHE_OPEN;
}

/* Past the limit memory is ordinary, so that no request fails; it is wiped all the same. */
static void *alloc_slowly(size_t n)
{
	void *p;

	pthread_mutex_lock(&secret.lock);
	p = arena_alloc(&secret.arena, n);
	if (p == NULL)
		secret.exhausted = true;
	pthread_mutex_unlock(&secret.lock);
	return p != NULL ? p : malloc(n);
}

static void *secret_alloc(size_t n)
{
	void *p = arena_cache_take(&mine.cache, n);

	return p != NULL ? p : alloc_slowly(n);
}

/* p has been wiped. */
static void secret_release(void *p)
{
	if (!arena_owns(&secret.arena, p)) {
		free(p);
		return;
	}
	if (cache_is_open() && arena_cache_put(&mine.cache, p))
		return;
	pthread_mutex_lock(&secret.lock);
	arena_free(&secret.arena, p);
	pthread_mutex_unlock(&secret.lock);
}

static size_t room_of(void *p)
{
	return arena_owns(&secret.arena, p) ? arena_room(p) : malloc_usable_size(p);
}

static void *crypto_alloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n == 0)
		return NULL;
	return secret.sealed ? secret_alloc(n) : malloc(n);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (p == NULL)
		return;
	mem_wipe(p, room_of(p));
	secret_release(p);
}

/* A block that fits stays where it is, unless most of it would be wasted. */
static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
	size_t room;
	void *fresh;

	if (p == NULL)
		return crypto_alloc(n, file, line);
	if (n == 0) {
		crypto_free(p, file, line);
		return NULL;
	}
	room = room_of(p);
	if (n <= room && n >= room / 2)
		return p;
	fresh = crypto_alloc(n, file, line);
	if (fresh == NULL)
		return NULL;
	memcpy(fresh, p, n < room ? n : room);
	crypto_free(p, file, line);
	return fresh;
}

static size_t more(void *range, size_t least)
{
	return range_grow(range, least);
}

static enum err take_over(void)
{
	static const struct mem_source source = {secret_alloc, secret_release};

	if (CRYPTO_set_mem_functions(crypto_alloc, crypto_realloc, crypto_free) != 1)
		return ERR_CRYPTO;
	if (pthread_key_create(&secret.at_thread_end, close_cache) != 0)
		return ERR_SYSTEM;
	arena_start(&secret.arena, secret.range.base, secret.range.reserved, more, &secret.range);
	secret.exhausted = !arena_make_room(&secret.arena, 1);
	mem_use(&source);
	return ERR_OK;
}

enum err secretmem_start(enum secret_mode wanted)
{
	enum err e = range_open(&secret.range, wanted);

	if (e == ERR_OK && !PLAIN_MEMORY)
		e = take_over();
	secret.started = e == ERR_OK && !PLAIN_MEMORY;
	return e;
}

void secretmem_seal_startup(void)
{
	secret.sealed = secret.started;
}

enum secret_mode secretmem_mode(void)
{
	return secret.range.mode;
}

struct secretmem_stats secretmem_stats(void)
{
	struct secretmem_stats stats;

	pthread_mutex_lock(&secret.lock);
	stats.bytes_held = secret.range.low + secret.range.stacks;
	stats.bytes_used = secret.arena.used + secret.range.stacks;
	stats.exhausted = secret.exhausted;
	pthread_mutex_unlock(&secret.lock);
	return stats;
}

/*
 * One piece of n bytes, or so many in smaller ones: keys are many small blocks.  Half of it is
 * in one piece even then, for the tables of a slow signature.
 */
static bool make_room(size_t n)
{
	const struct arena *a = &secret.arena;

	return arena_make_room(&secret.arena, n) ||
	       (a->held - a->used >= n && arena_make_room(&secret.arena, n / 2));
}

bool secretmem_has_room(size_t n)
{
	bool room;

	if (!secret.started)
		return PLAIN_MEMORY;
	pthread_mutex_lock(&secret.lock);
	room = n <= SIZE_MAX - HEADROOM && make_room(n + HEADROOM);
	if (!room)
		secret.exhausted = true;
	pthread_mutex_unlock(&secret.lock);
	return room;
}

/* What a new thread is told; the thread frees it. */
struct launch {
	void (*fn)(void *);
	void *arg;
	uint8_t *stack; /* NULL: the C library's */
};

static void *run(void *arg)
{
	const struct launch launch = *(struct launch *)arg;

	mem_free(arg);
	mine.stack_end = launch.stack;
	mine.out_of_reach = launch.stack != NULL && secret.range.mode == SECRET_MEMFD;
	launch.fn(launch.arg);
	secret_stack_clean();
	return NULL;
}

static uint8_t *take_stack(size_t size)
{
	uint8_t *stack;

	if (!secret.started)
		return NULL;
	pthread_mutex_lock(&secret.lock);
	stack = range_stack(&secret.range, size);
	if (stack == NULL)
		secret.exhausted = true;
	pthread_mutex_unlock(&secret.lock);
	return stack;
}

/* Sanitizers' frames are several times as large. */
static bool set_stack(pthread_attr_t *attributes, uint8_t *stack, size_t size)
{
	if (stack != NULL)
		return pthread_attr_setstack(attributes, stack, size) == 0;
	return pthread_attr_setstacksize(attributes, PLAIN_MEMORY ? 16 * size : size) == 0;
}

enum err secret_thread(void (*fn)(void *), void *arg, size_t size)
{
	struct launch *launch = mem_alloc(sizeof(*launch));
	pthread_attr_t attributes;
	pthread_t thread;
	enum err e = ERR_SYSTEM;

	if (launch == NULL)
		return ERR_MEMORY;
	if (pthread_attr_init(&attributes) != 0) {
		mem_free(launch);
		return ERR_MEMORY;
	}
	*launch = (struct launch){fn, arg, take_stack(range_pages(size))};
	if (pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
	    set_stack(&attributes, launch->stack, range_pages(size)) &&
	    pthread_create(&thread, &attributes, run, launch) == 0)
		e = ERR_OK;
	else
		mem_free(launch);
	pthread_attr_destroy(&attributes);
	return e;
}

enum { CLEAN_PIECE = 4096, CLEAN_PIECES = 8 };

/* Each call wipes a piece of the stack further down. */
static __attribute__((noinline)) void clean_down(unsigned pieces)
{
	uint8_t piece[CLEAN_PIECE];
	const bool room =
	    mine.stack_end == NULL || (size_t)(piece - mine.stack_end) > 2 * (size_t)CLEAN_PIECE;

	mem_wipe(piece, sizeof(piece));
	if (pieces > 1 && room)
		clean_down(pieces - 1);
	__asm__ volatile("" : : "r"(piece) : "memory");
}

void secret_stack_clean(void)
{
	if (!mine.out_of_reach)
		clean_down(CLEAN_PIECES);
}
