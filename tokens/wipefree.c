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
#include <stdlib.h>
#include <string.h>

/* NULL: before the program's own start, when the loader alone frees, and has no secrets. */
static void (*release)(void *p);

__attribute__((constructor)) static void find_release(void)
{
	void *found = dlsym(RTLD_NEXT, "free");

	memcpy(&release, &found, sizeof(release));
}

void free(void *p)
{
	int before = errno;

	if (p == NULL || release == NULL)
		return;
	explicit_bzero(p, malloc_usable_size(p));
	release(p);
	errno = before;
}

/* Never by the C library's, which frees what it moved from. */
void *realloc(void *p, size_t n)
{
	size_t room = p != NULL ? malloc_usable_size(p) : 0;
	void *fresh;

	if (p != NULL && n == 0) {
		free(p);
		return NULL;
	}
	if (p != NULL && n <= room && n >= room / 2)
		return p;
	fresh = malloc(n);
	if (fresh != NULL && p != NULL) {
		memcpy(fresh, p, n < room ? n : room);
		free(p);
	}
	return fresh;
}
#endif
