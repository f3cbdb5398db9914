/* What signet-prompt takes from others' environments, /proc and names of displays. */
#include "tests/support/base_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/prompt/display.h"
#include "agent/prompt/process.h"
#include "agent/prompt/reach.h"
#include "proto/limits.h"

enum { ROOM = 64 };

static enum err parse(const char *line, char out[ROOM])
{
	return display_parse_line(bytes_str(line), out, ROOM);
}

static void test_lines_of_the_manager(void **state)
{
	static const char *const wrong[] = {"", "DISPLAY", "PATH=/bin", "DISPLAY=$'a'b'",
	    "DISPLAY=$'a\\x'", "DISPLAY=$'a\\'", "DISPLAY=$'a\\\\n\\n'", "LD_PRELOAD=$'x'"};
	char out[ROOM], line[2 * ROOM];

	(void)state;
	assert_int_equal(parse("DISPLAY=:0", out), ERR_OK);
	assert_string_equal(out, "DISPLAY=:0");
	assert_int_equal(parse("DISPLAY=$'a\\'b\\\\c'", out), ERR_OK);
	assert_string_equal(out, "DISPLAY=a'b\\c");
	assert_int_equal(parse("DISPLAY=$'", out), ERR_OK);
	assert_string_equal(out, "DISPLAY=$'");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(wrong[i], out), ERR_FORMAT);
	assert_int_equal(display_parse_line(BYTES("DISPLAY=:0\0x", 12), out, ROOM), ERR_FORMAT);
	memset(line, 'v', sizeof(line));
	memcpy(line, "DISPLAY=", 8);
	line[ROOM - 1] = '\0';
	assert_int_equal(parse(line, out), ERR_OK);
	line[ROOM - 1] = 'v';
	line[ROOM] = '\0';
	assert_int_equal(parse(line, out), ERR_TOO_LONG);
}

/* A process of this environment, which waits to be killed. */
static pid_t process_with(const char *const *environment)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		close(ready[0]);
		/* Closed by exec, whose environment /proc has from then on. */
		(void)dup3(ready[1], 100, O_CLOEXEC);
		close(ready[1]);
		execve("/bin/sleep", (char *const *)(uintptr_t)argv,
		    (char *const *)(uintptr_t)environment);
		_exit(127);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_variables_of_a_process(void **state)
{
	static const char *const environment[] = {
	    "TERMINAL=no", "TERM=", "TERM=xterm", "LONG=0123456789", "no equals sign", NULL};
	char out[11];
	pid_t pid = process_with(environment);

	(void)state;
	assert_int_equal(process_variable(pid, "TERM", out, sizeof(out)), ERR_OK);
	assert_string_equal(out, "");
	assert_int_equal(process_variable(pid, "LONG", out, sizeof(out)), ERR_OK);
	assert_string_equal(out, "0123456789");
	assert_int_equal(process_variable(pid, "LONG", out, sizeof(out) - 1), ERR_NOT_FOUND);
	assert_int_equal(process_variable(pid, "TER", out, sizeof(out)), ERR_NOT_FOUND);
	assert_int_equal(process_variable(pid, "no equals sign", out, sizeof(out)), ERR_NOT_FOUND);
	end(pid);
	assert_int_equal(process_variable(pid, "TERM", out, sizeof(out)), ERR_NOT_FOUND);
}

/* Its name is its own, and looks like the fields behind it. */
static void test_what_a_process_is(void **state)
{
	struct process p;
	pid_t pid = fork();

	(void)state;
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(0);
	/* It has ended, and nobody was told yet. */
	assert_int_equal(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_read(pid, &p), ERR_NOT_FOUND);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_read(pid, &p), ERR_NOT_FOUND);
	assert_false(process_is_remote(pid));
	assert_int_equal(process_read(getpid(), &p), ERR_OK);
	assert_int_equal(p.parent, getppid());
	assert_true(process_shares_mounts(&p));
	p = (struct process){.pid = pid, .session = pid};
	assert_false(process_shares_mounts(&p));
}

static void test_names_of_displays(void **state)
{
	char folder[64], path[128], long_name[200];
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	base_folder_make(folder);
	snprintf(path, sizeof(path), "%s/wayland", folder);
	assert_false(reach_display("wayland", NULL, folder));
	strcpy(sa.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_false(reach_display("wayland", NULL, folder));
	assert_int_equal(listen(fd, 1), 0);
	assert_true(reach_display("wayland", NULL, folder));
	assert_true(reach_display(path, "no colon", NULL));
	assert_false(reach_display("wayland", "", NULL));
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_false(reach_display(long_name, NULL, folder));
	long_name[0] = '/';
	assert_false(reach_socket(long_name));
	assert_false(reach_display(NULL, "no colon", NULL));
	assert_false(reach_display(NULL, ":4294967295", NULL));
	assert_false(reach_display(NULL, "localhost:59536", NULL));
	assert_false(reach_display(NULL, "localhost:-1", NULL));
	assert_true(reach_display(NULL, "elsewhere.example.org:0", NULL));
	close(fd);
	base_folder_remove(folder);
}

/* What it tells that is missing here is taken, and where windows go only if somebody is there. */
static void test_what_the_manager_tells(void **state)
{
	static const char tells[] = "echo 'SSH_ASKPASS=/usr/bin/ask'; echo XAUTHORITY=/old; "
				    "echo LD_PRELOAD=/x; echo WAYLAND_DISPLAY=nobody";
	char folder[64], path[128];
	struct helper_ask ask = {.pid = 0};
	enum err why = ERR_OK;

	(void)state;
	base_folder_make(folder);
	base_script(folder, "systemctl", tells, path);
	assert_int_equal(setenv("PATH", folder, 1), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", folder, 1), 0);
	assert_int_equal(setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent", 1), 0);
	assert_int_equal(setenv("XAUTHORITY", "/mine", 1), 0);
	assert_int_equal(unsetenv("DISPLAY"), 0);
	assert_int_equal(unsetenv("WAYLAND_DISPLAY"), 0);
	assert_int_equal(unsetenv("SSH_ASKPASS"), 0);
	assert_int_equal(unsetenv("LD_PRELOAD"), 0);
	/* On a slow machine the manager may be slower than is waited for it. */
	for (unsigned i = 0; i < 60 && getenv("SSH_ASKPASS") == NULL; i++)
		why = display_find(&ask);
	assert_int_equal(why, ERR_DISPLAY);
	assert_string_equal(getenv("SSH_ASKPASS"), "/usr/bin/ask");
	assert_null(getenv("WAYLAND_DISPLAY"));
	assert_null(getenv("XAUTHORITY"));
	assert_null(getenv("LD_PRELOAD"));
	base_folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines_of_the_manager),
	    cmocka_unit_test(test_variables_of_a_process),
	    cmocka_unit_test(test_what_a_process_is),
	    cmocka_unit_test(test_names_of_displays),
	    cmocka_unit_test(test_what_the_manager_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
