/* Who a process is: real chains of processes made here. */
#include "tests/support/base_test.h"

#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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

/* Start a program of that name below us, and look at it once it runs, and once its file is gone, as
 * in an upgrade. */
static void look_at_program(const char *folder, const char *name, struct lineage *l)
{
	char command[256], path[128];
	struct lineage replaced;
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
	assert_int_equal(unlink(path), 0);
	lineage_read(child, &replaced);
	kill(child, SIGKILL);
	assert_int_not_equal(base_wait_end(child), -1);
	assert_string_equal(l->process[0].exe, path);
	assert_int_not_equal(replaced.count, 0);
	assert_string_equal(replaced.process[0].exe, path);
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

/* A name is a process's own to choose; the file of its program is not. */
static void test_a_name_is_no_errand(void **state)
{
	static const char *const names[] = {"git", "ssh", "sh"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int ends[2];
		struct lineage l;
		char byte;
		pid_t child;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		if (child == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			(void)prctl(PR_SET_NAME, names[i]);
			(void)!write(ends[1], "x", 1);
			(void)pause();
			_exit(0);
		}
		assert_int_equal(read(ends[0], &byte, 1), 1);
		lineage_read(child, &l);
		assert_string_equal(l.process[0].name, names[i]);
		assert_false(l.process[0].helper);
		assert_ptr_equal(lineage_application(&l), &l.process[0]);
		kill(child, SIGKILL);
		assert_int_not_equal(base_wait_end(child), -1);
		close(ends[0]);
		close(ends[1]);
	}
}

/* In a process without privileges: 0 when a program that nobody may read, and whose file the kernel
 * therefore does not tell, counts as an application. */
static int look_at_unreadable(const char *path)
{
	struct lineage l = {0};
	pid_t child;

	if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
		return 1;
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, "git", "60", (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < BASE_PATIENCE; i++) {
		lineage_read(child, &l);
		if (l.count != 0 && strcmp(l.process[0].name, "git") == 0)
			break;
		usleep(1000);
	}
	kill(child, SIGKILL);
	(void)base_wait_end(child);
	if (strcmp(l.process[0].name, "git") != 0)
		return 2;
	if (l.process[0].exe[0] != '\0')
		return 3;
	return lineage_application(&l) == &l.process[0] ? 0 : 4;
}

static void test_program_that_cannot_be_read(void **state)
{
	char folder[64], path[128], command[512];
	pid_t looker;

	(void)state;
	base_folder_make(folder);
	snprintf(path, sizeof(path), "%s/git", folder);
	snprintf(command, sizeof(command),
	    "chmod 711 %s && cp \"$(command -v sleep)\" %s && chmod 111 %s", folder, path, path);
	assert_int_equal(system(command), 0);
	looker = fork();
	if (looker == 0)
		_exit(look_at_unreadable(path));
	assert_int_equal(base_wait_end(looker), 0);
	assert_int_equal(unlink(path), 0);
	base_folder_remove(folder);
}

/* The only child of a process, once it has one that runs sleep. */
static pid_t sleeping_child(pid_t parent, struct lineage *l)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)parent, (long)parent);
	for (int i = 0; i < BASE_PATIENCE; i++) {
		FILE *f = fopen(path, "re");
		long pid = 0;

		assert_non_null(f);
		if (fscanf(f, "%ld", &pid) != 1)
			pid = 0;
		fclose(f);
		lineage_read((pid_t)pid, l);
		if (l->count != 0 && strcmp(l->process[0].name, "sleep") == 0)
			return (pid_t)pid;
		usleep(1000);
	}
	fail_msg("no sleep below %ld", (long)parent);
	return 0;
}

/* A program by its path, with one argument; looked at once it runs. */
static void look_at_argument(const char *path, const char *argument, struct lineage *l)
{
	pid_t child = fork();
	int i;

	assert_true(child >= 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, "sleep", "60", argument, (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < BASE_PATIENCE; i++) {
		lineage_read(child, l);
		if (l->count != 0 && strcmp(l->process[0].name, "program") == 0)
			break;
		usleep(1000);
	}
	kill(child, SIGKILL);
	assert_int_not_equal(base_wait_end(child), -1);
	assert_true(i < BASE_PATIENCE);
}

/* Of a long path the end is shown, and an argument that does not fit is none. */
static void test_what_does_not_fit(void **state)
{
	char folder[64], path[LINEAGE_EXE + 128], command[2 * sizeof(path) + 64];
	char argument[LINEAGE_ARGS + 1];
	struct lineage l;
	size_t n;

	(void)state;
	base_folder_make(folder);
	n = (size_t)snprintf(path, sizeof(path), "%s", folder);
	while (n < LINEAGE_EXE)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/a-folder-of-a-name");
	snprintf(command, sizeof(command), "mkdir -p %s && cp \"$(command -v sleep)\" %s/program",
	    path, path);
	assert_int_equal(system(command), 0);
	snprintf(path + n, sizeof(path) - n, "/program");
	memset(argument, '0', sizeof(argument) - 1);
	argument[sizeof(argument) - 1] = '\0';
	look_at_argument(path, argument, &l);
	assert_int_equal(strlen(l.process[0].exe), LINEAGE_EXE - 1);
	assert_memory_equal(l.process[0].exe, "...", 3);
	assert_string_equal(l.process[0].exe + 3, path + strlen(path) - (LINEAGE_EXE - 4));
	assert_string_equal(lineage_argument(&l, 1), "60");
	assert_null(lineage_argument(&l, 2));
	base_folder_remove(folder);
}

/* More ancestors than a record has room for: those next to the client are kept. */
static void test_a_long_line_of_ancestors(void **state)
{
	struct lineage l;
	int ends[2];
	pid_t top, last = 0;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	top = fork();
	if (top == 0) {
		pid_t self, child = 0;

		for (size_t i = 0; child == 0 && i < LINEAGE_MOST + 4; i++) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			child = fork();
		}
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		self = getpid();
		if (child == 0)
			(void)!write(ends[1], &self, sizeof(self));
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &last, sizeof(last)), sizeof(last));
	lineage_read(last, &l);
	assert_int_equal(l.count, LINEAGE_MOST);
	assert_int_equal(l.process[0].pid, last);
	kill(top, SIGKILL);
	assert_int_not_equal(base_wait_end(top), -1);
	close(ends[0]);
	close(ends[1]);
}

/* What runs below a daemon that lets people log in came from another host; the walk ends there. */
static void test_below_a_daemon(void **state)
{
	int ends[2];
	struct lineage l;
	pid_t daemon, client = 0;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	daemon = fork();
	if (daemon == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, "sshd");
		if (fork() == 0) {
			pid_t self = getpid();

			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			(void)prctl(PR_SET_NAME, "client");
			(void)!write(ends[1], &self, sizeof(self));
		}
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &client, sizeof(client)), sizeof(client));
	lineage_read(client, &l);
	assert_true(l.remote);
	assert_int_equal(l.count, 2);
	assert_string_equal(l.process[0].name, "client");
	assert_int_equal(l.process[1].pid, daemon);
	/* The daemon itself is nobody's client. */
	lineage_read(daemon, &l);
	assert_int_equal(l.process[0].pid, daemon);
	kill(daemon, SIGKILL);
	assert_int_not_equal(base_wait_end(daemon), -1);
	close(ends[0]);
	close(ends[1]);
}

/* Shells that lead the session of a terminal: an editor starts them for a command, a person types
 * at the others. */
static void test_shells_that_lead_a_terminal(void **state)
{
	static const struct {
		const char *argv[6];
		bool errand;
	} table[] = {
	    {{"sh", "-c", "sleep 60; true"}, true}, {{"sh", "-ec", "sleep 60; true"}, true},
	    {{"sh", "-o", "errexit", "-c", "sleep 60; true"}, true},
	    {{"bash", "-O", "extglob", "-lc", "sleep 60; true"}, true},
	    {{"bash", "--rcfile", "/dev/null", "-ic", "sleep 60; true"}, true},
	    {{"sh", "script"}, true}, {{"bash", "--norc", "./script"}, true}, {{"sh"}, false},
	    {{"-sh"}, false}, {{"sh", "-i"}, false}, {{"bash", "--norc"}, false},
	    {{"bash", "--rcfile", "/dev/null"}, false},
	    {{"bash", "--noprofile", "--norc", "-eo", "pipefail"}, false},
	    {{"bash", "--norc", "-o", "posix", "-i"}, false},
	    {{"bash", "--norc", "-o"}, false}, /* it lists its options, and goes on */
	};
	char folder[64], path[128];

	(void)state;
	base_folder_make(folder);
	base_script(folder, "script", "sleep 60; true", path);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *program = strstr(table[i].argv[0], "bash") != NULL ? "bash" : "sh";
		struct lineage l;
		pid_t client;
		int master;
		pid_t leader = forkpty(&master, NULL, NULL, NULL);

		assert_true(leader >= 0);
		if (leader == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (chdir(folder) == 0)
				execvp(program, (char *const *)(uintptr_t)table[i].argv);
			_exit(127);
		}
		if (!table[i].errand)
			assert_int_equal(write(master, "sleep 60\n", 9), 9);
		client = sleeping_child(leader, &l);
		assert_int_equal(l.process[1].pid, leader);
		if (l.process[1].helper != table[i].errand)
			fail_msg("row %zu: %s %s", i, table[i].argv[0],
			    table[i].errand ? "is taken for the application" : "does an errand");
		kill(client, SIGKILL);
		kill(leader, SIGKILL);
		close(master);
		assert_int_not_equal(base_wait_end(leader), -1);
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

/* By a path that only root can change, in nobody's folder: of its own name that program is plain.
 */
static void test_programs_place(void **state)
{
	char folder[64];
	struct lineage l;
	int ends[2];
	pid_t child;

	(void)state;
	base_folder_make(folder);
	assert_int_equal(chmod(folder, 0777), 0);
	look_at_program(folder, "git", &l);
	assert_false(l.process[0].settled);
	assert_false(lineage_plain(&l.process[0]));
	base_folder_remove(folder);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(ends[1], 1);
		(void)execl("/usr/bin/tail", "tail", "-f", "-n", "1", "/etc/passwd", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(read(ends[0], folder, 1), 1);
	lineage_read(child, &l);
	kill(child, SIGKILL);
	assert_int_not_equal(base_wait_end(child), -1);
	close(ends[0]);
	close(ends[1]);
	assert_string_equal(l.process[0].name, "tail");
	assert_true(lineage_plain(&l.process[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_chain_from_client_to_session_leader),
	    cmocka_unit_test(test_programs_that_do_an_errand),
	    cmocka_unit_test(test_a_name_is_no_errand),
	    cmocka_unit_test(test_program_that_cannot_be_read),
	    cmocka_unit_test(test_shells_that_lead_a_terminal),
	    cmocka_unit_test(test_what_does_not_fit),
	    cmocka_unit_test(test_a_long_line_of_ancestors),
	    cmocka_unit_test(test_below_a_daemon),
	    cmocka_unit_test(test_process_that_is_gone),
	    cmocka_unit_test(test_hostile_name),
	    cmocka_unit_test(test_programs_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
