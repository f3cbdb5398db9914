#include "tokens/fido/confine.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/base/harden.h"
#include "tokens/base/sandbox.h"

/*
 * libcbor takes what memory a device's answer claims to need, and writes to all of it: a few bytes
 * could have the machine's.  Sanitizers want address space of their own.
 */
#ifdef SIGNET_SANITIZE
static const rlim_t MEMORY_MOST = RLIM_INFINITY;
#else
static const rlim_t MEMORY_MOST = 512u * 1024 * 1024;
#endif

enum { STACK = 1024 * 1024 }; /* of a thread */

/* What such a library writes to standard error is its own affair, not the agent's log. */
static void silence(void)
{
	dup2(STDIN_FILENO, STDERR_FILENO);
}

/* Never more than whoever started the agent allows. */
static enum err bound_memory(void)
{
	struct rlimit memory;

	if (getrlimit(RLIMIT_AS, &memory) != 0)
		return ERR_SYSTEM;
	if (memory.rlim_max > MEMORY_MOST)
		memory.rlim_max = MEMORY_MOST;
	if (memory.rlim_cur > memory.rlim_max)
		memory.rlim_cur = memory.rlim_max;
	return setrlimit(RLIMIT_AS, &memory) == 0 ? ERR_OK : ERR_SYSTEM;
}

/* Address space that nobody uses counts, too: a thread's is else as large as the main one's stack
 * may grow, and glibc sets some aside for each thread's allocations. */
static enum err bound_threads(void)
{
#ifdef __GLIBC__
	pthread_attr_t attr;
	enum err e = ERR_SYSTEM;

	(void)mallopt(M_ARENA_MAX, 1);
	if (pthread_attr_init(&attr) != 0)
		return ERR_SYSTEM;
	if (pthread_attr_setstacksize(&attr, STACK) == 0 && pthread_setattr_default_np(&attr) == 0)
		e = ERR_OK;
	(void)pthread_attr_destroy(&attr);
	return e;
#else
	return ERR_OK;
#endif
}

enum err fido_confine(bool loads)
{
	enum err e = harden_no_new_privileges();

	if (loads) {
		silence();
		return e;
	}
	if (e == ERR_OK)
		e = bound_threads();
	if (e == ERR_OK)
		e = bound_memory();
	return e == ERR_OK ? sandbox_enter() : e;
}
