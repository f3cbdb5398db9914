/*
 * Linked into a program under test (tests/faults/build): counts its calls by kind, and makes one of
 * them fail.  Which one is said in a file that the driver shares with it (struct sheet), mapped at
 * the start, before any sandbox; XDG_SIGNET_FAULTS names it, for helpers get variables
 * of that beginning.  A process has a row there by its name; without one nothing is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

enum kind { ALLOCATION, READ, WRITE, ACCEPT, FORK, MMAP, EPOLL, OPEN, CRYPTO, INNER, KINDS };
enum { ROWS = 16, UNARMED = -1, CLOSED = -2, SITES = 1024, KIND_SHIFT = 48 };
enum { LEAKS_ASKED = 1, LEAKS_NONE, LEAKS_FOUND };

/* As tests/faults/sheet.py has it. */
struct row {
	char name[32];
	_Atomic int64_t armed; /* enum kind, or UNARMED; CLOSED: nor is any counted */
	/* The call that fails, from 1; 0: none; below: the first one from the site of that number.
	 */
	_Atomic int64_t which;
	_Atomic int64_t fired; /* calls that failed */
	_Atomic int64_t leaks; /* LEAKS_ASKED by the driver, then one of the others */
	_Atomic uint64_t
	    place;     /* where from the last one was called, from the start of the program */
	char call[40]; /* and which it was */
	_Atomic int64_t counts[KINDS];
	_Atomic int64_t pid; /* the last process of that name */
};

/* Where a kind of call is made. */
struct site {
	_Atomic int64_t id; /* from the program's start, and kind << KIND_SHIFT; 0: free */
	_Atomic int64_t row;
	_Atomic int64_t seen;
	_Atomic int64_t fired;
	char call[32];
};

struct sheet {
	struct row rows[ROWS];
	struct site sites[SITES];
};

struct fault_call {
	int64_t failure;
	const char *name;
	enum kind kind;
	int error;
};

bool fault_point(const struct fault_call *call, const void *from);
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
void __sanitizer_set_report_fd(void *fd) __attribute__((weak));

/* Set before there are threads, and in a child before it does anything. */
static struct sheet *sheet;
static struct row *row;

/* mem_alloc counts, not what it calls. */
static _Thread_local unsigned within;

/* Where what LeakSanitizer says at an _exit goes, as helpers close standard error. */
static char report[512];

static void take_row(const char *name)
{
	row = NULL;
	for (size_t i = 0; sheet != NULL && i < ROWS; i++) {
		if (strcmp(sheet->rows[i].name, name) == 0)
			row = &sheet->rows[i];
	}
	if (row != NULL)
		atomic_store(&row->pid, getpid());
}

extern const char __executable_start;

/* NULL: there are more than fit, which the driver sees by the last one's being taken. */
static struct site *site_of(int64_t id, const char *name)
{
	int64_t here = row - sheet->rows;

	for (size_t i = 0; i < SITES; i++) {
		struct site *s = &sheet->sites[i];
		int64_t nobody = 0;

		if (atomic_compare_exchange_strong(&s->id, &nobody, id)) {
			atomic_store(&s->row, here + 1);
			for (size_t k = 0; k + 1 < sizeof(s->call) && name[k] != '\0'; k++)
				s->call[k] = name[k];
			return s;
		}
		if (nobody == id && atomic_load(&s->row) == here + 1)
			return s;
	}
	return NULL;
}

bool fault_point(const struct fault_call *call, const void *from)
{
	struct row *r = row;
	uintptr_t place = (uintptr_t)from - (uintptr_t)&__executable_start;
	int64_t id = (int64_t)place | ((int64_t)call->kind + 1) << KIND_SHIFT;

	if (r == NULL || atomic_load(&r->armed) == CLOSED ||
	    (call->kind == ALLOCATION && within != 0))
		return false;
	struct site *site = call->kind == INNER ? NULL : site_of(id, call->name);
	int64_t n = atomic_fetch_add(&r->counts[call->kind], 1) + 1, which = atomic_load(&r->which);
	if (site != NULL)
		atomic_fetch_add(&site->seen, 1);
	if (atomic_load(&r->armed) != (int64_t)call->kind || (which != n && which != -id) ||
	    (which < 0 && atomic_load(&r->fired) != 0))
		return false;
	atomic_store(&r->place, place);
	if (site != NULL)
		atomic_fetch_add(&site->fired, 1);
	for (size_t i = 0; i < sizeof(r->call) && (r->call[i] = call->name[i]) != '\0';)
		i++;
	atomic_fetch_add(&r->fired, 1);
	if (call->error != 0)
		errno = call->error;
	return true;
}

/* A call's own wrapper: its arguments, whatever they are, stay where they are. */
#if defined(__x86_64__)
#define TRAMPOLINE(call)                                                                           \
	__asm__(                                                                                   \
	    ".text\n.globl __wrap_" #call "\n.type __wrap_" #call ", @function\n"                  \
	    ".weak __real_" #call "\n"                                                             \
	    "__wrap_" #call ":\n"                                                                  \
	    "endbr64\n"                                                                            \
	    "push %rdi\n push %rsi\n push %rdx\n push %rcx\n push %r8\n push %r9\n push %rax\n"    \
	    "lea fault_" #call "(%rip), %rdi\n"                                                    \
	    "mov 56(%rsp), %rsi\n"                                                                 \
	    "call fault_point\n"                                                                   \
	    "test %al, %al\n"                                                                      \
	    "pop %rax\n pop %r9\n pop %r8\n pop %rcx\n pop %rdx\n pop %rsi\n pop %rdi\n"           \
	    "jnz 1f\n"                                                                             \
	    "jmp *__real_" #call "@GOTPCREL(%rip)\n"                                               \
	    "1: mov fault_" #call "(%rip), %rax\n"                                                 \
	    "ret\n"                                                                                \
	    ".size __wrap_" #call ", . - __wrap_" #call "\n");
#elif defined(__aarch64__)
#define TRAMPOLINE(call)                                                                           \
	__asm__(".text\n.globl __wrap_" #call "\n.type __wrap_" #call ", %function\n"              \
		".weak __real_" #call "\n"                                                         \
		"__wrap_" #call ":\n"                                                              \
		"hint #34\n"                                                                       \
		"stp x0, x1, [sp, #-80]!\n stp x2, x3, [sp, #16]\n stp x4, x5, [sp, #32]\n"        \
		"stp x6, x7, [sp, #48]\n stp x8, x30, [sp, #64]\n"                                 \
		"mov x1, x30\n"                                                                    \
		"adrp x0, fault_" #call "\n add x0, x0, :lo12:fault_" #call "\n"                   \
		"bl fault_point\n"                                                                 \
		"mov w16, w0\n"                                                                    \
		"ldp x8, x30, [sp, #64]\n ldp x6, x7, [sp, #48]\n ldp x4, x5, [sp, #32]\n"         \
		"ldp x2, x3, [sp, #16]\n ldp x0, x1, [sp], #80\n"                                  \
		"tbnz w16, #0, 1f\n"                                                               \
		"adrp x16, :got:__real_" #call "\n ldr x16, [x16, :got_lo12:__real_" #call "]\n"   \
		"br x16\n"                                                                         \
		"1: adrp x0, fault_" #call "\n ldr x0, [x0, :lo12:fault_" #call "]\n"              \
		"ret\n"                                                                            \
		".size __wrap_" #call ", . - __wrap_" #call "\n");
#else
#error "there is no trampoline for this processor"
#endif

#define FAULT_CALL(call, kind, failure, error)                                                     \
	extern struct fault_call fault_##call __attribute__((visibility("hidden")));               \
	struct fault_call fault_##call = {failure, #call, kind, error};                            \
	TRAMPOLINE(call)
#include "tests/faults/calls.h"

/* --- calls after or around which there is something to do ------------------------ */

/* As libcrypto declares it; no header of it is needed here. */
int __real_CRYPTO_set_mem_functions(void *(*alloc)(size_t, const char *, int),
    void *(*grow)(void *, size_t, const char *, int), void (*release)(void *, const char *, int))
    __attribute__((weak));
extern __typeof__(malloc) __real_malloc;
extern __typeof__(realloc) __real_realloc;
extern __typeof__(fork) __real_fork, __wrap_fork;
extern __typeof__(epoll_wait) __real_epoll_wait, __wrap_epoll_wait;
extern __typeof__(epoll_ctl) __real_epoll_ctl, __wrap_epoll_ctl;
extern __typeof__(open) __real_open;
extern __typeof__(_exit) __real__exit, __wrap__exit;
extern __typeof__(mmap) __real_mmap;
extern void *__real_mem_alloc(size_t n) __attribute__((weak));
extern void *__real_mem_grow(void *p, size_t n) __attribute__((weak));
extern long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
extern void __real_core_main(const void *start) __attribute__((weak));
void *__wrap_mem_alloc(size_t n);
void *__wrap_mem_grow(void *p, size_t n);
void __wrap_core_main(const void *start);

static const struct fault_call at_epoll_ctl = {-1, "epoll_ctl", EPOLL, ENOSPC};
static const struct fault_call at_fork = {-1, "fork", FORK, EAGAIN};
static const struct fault_call at_memfd_secret = {-1, "memfd_secret", MMAP, ENFILE};
static const struct fault_call at_inner = {0, "malloc", INNER, ENOMEM};
static const struct fault_call at_mem_alloc = {0, "mem_alloc", ALLOCATION, ENOMEM};
static const struct fault_call at_mem_grow = {0, "mem_grow", ALLOCATION, ENOMEM};

/* Linux has no way in which a change or a removal fails for a descriptor that is in the set. */
int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
	if (op == EPOLL_CTL_ADD && fault_point(&at_epoll_ctl, __builtin_return_address(0)))
		return -1;
	return __real_epoll_ctl(set, op, fd, event);
}

/* What becomes of a child is known later, by an exec or by __wrap_core_main. */
pid_t __wrap_fork(void)
{
	if (fault_point(&at_fork, __builtin_return_address(0)))
		return -1;
	pid_t pid = __real_fork();
	if (pid == 0)
		take_row("child");
	return pid;
}

void __wrap_core_main(const void *start)
{
	take_row("core");
	__real_core_main(start);
}

/* LeakSanitizer reads /proc, which Landlock keeps from it. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_landlock_restrict_self && __lsan_do_recoverable_leak_check != NULL)
		return 0;
	if (number == SYS_memfd_secret &&
	    fault_point(&at_memfd_secret, __builtin_return_address(0)))
		return -1;
	return __real_syscall(number, a, b, c, d, e, f);
}

void *__wrap_mem_alloc(size_t n)
{
	if (fault_point(&at_mem_alloc, __builtin_return_address(0)))
		return NULL;
	within++;
	void *p = __real_mem_alloc(n);
	within--;
	return p;
}

void *__wrap_mem_grow(void *p, size_t n)
{
	if (fault_point(&at_mem_grow, __builtin_return_address(0)))
		return NULL;
	within++;
	p = __real_mem_grow(p, n);
	within--;
	return p;
}

/* The core never ends by exit(): its leaks are looked for when the driver asks. */
int __wrap_epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	if (row != NULL && atomic_load(&row->leaks) == LEAKS_ASKED) {
		bool found = __lsan_do_recoverable_leak_check != NULL &&
			     __lsan_do_recoverable_leak_check() != 0;

		atomic_store(&row->leaks, found ? LEAKS_FOUND : LEAKS_NONE);
	}
	return __real_epoll_wait(fd, events, most, timeout);
}

/* Nothing that exit() has done happens at an _exit: leaks are looked for here.  A process that
 * found some is not forgotten for the next one of its row. */
void __wrap__exit(int status)
{
	int64_t none = LEAKS_ASKED;

	if (row == NULL || atomic_load(&row->leaks) == LEAKS_FOUND)
		__real__exit(status);
	atomic_store(&row->leaks, LEAKS_ASKED);
	if (__lsan_do_recoverable_leak_check != NULL) {
		int fd = __real_open(report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

		if (fd >= 0)
			__sanitizer_set_report_fd((void *)(intptr_t)fd);
		if (__lsan_do_recoverable_leak_check() != 0)
			atomic_store(&row->leaks, LEAKS_FOUND);
	}
	(void)atomic_compare_exchange_strong(&row->leaks, &none, LEAKS_NONE);
	__real__exit(status);
}

/* --- what libcrypto allocates by itself -------------------------------------------- */

static void *inner_alloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n == 0 || fault_point(&at_inner, __builtin_return_address(0)) ? NULL
									     : __real_malloc(n);
}

static void *inner_grow(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n == 0) {
		free(p);
		return NULL;
	}
	return fault_point(&at_inner, __builtin_return_address(0)) ? NULL : __real_realloc(p, n);
}

static void inner_release(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static __attribute__((constructor)) void start(void)
{
	const char *path = getenv("XDG_SIGNET_FAULTS");
	int fd = path == NULL ? -1 : __real_open(path, O_RDWR | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return;
	p = __real_mmap(NULL, sizeof(*sheet), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	sheet = p;
	if (strlen(path) + sizeof(".leaks") <= sizeof(report)) {
		strcpy(report, path);
		strcat(report, ".leaks");
	}
	take_row(program_invocation_short_name);
	/* Without sanitizers the core does this itself, and its allocations are ours. */
	if (__lsan_do_recoverable_leak_check != NULL && __real_CRYPTO_set_mem_functions != NULL)
		(void)__real_CRYPTO_set_mem_functions(inner_alloc, inner_grow, inner_release);
}

/* --- what sanitizers are to do, in processes that get no variables of theirs ------- */

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "handle_abort=1:exitcode=99:allocator_may_return_null=1";
}

const char *__ubsan_default_options(void)
{
	return "halt_on_error=1:print_stacktrace=1:exitcode=99";
}

/* What is not given back on purpose, as threads may use it up to the _exit. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:^world_new$\n"      /* signet-pkcs11: one in its life */
	       "leak:^outlet_new$\n"     /* one in a helper's life */
	       "leak:^readers_new$\n"    /* signet-card: one in its life */
	       "leak:^keeper_new$\n"     /* of those: one for their thread */
	       "leak:^lane_new$\n"       /* of those: one for each of their threads */
	       "leak:^patience_start$\n" /* signet-keyring: its thread has it */
	       /* A security key library's answer: it may have another allocator than ours. */
	       "leak:^sk_sign$\n";
}
