/* What the core must not be able to do, tried from inside its sandbox. */
#include "tests/support/base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sandbox.h"

/* Each returns the errno of what it tried, 0 when that worked. */
static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int try_open(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static int try_create(void)
{
	return result(open("/tmp/signet-sandbox-test", O_WRONLY | O_CREAT, 0600));
}

static int try_unlink(void)
{
	return result(unlink("/tmp/signet-sandbox-nothing"));
}

static int try_exec(void)
{
	char *argv[] = {(char[]){"true"}, NULL};

	return result(execv("/bin/true", argv));
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int try_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_unix_socket(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_kill(void)
{
	return result(kill(getppid(), 0));
}

static int try_ptrace(void)
{
	return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int try_make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 0; /* the plain mapping has to work: a failure shows as "allowed" */
	return result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

/* The kernel's answer: musl's mmap makes another of EPERM. */
static int try_map_code(void)
{
#if defined(__s390x__)
	return try_make_code(); /* mmap has its arguments in memory, where no filter sees them */
#else
#ifdef SYS_mmap2
	const long call = SYS_mmap2;
#else
	const long call = SYS_mmap;
#endif
	const long p = syscall(call, NULL, (size_t)4096, (long)(PROT_READ | PROT_EXEC),
	    (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);

	return p == -1 ? errno : 0;
#endif
}

static int try_setuid(void)
{
	return result(setuid(0));
}

static int connection = -1; /* a socket */

static int try_socket_option(void)
{
	const int size = 4096;

	return result(setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
}

/* What serving needs: it has to work on, so "no error" is what is wanted here. */
static int try_serving(void)
{
	char byte = 0;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *q = malloc(1 << 20);
	const struct timeval moment = {.tv_usec = 1000};
	int worked = p != MAP_FAILED && q != NULL && read(STDIN_FILENO, &byte, 0) == 0 &&
		     setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment)) == 0;

	free(q);
	return worked ? 0 : EIO;
}

enum layer { CALLS, FILES };

/* Run fn in a sandboxed child; its result is the exit status. */
static int in_sandbox(enum layer layer, int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		enum err e = layer == CALLS ? sandbox_calls() : sandbox_files();

		_exit(e == ERR_UNSUPPORTED ? 254 : e != ERR_OK ? 255 : fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 254)
		base_skip("not on Debian 12: a kernel, or a build with sanitizers, that has no "
			  "such layer");
	return WEXITSTATUS(status);
}

static int unguarded(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void test_calls_denied(void **state)
{
	static int (*const tries[])(void) = {try_open, try_create, try_unlink, try_exec, try_fork,
	    try_socket, try_unix_socket, try_kill, try_ptrace, try_map_code, try_make_code,
	    try_setuid, try_socket_option};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		assert_int_equal(in_sandbox(CALLS, tries[i]), EPERM);
}

/* Landlock alone stops files too, should the filter have a hole. */
static void test_files_denied(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(FILES, try_open), EACCES);
	assert_int_equal(in_sandbox(FILES, try_create), EACCES);
	assert_int_equal(in_sandbox(FILES, try_exec), EACCES);
}

static void test_serving_goes_on(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(CALLS, try_serving), 0);
	assert_int_equal(in_sandbox(FILES, try_serving), 0);
}

/* Without the sandbox the same things work: the denials above are its doing. */
static void test_tries_work_outside(void **state)
{
	(void)state;
	assert_int_equal(unguarded(try_open), 0);
	assert_int_equal(unguarded(try_exec), 0);
	assert_int_equal(unguarded(try_fork), 0);
	assert_int_equal(unguarded(try_unix_socket), 0);
	assert_int_equal(unguarded(try_socket_option), 0);
	assert_int_equal(unguarded(try_map_code), 0);
	assert_int_equal(unguarded(try_make_code), 0);
}

static int setup(void **state)
{
	(void)state;
	connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connection < 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(connection);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_calls_denied),
	    cmocka_unit_test(test_files_denied),
	    cmocka_unit_test(test_serving_goes_on),
	    cmocka_unit_test(test_tries_work_outside),
	};

	return cmocka_run_group_tests_name("sandbox", tests, setup, teardown);
}
