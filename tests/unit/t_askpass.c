#include "tests/support/base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/askpass.h"
#include "proto/base/fdio.h"

/* A folder for scripts; SSH_ASKPASS is forced, and no place in the environment is the person's own.
 */
static char folder[64];
static size_t open_before;

static int setup(void **state)
{
	(void)state;
	base_folder_make(folder);
	setenv("SSH_ASKPASS_REQUIRE", "force", 1);
	unsetenv("SSH_ASKPASS");
	unsetenv("DISPLAY");
	unsetenv("WAYLAND_DISPLAY");
	/* Children of an ended program become ours, so that their end can be seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	open_before = base_open_count();
	return 0;
}

/* After every test: nothing left to reap, nothing left open. */
static int teardown(void **state)
{
	(void)state;
	base_folder_remove(folder);
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return -1;
	return base_open_count() == open_before ? 0 : -1;
}

static void use_script(const char *body)
{
	char path[128];

	base_script(folder, "askpass", body, path);
	setenv("SSH_ASKPASS", path, 1);
}

/* Ask with the script in place. */
static enum err ask(enum askpass_kind kind, int timeout_ms, struct blob *answer)
{
	struct askpass a;
	enum err e = askpass_start(kind, "Question?", &a);

	if (e != ERR_OK)
		return e;
	e = askpass_wait(&a, -1, timeout_ms, answer);
	assert_int_equal(a.pid, 0);
	assert_int_equal(a.output, -1);
	return e;
}

struct row {
	const char *script;
	enum err result;
};

/* What OpenSSH takes for a yes: exit status 0 and a first line that is empty or "yes". */
static void confirmation(void **state)
{
	static const struct row table[] = {
	    {"exit 0", ERR_OK},
	    {"echo; exit 0", ERR_OK},
	    {"echo yes", ERR_OK},
	    {"echo YeS", ERR_OK},
	    {"printf 'yes\\r\\nmore\\n'", ERR_OK},
	    {"printf '\\nno\\n'", ERR_OK},
	    {"echo no", ERR_DENIED},
	    {"echo yess", ERR_DENIED},
	    {"echo ye", ERR_DENIED},
	    {"echo ' yes'", ERR_DENIED},
	    {"echo yes; exit 1", ERR_DENIED},
	    {"exit 1", ERR_DENIED},
	    {"exit 125", ERR_DENIED},
	    /* No person says these. */
	    {"exit 126", ERR_ASKER_ENDED},
	    {"no-such-dialog", ERR_ASKER_ENDED},
	    {"sh -c 'kill -9 $$'", ERR_ASKER_ENDED},
	    {"kill -9 $$", ERR_ASKER_ENDED},
	    {"kill -TERM $$", ERR_ASKER_ENDED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		use_script(table[i].script);
		assert_int_equal(ask(ASKPASS_CONFIRM, BASE_PATIENCE, NULL), table[i].result);
	}
}

struct secret_row {
	const char *script;
	const char *answer;
};

static void secret_is_the_first_line(void **state)
{
	static const struct secret_row table[] = {
	    {"echo correct horse", "correct horse"},
	    {"printf 'no line end'", "no line end"},
	    {"printf 'dos\\r\\nmore\\n'", "dos"},
	    {"printf 'one\\ntwo\\n'", "one"},
	    {"printf 'nul\\0hidden\\n'", "nul"},
	    {"echo", ""},
	    {"exit 0", ""},
	    {"printf 'in '; sleep 0.05; echo 'two parts'", "in two parts"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct blob answer = {0};

		use_script(table[i].script);
		assert_int_equal(ask(ASKPASS_SECRET, BASE_PATIENCE, &answer), ERR_OK);
		assert_string_equal((char *)answer.data, table[i].answer);
		assert_int_equal(answer.len, strlen(table[i].answer));
		blob_clear(&answer);
	}
}

static void a_secret_of_a_failing_program_is_not_taken(void **state)
{
	struct blob answer = {0};

	(void)state;
	use_script("echo secret; exit 1");
	assert_int_equal(ask(ASKPASS_SECRET, BASE_PATIENCE, &answer), ERR_DENIED);
	assert_null(answer.data);
}

static void long_passphrases_fit(void **state)
{
	struct blob answer = {0};

	(void)state;
	use_script("head -c 1024 /dev/zero | tr '\\0' x; echo");
	assert_int_equal(ask(ASKPASS_SECRET, BASE_PATIENCE, &answer), ERR_OK);
	assert_int_equal(answer.len, 1024);
	blob_clear(&answer);
}

static void a_flood_is_ended_and_refused(void **state)
{
	struct blob answer = {0};

	(void)state;
	use_script("exec head -c 1048576 /dev/zero");
	assert_int_equal(ask(ASKPASS_SECRET, BASE_PATIENCE, &answer), ERR_TOO_LONG);
	use_script("exec yes");
	assert_int_equal(ask(ASKPASS_CONFIRM, BASE_PATIENCE, NULL), ERR_TOO_LONG);
	assert_null(answer.data);
}

static void the_program_gets_question_and_hint(void **state)
{
	static const char *const hints[] = {"", "confirm", "none"};
	char line[256];
	char expected[64];
	char path[128];

	(void)state;
	for (int kind = ASKPASS_SECRET; kind <= ASKPASS_NOTICE; kind++) {
		use_script("echo \"$1|$#|$SSH_ASKPASS_PROMPT\" >${0%/*}/seen");
		assert_int_equal(ask((enum askpass_kind)kind, BASE_PATIENCE, NULL), ERR_OK);
		snprintf(path, sizeof(path), "%s/seen", folder);
		assert_true(base_wait_line(path, line, sizeof(line)));
		snprintf(expected, sizeof(expected), "Question?|1|%s", hints[kind]);
		assert_string_equal(line, expected);
	}
}

static void a_hanging_program_is_ended(void **state)
{
	(void)state;
	use_script("exec sleep 1000");
	assert_int_equal(ask(ASKPASS_CONFIRM, 50, NULL), ERR_TIMEOUT);
	use_script("exec >&-; exec sleep 1000");
	assert_int_equal(ask(ASKPASS_CONFIRM, 50, NULL), ERR_TIMEOUT);
}

/* It ignores SIGTERM, so that only SIGKILL ends it; it has said so before the time is up. */
static void a_stubborn_program_is_killed(void **state)
{
	struct askpass a;
	char path[128];
	char line[32];

	(void)state;
	use_script("trap '' TERM; echo ready >${0%/*}/ready; while :; do sleep 1000; done");
	assert_int_equal(askpass_start(ASKPASS_CONFIRM, "?", &a), ERR_OK);
	snprintf(path, sizeof(path), "%s/ready", folder);
	assert_true(base_wait_line(path, line, sizeof(line)));
	assert_int_equal(askpass_wait(&a, -1, 1, NULL), ERR_TIMEOUT);
	/* Its sleep, which is in the same group. */
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* A wrapper script's dialog must not stay on the screen. */
static void children_of_the_program_end_too(void **state)
{
	struct askpass a;
	char path[128];
	char line[32];
	int status;

	(void)state;
	use_script("sleep 1000 & echo $! >${0%/*}/child; wait");
	assert_int_equal(askpass_start(ASKPASS_CONFIRM, "?", &a), ERR_OK);
	snprintf(path, sizeof(path), "%s/child", folder);
	assert_true(base_wait_line(path, line, sizeof(line)));
	assert_int_equal(askpass_wait(&a, -1, 1, NULL), ERR_TIMEOUT);
	status = base_wait_end((pid_t)atoi(line));
	assert_true(WIFSIGNALED(status));
}

/* A child that keeps the output open must not hold the answer back, nor outlive it. */
static void an_answer_does_not_wait_for_children(void **state)
{
	static const char *const bodies[] = {
	    "sleep 1000 & echo $! >${0%/*}/child; echo done",
	    "trap '' TERM; sleep 1000 & echo $! >${0%/*}/child; echo done",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct blob answer = {0};
		char path[128], line[32];
		int status;

		use_script(bodies[i]);
		assert_int_equal(ask(ASKPASS_SECRET, BASE_PATIENCE, &answer), ERR_OK);
		assert_string_equal((char *)answer.data, "done");
		blob_clear(&answer);
		snprintf(path, sizeof(path), "%s/child", folder);
		assert_true(base_wait_line(path, line, sizeof(line)));
		status = base_wait_end((pid_t)atoi(line));
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_int_equal(unlink(path), 0);
	}
}

static void cancelled_by(void (*how)(int))
{
	struct askpass a;
	int ends[2];
	int saved;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	use_script("exec sleep 1000");
	assert_int_equal(askpass_start(ASKPASS_CONFIRM, "?", &a), ERR_OK);
	saved = ends[1];
	how(saved);
	assert_int_equal(askpass_wait(&a, ends[0], -1, NULL), ERR_CANCELLED);
	if (fcntl(saved, F_GETFD) != -1)
		close(saved);
	close(ends[0]);
}

static void hang_up(int fd)
{
	close(fd);
}

static void say_something(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

static void the_asker_can_cancel(void **state)
{
	(void)state;
	cancelled_by(hang_up);
	cancelled_by(say_something);
}

static void an_open_cancel_descriptor_does_not_matter(void **state)
{
	struct askpass a;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	use_script("echo yes");
	assert_int_equal(askpass_start(ASKPASS_CONFIRM, "?", &a), ERR_OK);
	assert_int_equal(askpass_wait(&a, ends[0], -1, NULL), ERR_OK);
	close(ends[0]);
	close(ends[1]);
}

static void a_missing_program_is_told(void **state)
{
	struct askpass a;

	(void)state;
	setenv("SSH_ASKPASS", "/nonexistent/askpass", 1);
	assert_int_equal(askpass_start(ASKPASS_CONFIRM, "?", &a), ERR_SYSTEM);
	assert_int_equal(errno, ENOENT);
	setenv("SSH_ASKPASS", "no-such-askpass-anywhere", 1);
	assert_int_equal(askpass_start(ASKPASS_CONFIRM, "?", &a), ERR_SYSTEM);
	assert_int_equal(errno, ENOENT);
	setenv("SSH_ASKPASS", "", 1);
	assert_int_equal(askpass_start(ASKPASS_CONFIRM, "?", &a), ERR_NO_PROMPT);
}

static void with_path(const char *path, const char *found)
{
	char *saved = strdup(getenv("PATH"));
	struct blob answer = {0};
	enum err e;

	setenv("PATH", path, 1);
	setenv("SSH_ASKPASS", "askpass", 1);
	e = ask(ASKPASS_SECRET, BASE_PATIENCE, &answer);
	setenv("PATH", saved, 1);
	free(saved);
	if (found != NULL) {
		assert_int_equal(e, ERR_OK);
		assert_string_equal((char *)answer.data, found);
	} else {
		assert_int_equal(e, ERR_SYSTEM);
		assert_int_equal(errno, ENOENT);
	}
	blob_clear(&answer);
}

static void the_name_is_searched_in_path(void **state)
{
	char path[256];

	(void)state;
	use_script("echo found");
	snprintf(path, sizeof(path), "/nonexistent::%s:/bin:/usr/bin", folder);
	with_path(path, "found");
	with_path("/nonexistent", NULL);
	with_path("", NULL);
}

/* Where the agent happens to be must not decide which program is run. */
static void relative_places_in_path_do_not_count(void **state)
{
	char *here = getcwd(NULL, 0);

	(void)state;
	use_script("echo found");
	assert_int_equal(chdir(folder), 0);
	with_path(":.:../tmp", NULL);
	assert_int_equal(chdir("/tmp"), 0);
	with_path(strrchr(folder, '/') + 1, NULL);
	assert_int_equal(chdir(here), 0);
	free(here);
}

static void a_relative_path_is_taken_from_here(void **state)
{
	struct blob answer = {0};
	char *here = getcwd(NULL, 0);

	(void)state;
	use_script("echo here");
	assert_int_equal(chdir(folder), 0);
	setenv("SSH_ASKPASS", "./askpass", 1);
	assert_int_equal(ask(ASKPASS_SECRET, BASE_PATIENCE, &answer), ERR_OK);
	assert_string_equal((char *)answer.data, "here");
	assert_int_equal(chdir(here), 0);
	blob_clear(&answer);
	free(here);
}

struct rule_row {
	const char *require;
	const char *display;
	const char *wayland;
	enum askpass_rule rule;
	bool possible;
};

/* ssh-add(1), ENVIRONMENT: prefer still wants a display, force does not. */
static void rules(void **state)
{
	static const struct rule_row table[] = {
	    {NULL, NULL, NULL, ASKPASS_DEFAULT, false},
	    {NULL, "", "", ASKPASS_DEFAULT, false},
	    {NULL, ":0", NULL, ASKPASS_DEFAULT, true},
	    {NULL, NULL, "wayland-0", ASKPASS_DEFAULT, true},
	    {"nonsense", ":0", NULL, ASKPASS_DEFAULT, true},
	    {"never", ":0", "wayland-0", ASKPASS_NEVER, false},
	    {"prefer", NULL, NULL, ASKPASS_PREFER, false},
	    {"prefer", ":0", NULL, ASKPASS_PREFER, true},
	    {"Force", NULL, NULL, ASKPASS_FORCE, true},
	};
	struct askpass a;

	(void)state;
	use_script("exit 0");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct rule_row *r = &table[i];

		unsetenv("SSH_ASKPASS_REQUIRE");
		unsetenv("DISPLAY");
		unsetenv("WAYLAND_DISPLAY");
		if (r->require != NULL)
			setenv("SSH_ASKPASS_REQUIRE", r->require, 1);
		if (r->display != NULL)
			setenv("DISPLAY", r->display, 1);
		if (r->wayland != NULL)
			setenv("WAYLAND_DISPLAY", r->wayland, 1);
		assert_int_equal(askpass_rule_now(), r->rule);
		assert_int_equal(askpass_possible(), r->possible);
		if (!r->possible)
			assert_int_equal(askpass_start(ASKPASS_CONFIRM, "?", &a), ERR_NO_PROMPT);
		else
			assert_int_equal(ask(ASKPASS_CONFIRM, BASE_PATIENCE, NULL), ERR_OK);
	}
}

/* In a process whose controlling terminal is fresh: the program may ask there, as ssh-add's may. */
static int ask_on_terminal(int master)
{
	struct blob answer = {0};
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave == -1 || setsid() == -1 || ioctl(slave, TIOCSCTTY, 0) == -1)
		return 1;
	if (write(master, "typed\n", 6) != 6)
		return 2;
	if (ask(ASKPASS_SECRET, BASE_PATIENCE, &answer) != ERR_OK)
		return 3;
	return bytes_is(blob_view(&answer), "typed") ? 0 : 4;
}

static void a_program_may_ask_on_the_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	pid_t pid;

	(void)state;
	assert_int_not_equal(master, -1);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	use_script("read -r line </dev/tty && echo \"$line\"");
	pid = fork();
	if (pid == 0)
		_exit(ask_on_terminal(master));
	assert_int_equal(base_wait_end(pid), 0);
	close(master);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(confirmation),
	    TEST(secret_is_the_first_line),
	    TEST(a_secret_of_a_failing_program_is_not_taken),
	    TEST(long_passphrases_fit),
	    TEST(a_flood_is_ended_and_refused),
	    TEST(the_program_gets_question_and_hint),
	    TEST(a_hanging_program_is_ended),
	    TEST(a_stubborn_program_is_killed),
	    TEST(children_of_the_program_end_too),
	    TEST(an_answer_does_not_wait_for_children),
	    TEST(the_asker_can_cancel),
	    TEST(an_open_cancel_descriptor_does_not_matter),
	    TEST(a_missing_program_is_told),
	    TEST(the_name_is_searched_in_path),
	    TEST(relative_places_in_path_do_not_count),
	    TEST(a_relative_path_is_taken_from_here),
	    TEST(rules),
	    TEST(a_program_may_ask_on_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* In a session of its own, so that a terminal the tests are started from plays no part. */
int main(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		setsid();
		exit(run_all());
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}
