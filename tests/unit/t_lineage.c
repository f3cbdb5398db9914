/* Who a process is: real chains of processes made here, and records. */
#include "tests/support/base_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/lineage.h"
#include "proto/base/clock.h"

/* Start sh below our child, and below it `sleep`: its pid comes through a file. */
static pid_t start_chain(const char *script)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)setsid();
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	return child;
}

static void test_chain_from_client_to_session_leader(void **state)
{
	char folder[64], script[256], file[128], line[32];
	struct lineage l;
	pid_t top, client;
	size_t sh = 1;

	(void)state;
	base_folder_make(folder);
	snprintf(file, sizeof(file), "%s/pid", folder);
	snprintf(script, sizeof(script), "sleep 60 & echo $! >%s; wait", file);
	top = start_chain(script);
	assert_true(base_wait_line(file, line, sizeof(line)));
	client = (pid_t)atol(line);
	/* The shell forked; it becomes sleep when it calls exec. */
	for (int i = 0; i < BASE_PATIENCE; i++) {
		lineage_read(client, &l);
		if (l.count != 0 && strcmp(l.process[0].name, "sleep") == 0)
			break;
		usleep(1000);
	}
	assert_true(l.count >= 2);
	assert_int_equal(l.process[0].pid, client);
	assert_string_equal(l.process[0].name, "sleep");
	assert_non_null(strstr(l.process[0].exe, "/"));
	assert_int_equal(l.process[0].uid, getuid());
	assert_int_equal(l.process[0].started * 1000 / (uint64_t)sysconf(_SC_CLK_TCK) / 100000,
	    clock_now() / 100000);
	assert_string_equal(lineage_argument(&l, 0), "sleep");
	assert_string_equal(lineage_argument(&l, 1), "60");
	assert_null(lineage_argument(&l, 2));
	assert_string_equal(l.process[sh].name, "sh");
	assert_int_equal(l.process[sh].pid, top);
	assert_true(l.process[sh].helper); /* runs a command: leads a session without a terminal */
	assert_int_equal(l.process[sh + 1].pid, getpid());
	assert_true(l.process[sh].started <= l.process[0].started);
	kill(client, SIGKILL);
	kill(top, SIGKILL);
	assert_int_not_equal(base_wait_end(top), -1);
	base_folder_remove(folder);
}

/* Start a program of that name below us, and look at it once it runs. */
static void look_at_program(const char *folder, const char *name, struct lineage *l)
{
	char command[256], path[128];
	pid_t child;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(command, sizeof(command), "cp \"$(command -v sleep)\" %s", path);
	assert_int_equal(system(command), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, name, "60", (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < BASE_PATIENCE; i++) {
		lineage_read(child, l);
		if (l->count != 0 && strcmp(l->process[0].exe, path) == 0)
			break;
		usleep(1000);
	}
	kill(child, SIGKILL);
	assert_int_not_equal(base_wait_end(child), -1);
	assert_int_equal(unlink(path), 0);
	assert_string_equal(l->process[0].exe, path);
}

/* They ask for whoever runs them, which is this test; a program of another name asks for itself. */
static void test_programs_that_do_an_errand(void **state)
{
	static const char *const errands[] = {"ssh", "scp", "sftp", "rsync", "git", "git-remote-x",
	    "ssh-keygen", "ssh-add", "signet-add"};
	static const char *const others[] = {"ssh-agent", "signet", "gitk", "emacs"};
	char folder[64];
	struct lineage l;

	(void)state;
	base_folder_make(folder);
	for (size_t i = 0; i < sizeof(errands) / sizeof(errands[0]); i++) {
		look_at_program(folder, errands[i], &l);
		if (!l.process[0].helper || lineage_application(&l)->pid != getpid())
			fail_msg("%s does no errand", errands[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		look_at_program(folder, others[i], &l);
		if (l.process[0].helper || lineage_application(&l) != &l.process[0])
			fail_msg("%s does an errand", others[i]);
	}
	base_folder_remove(folder);
}

static void test_process_that_is_gone(void **state)
{
	struct lineage l;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	memset(&l, 0xff, sizeof(l));
	lineage_read(child, &l);
	assert_int_equal(l.count, 0);
	lineage_read(0, &l);
	assert_int_equal(l.count, 0);
	lineage_read(-1, &l);
	assert_int_equal(l.count, 0);
	assert_null(lineage_application(&l));
	assert_null(lineage_argument(&l, 0));
}

/* A program may call itself anything: parentheses, line ends, what moves a cursor. */
static void test_hostile_name(void **state)
{
	int ends[2];
	struct lineage l;
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_NAME, "a) R 1 (\n\033[2J");
		(void)!write(ends[1], "x", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	lineage_read(child, &l);
	assert_true(l.count >= 2);
	assert_string_equal(l.process[0].name, "a) R 1 (\\x0a\\x1b[2J");
	assert_int_equal(l.process[1].pid, getpid());
	kill(child, SIGKILL);
	assert_int_not_equal(base_wait_end(child), -1);
	close(ends[0]);
	close(ends[1]);
}

static struct lineage sample(void)
{
	struct lineage l = {.count = 3, .remote = true, .tty = "pts/4", .args_len = 9};

	memcpy(l.args, "ssh\0host", 9);
	l.process[0] = (struct process){.pid = 30,
	    .started = 900,
	    .uid = 1000,
	    .name = "ssh",
	    .exe = "/usr/bin/ssh",
	    .helper = true};
	l.process[1] = (struct process){.pid = 20, .started = 800, .name = "git", .helper = true};
	l.process[2] = (struct process){.pid = 10, .started = 700, .name = "bash"};
	return l;
}

static void test_record_comes_back(void **state)
{
	struct lineage l = sample(), got = {0};
	struct builder b = {0};

	(void)state;
	lineage_build(&b, &l);
	assert_int_equal(builder_error(&b), ERR_OK);
	assert_int_equal(lineage_parse(builder_view(&b), &got), ERR_OK);
	assert_memory_equal(&got, &l, sizeof(l));
	for (size_t n = 0; n < b.len; n++)
		assert_int_not_equal(lineage_parse(BYTES(b.data, n), &got), ERR_OK);
	builder_u8(&b, 0);
	assert_int_equal(lineage_parse(builder_view(&b), &got), ERR_SURPLUS);
	builder_clear(&b);
}

static void test_longest_record_fits(void **state)
{
	struct lineage l = {.count = LINEAGE_MOST, .args_len = LINEAGE_ARGS}, got;
	struct builder b = {0};

	(void)state;
	for (size_t i = 0; i < LINEAGE_MOST; i++) {
		l.process[i].pid = 1;
		memset(l.process[i].name, 'n', LINEAGE_NAME - 1);
		memset(l.process[i].exe, 'e', LINEAGE_EXE - 1);
	}
	lineage_build(&b, &l);
	assert_in_range(b.len, 1, LINEAGE_RECORD);
	assert_int_equal(lineage_parse(builder_view(&b), &got), ERR_OK);
	builder_clear(&b);
}

static void test_texts_are_escaped_on_arrival(void **state)
{
	struct lineage l = sample(), got;
	struct builder b = {0};

	(void)state;
	strcpy(l.process[0].name, "s\nh");
	lineage_build(&b, &l);
	assert_int_equal(lineage_parse(builder_view(&b), &got), ERR_OK);
	assert_string_equal(got.process[0].name, "s\\x0ah");
	builder_clear(&b);
}

static void test_application(void **state)
{
	struct lineage l = sample();

	(void)state;
	assert_int_equal(lineage_application(&l)->pid, 10);
	l.process[1].helper = false;
	assert_int_equal(lineage_application(&l)->pid, 20);
	/* All that a user's services have in common is the manager: not good for all of them. */
	l.process[1].helper = true;
	strcpy(l.process[2].name, "systemd");
	assert_int_equal(lineage_application(&l)->pid, 20);
	l.count = 1;
	assert_int_equal(lineage_application(&l)->pid, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_chain_from_client_to_session_leader),
	    cmocka_unit_test(test_programs_that_do_an_errand),
	    cmocka_unit_test(test_process_that_is_gone),
	    cmocka_unit_test(test_hostile_name),
	    cmocka_unit_test(test_record_comes_back),
	    cmocka_unit_test(test_longest_record_fits),
	    cmocka_unit_test(test_texts_are_escaped_on_arrival),
	    cmocka_unit_test(test_application),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
