/*
 * What is freed in this program is wiped, whoever frees it: libraries and modules of others copy
 * PINs, and not all of them clear what they copied them to.  (glibc's own M_PERTURB leaves alone
 * what goes to a thread's cache, which is all that is small.)
 *
 * The program's free() and realloc() stand before the C library's, for all that it loads as well.
 * Linked into helpers that load libraries of others and hear PINs; sanitizers have their own.
 */
#ifndef SIGNET_SANITIZE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * The C library's free().  NULL until the program starts: what the loader and other libraries'
 * constructors free before, they lose; none of it is a secret.
 */
static void (*release)(void *p);

#ifdef __GLIBC__
/* A chunk of glibc's: in the word before it, whether it was mapped alone, and so goes back to the
 * kernel, which clears it; in its second word, once it is free and in a thread's cache, glibc's
 * mark by which it knows a second free() of it. */
enum { MAPPED_ALONE = 2 };

static uintptr_t cached;

static void learn_mark(void)
{
	volatile uintptr_t *p = malloc(2 * sizeof(*p));

	if (p == NULL)
		return;
	release((void *)(uintptr_t)p);
	cached = p[1];
}

static bool is_left_alone(const void *p, size_t n)
{
	const uintptr_t *words = p;

	return (words[-1] & MAPPED_ALONE) != 0 ||
	       (n >= 2 * sizeof(*words) && cached != 0 && words[1] == cached);
}
#else
static void learn_mark(void)
{
}

static bool is_left_alone(const void *p, size_t n)
{
	(void)p, (void)n;
	return false;
}
#endif

__attribute__((constructor)) static void find_release(void)
{
	void *found = dlsym(RTLD_NEXT, "free");

	if (found == NULL)
		abort();
	memcpy(&release, &found, sizeof(release));
	learn_mark();
}

/* A block's room is more than what was asked for, which is all that a compiler knows of it. */
static void *block(void *p)
{
	__asm__ volatile("" : "+r"(p));
	return p;
}

void free(void *p)
{
	int before = errno;
	size_t n;

	if (p == NULL || release == NULL)
		return;
	p = block(p);
	n = malloc_usable_size(p);
	if (!is_left_alone(p, n))
		explicit_bzero(p, n);
	release(p);
	errno = before;
}

/* Never by the C library's, which frees what it moved from. */
void *realloc(void *p, size_t n)
{
	size_t room = p != NULL ? malloc_usable_size(p) : 0;
	void *fresh;

#ifdef __GLIBC__
	if (p != NULL && n == 0) {
		free(p);
		return NULL;
	}
#endif
	if (p != NULL && n <= room && n >= room / 2)
		return p;
	fresh = malloc(n);
	if (fresh != NULL && p != NULL) {
		memcpy(fresh, block(p), n < room ? n : room);
		free(p);
	}
	return fresh;
}
#endif
