/* The listening sockets: bound, found dead or alive, handed over, removed. */
#include "tests/support/base_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/listen.h"
#include "agent/sockdir.h"
#include "proto/base/fdio.h"

static char folder[64]; /* cmocka's set-up has no other way to hand it on */

static int setup(void **state)
{
	(void)state;
	base_folder_make(folder);
	setenv("HOME", folder, 1);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	base_folder_remove(folder);
	return 0;
}

static const char *in_folder(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	assert_true(strlen(path) < sizeof(sa.sun_path));
	strcpy(sa.sun_path, path);
	return sa;
}

/* A listening socket of somebody else's making. */
static int foreign_socket(const char *path, int type)
{
	struct sockaddr_un sa = address(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	if (type != SOCK_DGRAM)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static bool connects(const char *path)
{
	struct sockaddr_un sa = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0;

	close(fd);
	return good;
}

static bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void test_bound_socket_listens_and_is_private(void **state)
{
	const char *path = in_folder("s");
	mode_t before = umask(0);
	struct stat st;
	int fd = -1;

	(void)state;
	assert_int_equal(socket_bind(path, &fd), ERR_OK);
	assert_int_equal(umask(before), 0); /* ours is as it was */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_true(connects(path));
	assert_true(socket_alive(path));
	close(fd);
}

static void test_dead_socket_is_replaced_and_a_live_one_kept(void **state)
{
	const char *path = in_folder("s");
	int first = foreign_socket(path, SOCK_STREAM), fd = -1;

	(void)state;
	errno = 0;
	assert_int_equal(socket_bind(path, &fd), ERR_SYSTEM);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(fd, -1);
	assert_true(connects(path));
	close(first);
	assert_false(socket_alive(path));
	assert_int_equal(socket_bind(path, &fd), ERR_OK);
	assert_true(connects(path));
	close(fd);
}

/* What is no socket stays: a file, a folder, a link to nowhere or to a dead socket. */
static void test_other_files_are_left_alone(void **state)
{
	char path[256], target[256];
	int fd = -1;

	(void)state;
	strcpy(path, in_folder("file"));
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(socket_bind(path, &fd), ERR_SYSTEM);
	assert_int_equal(errno, EADDRINUSE);
	assert_true(there(path));
	strcpy(path, in_folder("folder"));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(socket_bind(path, &fd), ERR_SYSTEM);
	assert_true(there(path));
	strcpy(target, in_folder("dead"));
	close(foreign_socket(target, SOCK_STREAM));
	strcpy(path, in_folder("link"));
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(socket_bind(path, &fd), ERR_SYSTEM);
	assert_true(there(path));
	assert_true(there(target));
	assert_int_equal(fd, -1);
}

static void test_dead_socket_of_another_user_is_left_alone(void **state)
{
	const char *path = in_folder("s");
	int fd = -1;

	(void)state;
	if (getuid() != 0)
		base_skip("needs root to give a socket to another user");
	close(foreign_socket(path, SOCK_STREAM));
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(socket_bind(path, &fd), ERR_SYSTEM);
	assert_int_equal(errno, EADDRINUSE);
	assert_true(there(path));
}

static void test_longest_path(void **state)
{
	char path[SOCKET_PATH + 2];
	int fd = -1;

	(void)state;
	memset(path, 'x', sizeof(path));
	memcpy(path, folder, strlen(folder));
	path[strlen(folder)] = '/';
	path[SOCKET_PATH] = '\0';
	assert_int_equal(socket_bind(path, &fd), ERR_TOO_LONG);
	assert_int_equal(errno, ENAMETOOLONG);
	path[SOCKET_PATH - 1] = '\0';
	assert_int_equal(socket_bind(path, &fd), ERR_OK);
	assert_true(connects(path));
	close(fd);
}

/* sockets_open, with what it says kept out of the test's output. */
static enum err open_quietly(const struct options *o, struct sockets *s)
{
	int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	enum err e;

	dup2(null, STDERR_FILENO);
	e = sockets_open(o, s);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(null);
	return e;
}

static void close_sockets(struct sockets *s)
{
	fd_close(&s->agent);
	fd_close(&s->control);
}

static void test_agent_and_control_are_made_and_removed(void **state)
{
	char path[256];
	struct options o = {.socket = path};
	struct sockets s;

	(void)state;
	strcpy(path, in_folder("s"));
	assert_int_equal(open_quietly(&o, &s), ERR_OK);
	assert_true(connects(path));
	assert_true(connects(in_folder("s.ctl")));
	sockets_remove(&s);
	assert_false(there(path));
	assert_false(there(in_folder("s.ctl")));
	close_sockets(&s);
}

/* Another agent took the place after the file had been removed by hand. */
static void test_socket_of_a_later_agent_is_not_removed(void **state)
{
	char path[256];
	struct options o = {.socket = path};
	struct sockets first, second;

	(void)state;
	strcpy(path, in_folder("s"));
	assert_int_equal(open_quietly(&o, &first), ERR_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(open_quietly(&o, &second), ERR_OK);
	sockets_remove(&first);
	assert_true(connects(path));
	sockets_remove(&second);
	assert_false(there(path));
	close_sockets(&first);
	close_sockets(&second);
}

static void test_socket_below_tmpdir(void **state)
{
	struct options o = {.tmp_socket = true};
	struct stat st;
	struct sockets s;

	(void)state;
	setenv("TMPDIR", folder, 1);
	assert_int_equal(open_quietly(&o, &s), ERR_OK);
	assert_int_equal(strncmp(s.agent_path, folder, strlen(folder)), 0);
	assert_int_equal(stat(s.directory, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	sockets_remove(&s);
	assert_false(there(s.directory));
	close_sockets(&s);
	unsetenv("TMPDIR");
}

static void test_home_folder_others_can_write_to_is_refused(void **state)
{
	struct options o = {.foreground = true};
	struct sockets s;

	(void)state;
	assert_int_equal(open_quietly(&o, &s), ERR_OK);
	assert_true(connects(s.agent_path));
	sockets_remove(&s);
	close_sockets(&s);
	assert_int_equal(chmod(in_folder(".ssh/agent"), 0770), 0);
	assert_int_not_equal(open_quietly(&o, &s), ERR_OK);
}

/* In a child, whose descriptors 3 and up are as the service manager would have them. */
struct activation {
	const char *fds, *names;
	int given[2]; /* put at 3 and 4; -1: closed */
	enum err expected;
	bool bound; /* no control socket came, so that one was bound beside it */
};

static void activated_child(const struct activation *a)
{
	struct options o = {.foreground = true};
	struct sockets s = {.agent = -2};
	char pid[24];
	int copies[2];
	enum err e;

	for (int i = 0; i < 2; i++)
		copies[i] = a->given[i] >= 0 ? fcntl(a->given[i], F_DUPFD, 20) : -1;
	for (int i = 0; i < 2; i++) {
		close(3 + i);
		if (copies[i] >= 0)
			dup2(copies[i], 3 + i);
	}
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", a->fds, 1);
	if (a->names != NULL)
		setenv("LISTEN_FDNAMES", a->names, 1);
	e = open_quietly(&o, &s);
	if (e != a->expected)
		_exit(1);
	/* No child may take them for its own. */
	if (getenv("LISTEN_PID") != NULL || getenv("LISTEN_FDS") != NULL ||
	    getenv("LISTEN_FDNAMES") != NULL)
		_exit(2);
	if (e != ERR_OK)
		_exit(s.agent == -2 ? 0 : 3);
	if (!s.activated || (fcntl(s.agent, F_GETFD) & FD_CLOEXEC) == 0 ||
	    (fcntl(s.agent, F_GETFL) & O_NONBLOCK) == 0 || s.control < 0 ||
	    there(in_folder("agent.ctl")) != a->bound)
		_exit(4);
	sockets_remove(&s); /* what came is the service manager's to remove */
	if (there(in_folder("agent.ctl")))
		_exit(6);
	_exit(strcmp(s.agent_path, in_folder("agent")) == 0 && there(s.agent_path) ? 0 : 5);
}

static void expect_activation(const struct activation *a)
{
	pid_t pid = fork();
	int how;

	assert_true(pid >= 0);
	if (pid == 0)
		activated_child(a);
	how = base_wait_end(pid);
	if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
		fail_msg("LISTEN_FDS=%s LISTEN_FDNAMES=%s: %d", a->fds,
		    a->names != NULL ? a->names : "(none)", how);
}

static void test_activation(void **state)
{
	int agent = foreign_socket(in_folder("agent"), SOCK_STREAM);
	int control = foreign_socket(in_folder("control"), SOCK_STREAM);
	int datagram = foreign_socket(in_folder("dgram"), SOCK_DGRAM);
	int packets = foreign_socket(in_folder("seq"), SOCK_SEQPACKET);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct activation cases[] = {
	    {"1", NULL, {agent, -1}, ERR_OK, true},
	    {"1", "whatever", {agent, -1}, ERR_OK, true},
	    {"2", "agent:control", {agent, control}, ERR_OK, false},
	    {"2", "control:agent", {control, agent}, ERR_OK, false},
	    {"1", NULL, {-1, -1}, ERR_FORMAT, false},
	    {"1", NULL, {file, -1}, ERR_FORMAT, false},
	    {"1", NULL, {datagram, -1}, ERR_FORMAT, false},
	    {"1", NULL, {packets, -1}, ERR_FORMAT, false},
	    {"1", NULL, {tcp, -1}, ERR_FORMAT, false},
	    {"1", "control", {control, -1}, ERR_FORMAT, false},
	    {"2", NULL, {agent, control}, ERR_FORMAT, false},
	    {"2", "agent", {agent, control}, ERR_FORMAT, false},
	    {"2", "agent:agent", {agent, control}, ERR_FORMAT, false},
	    {"2", "agent:other", {agent, control}, ERR_OK, true}, /* a view's, perhaps */
	    {"2", "agent:other.socket", {agent, control}, ERR_FORMAT, false},
	    {"2", "agent:other", {agent, file}, ERR_FORMAT, false},
	    {"2", "agentx:control", {agent, control}, ERR_FORMAT, false},
	    {"3", "agent:control:agent", {agent, control}, ERR_FORMAT, false},
	    {"-1", NULL, {agent, -1}, ERR_FORMAT, false},
	    {"1x", NULL, {agent, -1}, ERR_FORMAT, false},
	    {"", NULL, {agent, -1}, ERR_FORMAT, false},
	    {"99999999999999999999", NULL, {agent, -1}, ERR_FORMAT, false},
	};

	(void)state;
	assert_int_equal(bind(tcp, (const struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(tcp, 1), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_activation(&cases[i]);
	close(agent);
	close(control);
	close(datagram);
	close(packets);
	close(tcp);
	close(file);
}

/* Meant for another process: then a socket is made, as without. */
static void test_activation_of_another_process(void **state)
{
	struct options o = {.foreground = true};
	struct sockets s;

	(void)state;
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	assert_int_equal(open_quietly(&o, &s), ERR_OK);
	assert_false(s.activated);
	sockets_remove(&s);
	close_sockets(&s);
	assert_null(getenv("LISTEN_FDS"));
}

static int run_agent(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A shell line in which $A is the agent; its exit status. */
static int run_agent(const char *format, ...)
{
	const char *build = getenv("BUILD");
	char line[1024], path[512];
	va_list ap;
	int how;

	snprintf(path, sizeof(path), "%s/bin/signet-agent", build != NULL ? build : "build");
	setenv("A", path, 1);
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	how = system(line);
	return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

/* Sockets must not take the numbers of descriptors that lead to /dev/null later. */
static void test_agent_starts_without_standard_descriptors(void **state)
{
	char path[256];
	char pid[32];

	(void)state;
	strcpy(path, in_folder("s"));
	assert_int_equal(
	    run_agent("\"$A\" -D -a %s <&- >&- 2>&- & echo $! > %s/pid", path, folder), 0);
	assert_true(base_wait_line(in_folder("pid"), pid, sizeof(pid)));
	for (int i = 0; i < BASE_PATIENCE / 10 && !socket_alive(path); i++)
		usleep(10000);
	/* An answer, and not only a place in the backlog: an empty list. */
	struct sockaddr_un sa = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t reply[9];
	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(write(fd, "\0\0\0\1\13", 5), 5);
	assert_int_equal(fd_read_exact(fd, reply, sizeof(reply), BASE_PATIENCE), ERR_OK);
	assert_memory_equal(reply, "\0\0\0\5\14\0\0\0\0", 9);
	close(fd);
	assert_int_equal(run_agent("kill %s", pid), 0);
	for (int i = 0; i < BASE_PATIENCE / 10 && there(path); i++)
		usleep(10000);
	assert_false(there(path));
}

/*
 * However early it comes: when the socket is there, nothing but the agent's own end removes it.
 * The signal is sent in the very moment the socket appears.
 */
static void test_agent_ended_at_its_start_leaves_no_socket(void **state)
{
	char path[256];
	char pid[32];

	(void)state;
	strcpy(path, in_folder("s"));
	for (int i = 0; i < 20; i++) {
		long long tries = 0;

		assert_int_equal(run_agent("rm -f %s/pid; \"$A\" -D -a %s >/dev/null & echo $! > "
					   "%s/pid",
				     folder, path, folder),
		    0);
		while (!there(path) && tries++ < 100000000)
			;
		assert_true(base_wait_line(in_folder("pid"), pid, sizeof(pid)));
		assert_int_equal(kill((pid_t)atol(pid), SIGTERM), 0);
		for (int wait = 0; wait < BASE_PATIENCE && there(path); wait++)
			usleep(1000);
		assert_false(there(path));
	}
}

/* The command's limits and environment are the person's, and not those of a holder of keys. */
static void test_command_keeps_its_core_limit_and_environment(void **state)
{
	struct rlimit limit;

	(void)state;
#ifdef SIGNET_SANITIZE
	base_skip("sanitizers turn core dumps off themselves");
#endif
	assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
	if (limit.rlim_max < 4096 && getuid() != 0)
		base_skip("core dumps are off for good here");
	assert_int_equal(
	    run_agent("ulimit -c 8 && OPENSSL_TEST=x \"$A\" -a %s sh -c "
		      "'test \"$(ulimit -c) $(ulimit -Hc) $OPENSSL_TEST\" = \"8 8 x\"'",
		in_folder("s")),
	    0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_bound_socket_listens_and_is_private),
	    TEST(test_dead_socket_is_replaced_and_a_live_one_kept),
	    TEST(test_other_files_are_left_alone),
	    TEST(test_dead_socket_of_another_user_is_left_alone),
	    TEST(test_longest_path),
	    TEST(test_agent_and_control_are_made_and_removed),
	    TEST(test_socket_of_a_later_agent_is_not_removed),
	    TEST(test_socket_below_tmpdir),
	    TEST(test_home_folder_others_can_write_to_is_refused),
	    TEST(test_activation),
	    TEST(test_activation_of_another_process),
	    TEST(test_agent_starts_without_standard_descriptors),
	    TEST(test_agent_ended_at_its_start_leaves_no_socket),
	    TEST(test_command_keeps_its_core_limit_and_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
