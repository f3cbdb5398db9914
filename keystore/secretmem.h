/*
 * Secret memory: where the core keeps private keys, requests that carry them,
 * and the stacks of the threads that touch them.
 *
 * SECRET_MEMFD: pages of memfd_secret(2), which no other process can read, not
 * even root through /proc/PID/mem.  An open one turns hibernation off.
 * SECRET_LOCKED: pages locked in memory and kept out of dumps; keys rest
 * encrypted in it (shield.h) and are decrypted for each use.
 *
 * All functions may be called from any thread once secretmem_start returned.
 * Under SIGNET_SANITIZE the memory is the C library's, so that the sanitizers see it.
 */
#ifndef SIGNET_SECRETMEM_H
#define SIGNET_SECRETMEM_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/err.h"
#include "proto/base/mem.h"

enum secret_mode { SECRET_AUTO, SECRET_MEMFD, SECRET_LOCKED };

/* "auto", "memfd", "locked". */
const char *secret_mode_name(enum secret_mode mode);

/*
 * Open the secret memory, once, in a process that still has one thread, and
 * that will never fork again.  SECRET_AUTO takes memfd where the kernel offers it and the
 * machine cannot hibernate (/sys/power/state lists no "disk"), else locked;
 * SECRET_MEMFD fails with ERR_UNSUPPORTED where the kernel has none.
 * From here on mem.h and libcrypto take their memory from it.
 */
enum err secretmem_start(enum secret_mode wanted);

/*
 * From now on libcrypto's memory is secret memory, too.  What it fetches while the
 * process starts holds no secret, and would fill hundreds of kilobytes of it.  crypto_warm_up
 * calls this at the right moment; without secretmem_start it does nothing.
 */
void secretmem_seal_startup(void);

/* The mode in force: never SECRET_AUTO. */
enum secret_mode secretmem_mode(void);

/*
 * Figures for --status.  bytes_held: secret memory taken from the system;
 * exhausted: the memory-lock limit (RLIMIT_MEMLOCK) was reached, so that
 * some memory is ordinary and keys added since rest encrypted.
 */
struct secretmem_stats {
	size_t bytes_held;
	size_t bytes_used;
	bool exhausted;
};

struct secretmem_stats secretmem_stats(void);

/*
 * True when n more bytes would fit into secret memory: a caller that gets false
 * keeps the key encrypted instead (shield.h).
 */
bool secretmem_has_room(size_t n);

/* A stack, in bytes, that is large enough for every signature and for loading keys. */
enum { SECRET_STACK = 128 * 1024 };

/*
 * Run fn(arg) on a new detached thread whose stack lies in secret memory.  It cannot be
 * joined (its futex would lie in a shared mapping): let it signal its end
 * another way.  size is in bytes, rounded up to pages.  A stack is never given back: start few
 * threads, that live long.  Past the memory-lock limit the stack is ordinary memory, and
 * exhausted is set.  ERR_MEMORY, ERR_SYSTEM.
 */
enum err secret_thread(void (*fn)(void *), void *arg, size_t size);

/*
 * Wipe what earlier calls left on this thread's stack below the caller.  Does
 * nothing when the stack is out of reach of others (SECRET_MEMFD).
 */
void secret_stack_clean(void);

#endif
