/*
 * Secret memory is opened once in a process, so that each test of it runs in a
 * child of its own.
 */
#ifndef SIGNET_SECRET_CHILD_H
#define SIGNET_SECRET_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "keystore/secretmem.h"

/* In a child: what does not hold ends it, with its place on standard error. */
#define CHILD_CHECK(condition) child_check((condition), #condition, __FILE__, __LINE__)
void child_check(bool holds, const char *words, const char *file, int line);

/* Run fn(arg) in a child; its wait status (0: it returned, every check held). */
int child_run(void (*fn)(void *), void *arg);

/*
 * A child that the test talks with: it reads what the test writes to `socket` and the other way
 * round.  fn gets its own end.  child_stop closes ours and returns the wait status.
 */
struct child {
	pid_t pid;
	int socket;
};

struct child child_start(void (*fn)(int socket, void *arg), void *arg);
int child_stop(struct child *c);

/* Whole reads and writes; false at the end of the stream. */
bool child_send(int socket, const void *data, size_t n);
bool child_receive(int socket, void *data, size_t n);

/* In a child: become nobody, whom RLIMIT_MEMLOCK binds, with so many bytes of it. */
void child_limit_memlock(size_t bytes);

/* In a child: secret memory and libcrypto as the core starts them. */
void child_start_secrets(enum secret_mode mode);

/*
 * The mapping that holds p, of /proc/self/smaps: its name (empty for anonymous memory) and VmFlags,
 * to which a blank is added at the end so that each flag is found as "dd ".
 */
struct mapped {
	char name[128];
	char flags[128];
};

bool child_mapping(const void *p, struct mapped *out);

/* True where the kernel has memfd_secret. */
bool have_memfd(void);

/* Skip a test that is about it where it is not. */
#define SKIP_WITHOUT_MEMFD()                                                                       \
	do {                                                                                       \
		if (!have_memfd()) {                                                               \
			print_message("# SKIP not on Debian 12: memfd_secret is off\n");           \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

/*
 * In a build with sanitizers memory is the C library's (secretmem.c), and only the first
 * `everywhere` tests of the table can run.
 */
#ifdef SIGNET_SANITIZE
#define MEMORY_IS_PLAIN true
#else
#define MEMORY_IS_PLAIN false
#endif

#define RUN_TESTS(tests, everywhere)                                                               \
	_cmocka_run_group_tests(#tests, tests,                                                     \
	    MEMORY_IS_PLAIN ? (everywhere) : sizeof(tests) / sizeof((tests)[0]), NULL, NULL)

#endif
