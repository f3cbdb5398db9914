/*
 * Each test runs in a child as an unprivileged user, since root may trace anybody.  Every attack
 * is first made on a process that is not hardened, to prove that it would work.
 */
#include "tests/support/base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/harden.h"

enum { NOBODY = 65534 };

/* Run test in a child; it returns 0, or the number of the step that went wrong. */
static int in_child(int (*test)(void))
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(test());
	return base_wait_end(pid);
}

/* An ordinary user, who is dumpable as a freshly started program is. */
static bool be_ordinary(void)
{
	if (getuid() == 0 &&
	    (setresgid(NOBODY, NOBODY, NOBODY) == -1 || setresuid(NOBODY, NOBODY, NOBODY) == -1))
		return false;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

/* A child that does nothing, hardened or not; it is ready when this returns. */
static pid_t start_victim(bool hardened)
{
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (hardened)
			harden_process();
		if (write(ends[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	if (pid != -1 && read(ends[0], &byte, 1) != 1)
		pid = -1;
	close(ends[0]);
	return pid;
}

static void end_victim(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* 0 when the attack works, else its errno. */
static int read_memory(pid_t pid)
{
	char path[64];
	int fd, why;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	why = fd == -1 ? errno : 0;
	if (fd != -1)
		close(fd);
	return why;
}

static int attach(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == -1)
		return errno;
	return 0;
}

static int attack(int (*how)(pid_t))
{
	pid_t plain, hard;
	int works, refused;

	if (!be_ordinary())
		return 1;
	plain = start_victim(false);
	hard = start_victim(true);
	if (plain == -1 || hard == -1)
		return 2;
	works = how(plain);
	refused = how(hard);
	end_victim(plain);
	end_victim(hard);
	if (works != 0)
		return 3;
	return refused == EPERM || refused == EACCES ? 0 : 4;
}

static int attack_by_memory(void)
{
	return attack(read_memory);
}

static int attack_by_trace(void)
{
	return attack(attach);
}

static void same_user_cannot_read_memory(void **state)
{
	(void)state;
	assert_int_equal(in_child(attack_by_memory), 0);
}

static void same_user_cannot_trace(void **state)
{
	(void)state;
	assert_int_equal(in_child(attack_by_trace), 0);
}

static int core_limit(void)
{
	struct rlimit now = {0, 0};
	struct rlimit before = {1 << 20, 1 << 20};

	if (getuid() == 0 && setrlimit(RLIMIT_CORE, &before) == -1)
		return 1;
	if (!be_ordinary())
		return 2;
	harden_process();
	if (getrlimit(RLIMIT_CORE, &now) == -1 || now.rlim_cur != 0 || now.rlim_max != 0)
		return 3;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 4;
}

static void there_are_no_core_dumps(void **state)
{
	(void)state;
	assert_int_equal(in_child(core_limit), 0);
}

/* As a program with the set-group-id bit starts: effective and saved group differ from the real
 * one. */
static int group_right(void)
{
	gid_t real, effective, saved;

	if (setresgid(NOBODY, 12345, 12345) == -1 || setresuid(NOBODY, NOBODY, NOBODY) == -1)
		return 1;
	harden_process();
	if (getresgid(&real, &effective, &saved) == -1)
		return 2;
	if (real != NOBODY || effective != NOBODY || saved != NOBODY)
		return 3;
	if (setegid(12345) != -1)
		return 4;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 5;
}

static void a_group_right_is_given_up(void **state)
{
	(void)state;
	if (getuid() != 0)
		base_skip("only root can make a process with a group right: run as root");
	assert_int_equal(in_child(group_right), 0);
}

static int no_new_privileges(void)
{
	if (harden_no_new_privileges() != ERR_OK)
		return 1;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2;
}

static void no_exec_raises_rights(void **state)
{
	(void)state;
	assert_int_equal(in_child(no_new_privileges), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_user_cannot_read_memory),
	    cmocka_unit_test(same_user_cannot_trace),
	    cmocka_unit_test(there_are_no_core_dumps),
	    cmocka_unit_test(a_group_right_is_given_up),
	    cmocka_unit_test(no_exec_raises_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
