/*
 * The program that is started is this one again: called as `t_spawn report`, it writes what it
 * finds itself in to standard output, a line each.
 */
#include "tests/support/base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/spawn.h"

extern char **environ;

static char self[PATH_MAX];

static bool is_null_device(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat("/dev/null", &b) == 0 && a.st_rdev == b.st_rdev &&
	       S_ISCHR(a.st_mode);
}

static void report_descriptors(void)
{
	for (int fd = 0; fd < 256; fd++) {
		off_t size = 0;
		struct stat st;

		if (fcntl(fd, F_GETFD) == -1)
			continue;
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			size = st.st_size;
		printf("fd %d %s %d\n", fd, is_null_device(fd) ? "null" : "open", (int)size);
	}
}

static void report_signals(void)
{
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int i = 1; i < NSIG; i++) {
		struct sigaction now;

		if (sigismember(&mask, i) == 1)
			printf("blocked %d\n", i);
		if (sigaction(i, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			printf("ignored %d\n", i);
	}
}

static int report(int argc, char **argv)
{
	struct rlimit core = {1, 1};
	int death = -1;

	report_descriptors();
	report_signals();
	getrlimit(RLIMIT_CORE, &core);
	prctl(PR_GET_PDEATHSIG, &death);
	printf("core %d %d\n", (int)core.rlim_cur, (int)core.rlim_max);
	printf("death %d\n", death);
	printf("session %d\n", getsid(0) == getpid());
	for (int i = 0; i < argc; i++)
		printf("arg %s\n", i == 0 ? "self" : argv[i]);
	/* What clang's runtime puts there itself, in a build for make coverage. */
	unsetenv("__LLVM_PROFILE_RT_INIT_ONCE");
	for (char **e = environ; *e != NULL; e++)
		printf("env %s\n", *e);
	return fflush(stdout) == 0 ? 7 : 1;
}

/* Spawn `report` with standard output to us; its lines. */
static char *run_report(struct spawn_args args, const struct spawn_fd *fds, size_t nfds)
{
	static char text[8192];
	static const char *const argv[] = {"t_spawn", "report", "an argument", NULL};
	static const char *const env[] = {"ONLY=this", NULL};
	struct spawn_fd all[18];
	struct blob out = {0};
	int ends[2];
	pid_t pid = 0;
	int status;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < nfds; i++)
		all[i] = fds[i];
	all[nfds] = (struct spawn_fd){ends[1], 1};
	args.path = self;
	args.argv = argv;
	args.env = args.env != NULL ? args.env : env;
	args.fds = all;
	args.nfds = nfds + 1;
	assert_int_equal(spawn(&args, &pid), ERR_OK);
	fd_close(&ends[1]);
	assert_int_equal(fd_read_file(ends[0], sizeof(text) - 1, &out), ERR_OK);
	memcpy(text, out.data, out.len + 1);
	status = base_wait_end(pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	blob_clear(&out);
	fd_close(&ends[0]);
	return text;
}

static bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; (p = strstr(p, line)) != NULL; p++) {
		if ((p == text || p[-1] == '\n') && p[n] == '\n')
			return true;
	}
	return false;
}

static unsigned count_lines(const char *text, const char *start)
{
	unsigned n = 0;

	for (const char *p = text; p != NULL && *p != '\0'; p = strchr(p, '\n')) {
		p += *p == '\n';
		n += strncmp(p, start, strlen(start)) == 0;
	}
	return n;
}

static int file_of_size(off_t n)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), n), 0);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

static void only_named_descriptors_are_open(void **state)
{
	int file = file_of_size(5);
	int inheritable = dup(file);
	struct spawn_fd fds[] = {{file, 3}, {-1, 9}};
	const char *text = run_report((struct spawn_args){0}, fds, 2);

	(void)state;
	assert_int_equal(count_lines(text, "fd "), 5);
	assert_true(has_line(text, "fd 0 null 0"));
	assert_true(has_line(text, "fd 1 open 0"));
	assert_true(has_line(text, "fd 2 null 0"));
	assert_true(has_line(text, "fd 3 open 5"));
	assert_true(has_line(text, "fd 9 null 0"));
	fd_close(&file);
	fd_close(&inheritable);
}

/* Each number asked for is another one's source, in a ring. */
static void numbers_may_overlap(void **state)
{
	int made[3];
	struct spawn_fd fds[4];
	char line[64];
	const char *text;

	(void)state;
	for (int i = 0; i < 3; i++)
		made[i] = file_of_size(100 + i);
	for (int i = 0; i < 3; i++)
		fds[i] = (struct spawn_fd){made[i], made[(i + 1) % 3]};
	fds[3] = (struct spawn_fd){made[0], 63};
	text = run_report((struct spawn_args){0}, fds, 4);
	for (int i = 0; i < 3; i++) {
		snprintf(line, sizeof(line), "fd %d open %d", made[(i + 1) % 3], 100 + i);
		assert_true(has_line(text, line));
	}
	assert_true(has_line(text, "fd 63 open 100"));
	assert_int_equal(count_lines(text, "fd "), 7);
	for (int i = 0; i < 3; i++)
		fd_close(&made[i]);
}

/* The numbers asked for are those that a careless copy of the next source would be put at. */
static void numbers_may_be_free_ones(void **state)
{
	enum { COUNT = 8 };
	struct spawn_fd fds[COUNT];
	int made[COUNT];
	char line[64];
	const char *text;

	(void)state;
	for (int i = 0; i < COUNT; i++)
		made[i] = file_of_size(200 + i);
	for (int i = 0; i < COUNT; i++)
		fds[i] = (struct spawn_fd){made[i], made[COUNT - 1] + COUNT - i};
	text = run_report((struct spawn_args){0}, fds, COUNT);
	for (int i = 0; i < COUNT; i++) {
		snprintf(line, sizeof(line), "fd %d open %d", fds[i].to, 200 + i);
		assert_true(has_line(text, line));
	}
	assert_int_equal(count_lines(text, "fd "), COUNT + 3);
	for (int i = 0; i < COUNT; i++)
		fd_close(&made[i]);
}

static void signals_and_core_limit_are_reset(void **state)
{
	sigset_t set, before;
	const char *text;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, &before);
	text = run_report((struct spawn_args){0}, NULL, 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(count_lines(text, "blocked "), 0);
	assert_int_equal(count_lines(text, "ignored "), 0);
	assert_true(has_line(text, "core 0 0"));
	assert_true(has_line(text, "death 0"));
	assert_true(has_line(text, "session 0"));
	assert_true(has_line(text, "arg an argument"));
	assert_int_equal(count_lines(text, "arg "), 3);
	assert_true(has_line(text, "env ONLY=this"));
	assert_int_equal(count_lines(text, "env "), 1);
}

static void the_mask_of_the_caller_is_kept(void **state)
{
	sigset_t set, now, before;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_SETMASK, &set, &before);
	run_report((struct spawn_args){0}, NULL, 0);
	sigprocmask(SIG_SETMASK, &before, &now);
	for (int i = 1; i < SIGRTMIN; i++)
		assert_int_equal(sigismember(&now, i), i == SIGHUP);
}

static void session_and_death_signal(void **state)
{
	struct spawn_args args = {.die_with_parent = true, .new_session = true};
	const char *text = run_report(args, NULL, 0);
	char line[32];

	(void)state;
	snprintf(line, sizeof(line), "death %d", SIGKILL);
	assert_true(has_line(text, line));
	assert_true(has_line(text, "session 1"));
}

static void a_failing_exec_is_told_and_reaped(void **state)
{
	const char *const argv[] = {"x", NULL};
	const char *const env[] = {NULL};
	struct spawn_args args = {.path = "/nonexistent/program", .argv = argv, .env = env};
	size_t before = base_open_count();
	pid_t pid = -7;

	(void)state;
	assert_int_equal(spawn(&args, &pid), ERR_SYSTEM);
	assert_int_equal(errno, ENOENT);
	args.path = "/etc/passwd";
	assert_int_equal(spawn(&args, &pid), ERR_SYSTEM);
	assert_int_equal(errno, EACCES);
	args.path = "relative";
	assert_int_equal(spawn(&args, &pid), ERR_SYSTEM);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(pid, -7);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(base_open_count(), before);
}

static void a_closed_source_is_told(void **state)
{
	const char *const argv[] = {"true", NULL};
	const char *const env[] = {NULL};
	const struct spawn_fd fds[] = {{200, 3}};
	struct spawn_args args = {
	    .path = "/bin/true", .argv = argv, .env = env, .fds = fds, .nfds = 1};
	pid_t pid = -7;

	(void)state;
	assert_int_equal(spawn(&args, &pid), ERR_SYSTEM);
	assert_int_equal(errno, EBADF);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void too_many_descriptors_are_refused(void **state)
{
	struct spawn_fd fds[17];
	const char *const argv[] = {"true", NULL};
	const char *const env[] = {NULL};
	struct spawn_args args = {
	    .path = "/bin/true", .argv = argv, .env = env, .fds = fds, .nfds = 17};
	pid_t pid = -7;

	(void)state;
	for (int i = 0; i < 17; i++)
		fds[i] = (struct spawn_fd){-1, i};
	assert_int_equal(spawn(&args, &pid), ERR_LIMIT);
	args.nfds = 1;
	fds[0].to = 64;
	assert_int_equal(spawn(&args, &pid), ERR_LIMIT);
	fds[0].to = -1;
	assert_int_equal(spawn(&args, &pid), ERR_LIMIT);
	assert_int_equal(pid, -7);
}

/* The parent is a child of ours that ends at once; what it started then becomes our child. */
static void the_program_ends_with_its_parent(void **state)
{
	const char *const argv[] = {"sleep", "1000", NULL};
	const char *const env[] = {NULL};
	struct spawn_args args = {
	    .path = "/bin/sleep", .argv = argv, .env = env, .die_with_parent = true};
	pid_t pid = -1, parent;
	int ends[2];
	int status;

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		if (spawn(&args, &pid) != ERR_OK)
			_exit(1);
		_exit(write(ends[1], &pid, sizeof(pid)) != sizeof(pid));
	}
	assert_int_equal(fd_read_exact(ends[0], &pid, sizeof(pid), BASE_PATIENCE), ERR_OK);
	assert_int_equal(base_wait_end(parent), 0);
	status = base_wait_end(pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static void the_environment_is_an_allow_list(void **state)
{
	static const char *const hostile[] = {"PATH=/bin", "LD_PRELOAD=/evil.so",
	    "OPENSSL_CONF=/evil", "LC_ALL=C", "LC_TIME=C", "LANG=de", "LANGUAGE=de",
	    "XDG_RUNTIME_DIR=/run", "XDG_SESSION_ID=4", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/b",
	    "DBUS_STARTER_ADDRESS=no", "DISPLAY=:0", "DISPLAYX=no", "DISPLA=no",
	    "WAYLAND_DISPLAY=w", "SSH_ASKPASS=/a", "SSH_ASKPASS_REQUIRE=force",
	    "SSH_ASKPASS_PROMPT=confirm", "SSH_AUTH_SOCK=/s", "HOME=/h", "GTK_MODULES=evil",
	    "no equals sign", "TZ=UTC", NULL};
	static const char *const expected[] = {"PATH=/bin", "LC_ALL=C", "LC_TIME=C", "LANG=de",
	    "LANGUAGE=de", "XDG_RUNTIME_DIR=/run", "XDG_SESSION_ID=4",
	    "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/b", "WAYLAND_DISPLAY=w", "SSH_ASKPASS=/a",
	    "SSH_ASKPASS_REQUIRE=force", "HOME=/h", "TZ=UTC", "DISPLAY=:1", "EXTRA=1"};
	static const char *const extra[] = {"DISPLAY=:1", "EXTRA=1", NULL};
	char **saved = environ;
	char **env;
	size_t n = 0;

	(void)state;
	environ = (char **)(uintptr_t)hostile;
	env = spawn_env(extra);
	environ = saved;
	assert_non_null(env);
	for (; env[n] != NULL; n++) {
		assert_true(n < sizeof(expected) / sizeof(expected[0]));
		assert_string_equal(env[n], expected[n]);
	}
	assert_int_equal(n, sizeof(expected) / sizeof(expected[0]));
	spawn_env_free(env);
	spawn_env_free(NULL);
}

static void most_of_the_environment_is_all_but_what_loads_code(void **state)
{
	static const char *const given[] = {"SOFTHSM2_CONF=/c", "LD_PRELOAD=/x.so",
	    "LD_LIBRARY_PATH=/x", "VENDOR=1", "GLIBC_TUNABLES=a", "MALLOC_PERTURB_=1",
	    "SSH_AUTH_SOCK=/s", "SSH_AGENT_PID=1", "SSH_AGENT=kept", "LDAP=kept", "OPENSSL_CONF=/c",
	    "GCONV_PATH=/g", "LISTEN_FDS=1", "EMPTY=", NULL};
	static const char *const expected[] = {
	    "SOFTHSM2_CONF=/c", "VENDOR=1", "SSH_AGENT=kept", "LDAP=kept", "EMPTY="};
	char **saved = environ, **env;
	size_t n = 0;

	(void)state;
	environ = (char **)(uintptr_t)given;
	env = spawn_env_most();
	environ = saved;
	assert_non_null(env);
	for (; env[n] != NULL; n++) {
		assert_true(n < sizeof(expected) / sizeof(expected[0]));
		assert_string_equal(env[n], expected[n]);
	}
	assert_int_equal(n, sizeof(expected) / sizeof(expected[0]));
	spawn_env_free(env);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_named_descriptors_are_open),
	    cmocka_unit_test(numbers_may_overlap),
	    cmocka_unit_test(numbers_may_be_free_ones),
	    cmocka_unit_test(signals_and_core_limit_are_reset),
	    cmocka_unit_test(the_mask_of_the_caller_is_kept),
	    cmocka_unit_test(session_and_death_signal),
	    cmocka_unit_test(a_failing_exec_is_told_and_reaped),
	    cmocka_unit_test(a_closed_source_is_told),
	    cmocka_unit_test(too_many_descriptors_are_refused),
	    cmocka_unit_test(the_program_ends_with_its_parent),
	    cmocka_unit_test(the_environment_is_an_allow_list),
	    cmocka_unit_test(most_of_the_environment_is_all_but_what_loads_code),
	};

	if (argc > 1 && strcmp(argv[1], "report") == 0)
		return report(argc, argv);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
