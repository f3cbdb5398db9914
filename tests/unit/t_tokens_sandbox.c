/* What helpers for tokens must not be able to do to the agent, tried from inside their filters. */
#include "tests/support/base_test.h"

#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tokens/base/sandbox.h"

static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int try_kill(pid_t victim)
{
	return result(kill(victim, 0));
}

static int try_tgkill(pid_t victim)
{
	return result(syscall(SYS_tgkill, victim, victim, 0));
}

static int try_queue(pid_t victim)
{
	return result(sigqueue(victim, 0, (union sigval){0}));
}

static int try_limit(pid_t victim)
{
	static const struct rlimit files = {1024, 1024};

	return result(prlimit(victim, RLIMIT_NOFILE, &files, NULL));
}

/* A signal by way of a descriptor. */
static int own(int how, pid_t victim)
{
	int ends[2], r;

	if (pipe(ends) != 0)
		return -1;
	r = how == 0 ? result(fcntl(ends[0], F_SETOWN, victim))
	    : how == 1
		? result(fcntl(ends[0], F_SETOWN_EX, &(struct f_owner_ex){F_OWNER_PID, victim}))
		: result(ioctl(ends[0], how == 2 ? FIOSETOWN : SIOCSPGRP, &victim));
	close(ends[0]);
	close(ends[1]);
	return r;
}

static int try_setown(pid_t victim)
{
	return own(0, victim);
}

static int try_setown_ex(pid_t victim)
{
	return own(1, victim);
}

static int try_fiosetown(pid_t victim)
{
	return own(2, victim);
}

static int try_siocspgrp(pid_t victim)
{
	return own(3, victim);
}

static int try_terminal(pid_t victim)
{
	(void)victim;
	return result(ioctl(STDIN_FILENO, TIOCSTI, ""));
}

static int try_fork(pid_t victim)
{
	pid_t pid = fork();

	(void)victim;
	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int try_network(pid_t victim)
{
	(void)victim;
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_dumpable(pid_t victim)
{
	(void)victim;
	return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int try_outlive(pid_t victim)
{
	(void)victim;
	return result(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
}

static void *nothing(void *arg)
{
	return arg;
}

/* What libraries do. */
static int try_ordinary(pid_t victim)
{
	struct rlimit files;
	pthread_t thread;
	int ends[2], size = 0;

	(void)victim;
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || setrlimit(RLIMIT_NOFILE, &files) != 0)
		return 2;
	if (pipe(ends) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ||
	    fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 || ioctl(ends[0], FIONREAD, &size) != 0)
		return 3;
	if (prctl(PR_SET_NAME, "other", 0, 0, 0) != 0 || raise(SIGCONT) != 0)
		return 4;
	return socket(AF_UNIX, SOCK_STREAM, 0) == -1 ? 5 : 0;
}

/* What came of it in a process that is confined, whose parent is the one that it is done to. */
static int confined(int (*what)(pid_t victim), bool module)
{
	pid_t victim = getpid(), pid = fork();
	int status = 0;

	if (pid == 0) {
		if ((module ? sandbox_enter_module(false) : sandbox_enter()) != ERR_OK)
			_exit(255);
		_exit(what(victim));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_denied_to_all(void **state)
{
	static int (*const tries[])(pid_t) = {try_kill, try_tgkill, try_queue, try_limit,
	    try_setown, try_setown_ex, try_fiosetown, try_siocspgrp, try_terminal, try_fork,
	    try_network};

	(void)state;
#ifdef SIGNET_SANITIZE
	skip();
#endif
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (confined(tries[i], true) != EPERM || confined(tries[i], false) != EPERM)
			fail_msg("try %zu: %d %d", i, confined(tries[i], true),
			    confined(tries[i], false));
	}
}

static void test_denied_to_modules(void **state)
{
	(void)state;
#ifdef SIGNET_SANITIZE
	skip();
#endif
	assert_int_equal(confined(try_dumpable, true), EPERM);
	assert_int_equal(confined(try_outlive, true), EPERM);
}

static void test_allowed(void **state)
{
	(void)state;
	assert_int_equal(confined(try_ordinary, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_denied_to_all),
	    cmocka_unit_test(test_denied_to_modules),
	    cmocka_unit_test(test_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
