/* The supervisor's table of helpers that run. */
#include "tests/support/base_test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/helpers.h"
#include "proto/helperexec.h"
#include "proto/helpermsg.h"

static pid_t child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setsid();
	for (;;)
		pause();
}

static void expect_killed(pid_t pid)
{
	int how = base_wait_end(pid);

	assert_true(WIFSIGNALED(how));
	assert_int_equal(WTERMSIG(how), SIGKILL);
}

static void test_kills_the_one_of_this_number(void **state)
{
	struct helpers hs = {0};
	pid_t a = child(), b = child();

	(void)state;
	assert_int_equal(helpers_add(&hs, 7, a), ERR_OK);
	assert_int_equal(helpers_add(&hs, 8, b), ERR_OK);
	helpers_kill(&hs, 9);
	helpers_kill(&hs, 8);
	expect_killed(b);
	helpers_reaped(&hs, b);
	assert_int_equal(hs.count, 1);
	assert_int_equal(waitpid(a, NULL, WNOHANG), 0);
	helpers_kill(&hs, 8);
	assert_int_equal(waitpid(a, NULL, WNOHANG), 0);
	helpers_kill(&hs, 7);
	expect_killed(a);
	helpers_reaped(&hs, a);
	helpers_reaped(&hs, a);
	assert_int_equal(hs.count, 0);
	helpers_end(&hs);
}

/* Whatever has that number now is not ours to kill. */
static void test_reaped_is_not_killed(void **state)
{
	struct helpers hs = {0};
	pid_t a = child();

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(helpers_add(&hs, 100 + i, 1000000 + (pid_t)i), ERR_OK);
	assert_int_equal(helpers_add(&hs, 7, a), ERR_OK);
	helpers_reaped(&hs, a);
	helpers_kill(&hs, 7);
	assert_int_equal(waitpid(a, NULL, WNOHANG), 0);
	assert_int_equal(kill(a, SIGKILL), 0);
	expect_killed(a);
	assert_int_equal(hs.count, 100);
	helpers_end(&hs);
}

/* One ends soon, another never. */
static void test_the_end_waits_for_those_that_end(void **state)
{
	struct helpers hs = {0};
	pid_t stays = child(), ends;
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	ends = fork();
	if (ends == 0) {
		usleep(100 * 1000);
		_exit(0);
	}
	assert_int_equal(helpers_add(&hs, 7, stays), ERR_OK);
	assert_int_equal(helpers_add(&hs, 8, ends), ERR_OK);
	helpers_end(&hs);
	assert_int_equal(hs.count, 0);
	assert_int_equal(waitpid(ends, NULL, WNOHANG), -1);
	assert_int_equal(waitpid(stays, NULL, WNOHANG), 0);
	assert_int_equal(kill(stays, SIGKILL), 0);
	expect_killed(stays);
}

/* What cannot be started is told before anything was. */
static void test_no_such_start(void **state)
{
	const char *args[HELPER_ARGS + 2];
	size_t open = base_open_count();
	pid_t pid = -1;
	int sock = -1;

	(void)state;
	for (size_t i = 0; i <= HELPER_ARGS; i++)
		args[i] = "x";
	args[HELPER_ARGS + 1] = NULL;
	assert_int_equal(helper_exec(HELPERS, NULL, &pid, &sock), ERR_HELPER_MISSING);
	assert_int_equal(helper_exec(HELPER_PROMPT, args, &pid, &sock), ERR_LIMIT);
	assert_false(helper_present(HELPERS));
	assert_int_equal(pid, -1);
	assert_int_equal(sock, -1);
	assert_int_equal(base_open_count(), open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kills_the_one_of_this_number),
	    cmocka_unit_test(test_reaped_is_not_killed),
	    cmocka_unit_test(test_the_end_waits_for_those_that_end),
	    cmocka_unit_test(test_no_such_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
