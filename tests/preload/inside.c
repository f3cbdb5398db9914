/*
 * Loaded into signet-agent with LD_PRELOAD: tries, from inside the core and on each kind of its
 * threads, what the core must not be able to do, while it serves.  In the environment:
 *
 * INSIDE_FOLDER, with "plain" and "other", text files, and "noexec", a file that may be executed
 * and is no program; INSIDE_TARGET, a process of the same user.
 *
 * The outcomes go to the file "report" there, in lines "THREAD CALL OUTCOME": "done", EPERM,
 * EACCES or errno-NUMBER; the last line of each thread is "THREAD end done".  Each call is one
 * that works outside the sandbox, or of whose arguments the kernel itself complains there, with
 * neither EPERM nor EACCES.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind { SERVING, MAIN, WORKER, KINDS };

enum { ROOM = 8192, PATH_ROOM = 512 };

static const char *const kind_names[KINDS] = {"serving", "main", "worker"};

static struct {
	char *report; /* ROOM for each kind; shared with the file */
	char plain[PATH_ROOM], noexec[PATH_ROOM], other[PATH_ROOM];
	pid_t target;
	int (*accept4)(int, struct sockaddr *, socklen_t *, int);
	ssize_t (*send)(int, const void *, size_t, int);
	int (*pause)(void);
	sem_t go; /* for the main thread: the sandbox is complete */
	atomic_int served;
	atomic_flag done[KINDS];
	pid_t server;
} inside;

/* --- calls: each returns what the system call did ---------------------------- */

static long close_new(long fd)
{
	if (fd >= 0)
		close((int)fd);
	return fd;
}

static long try_read_file(void)
{
	return close_new(open(inside.plain, O_RDONLY | O_CLOEXEC));
}

static long try_create(void)
{
	return close_new(open(inside.other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static long try_truncate(void)
{
	return truncate(inside.plain, 1);
}

static long try_rename(void)
{
	long result = rename(inside.other, inside.plain);

	return result != 0 && errno == ENOENT ? 0 : result;
}

static long try_unlink(void)
{
	long result = unlink(inside.other);

	return result != 0 && errno == ENOENT ? 0 : result;
}

static long try_stat(void)
{
	struct stat st;

	return stat(inside.plain, &st);
}

static long try_chmod(void)
{
	return chmod(inside.plain, 0600);
}

static long try_chdir(void)
{
	return chdir(".");
}

/* Outside the sandbox the file is no program: ENOEXEC. */
static long try_exec(void)
{
	char *argv[] = {inside.noexec, NULL};
	char *environment[] = {NULL};

	return syscall(SYS_execve, inside.noexec, argv, environment);
}

static long try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid;
}

static long try_socket(int family, int type)
{
	return close_new(socket(family, type, 0));
}

static long try_inet(void)
{
	return try_socket(AF_INET, SOCK_STREAM);
}

static long try_datagram(void)
{
	return try_socket(AF_INET, SOCK_DGRAM);
}

static long try_unix(void)
{
	return try_socket(AF_UNIX, SOCK_STREAM);
}

static long try_netlink(void)
{
	return try_socket(AF_NETLINK, SOCK_RAW);
}

static long try_socketpair(void)
{
	int fds[2];
	long result = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);

	if (result == 0) {
		close(fds[0]);
		close(fds[1]);
	}
	return result;
}

/* The call on a socket of its own, or on none where there can be none. */
static long with_socket(int family, const void *address, socklen_t len,
    int (*call)(int fd, const struct sockaddr *address, socklen_t len))
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long result = call(fd, address, len);
	int why = errno;

	close_new(fd);
	errno = why;
	return result;
}

static int do_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	return connect(fd, address, len);
}

static int do_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	return bind(fd, address, len);
}

/* To port 1 of this machine: refused by nobody who listens. */
static long try_connect_tcp(void)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};

	return with_socket(AF_INET, &to, sizeof(to), do_connect);
}

static long try_bind_tcp(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

	return with_socket(AF_INET, &at, sizeof(at), do_bind);
}

static long try_listen(void)
{
	return listen(-1, 1);
}

static long try_kill(void)
{
	return kill(inside.target, 0);
}

static long try_tgkill(void)
{
	return syscall(SYS_tgkill, inside.target, inside.target, 0);
}

static long try_pidfd(void)
{
	return close_new(syscall(SYS_pidfd_open, inside.target, 0));
}

/* Of a process that is not traced: ESRCH. */
static long try_ptrace(void)
{
	return ptrace(PTRACE_DETACH, inside.target, NULL, NULL);
}

/* Nothing, from nowhere: 0. */
static long try_read_memory(void)
{
	struct iovec none = {NULL, 0};

	return process_vm_readv(inside.target, &none, 0, &none, 0, 0);
}

static long try_write_memory(void)
{
	struct iovec none = {NULL, 0};

	return process_vm_writev(inside.target, &none, 0, &none, 0, 0);
}

static long try_map_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	return munmap(p, 4096);
}

static long try_make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long result = p == MAP_FAILED ? 0 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
	int why = errno;

	if (p != MAP_FAILED)
		munmap(p, 4096);
	errno = why;
	return result;
}

static long try_memfd(void)
{
	return close_new(memfd_create("inside", MFD_CLOEXEC));
}

static long try_setuid(void)
{
	return syscall(SYS_setuid, getuid());
}

static long try_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_CORE, &limit);
}

static long try_prctl(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static long try_unshare(void)
{
	return unshare(0);
}

static long try_setns(void)
{
	return setns(-1, 0);
}

static long try_ioctl(void)
{
	int n;

	return ioctl(-1, FIONREAD, &n);
}

static const struct {
	const char *name;
	long (*call)(void);
} tries[] = {
    {"read-file", try_read_file},
    {"create", try_create},
    {"truncate", try_truncate},
    {"rename", try_rename},
    {"unlink", try_unlink},
    {"stat", try_stat},
    {"chmod", try_chmod},
    {"chdir", try_chdir},
    {"exec", try_exec},
    {"fork", try_fork},
    {"socket-inet", try_inet},
    {"socket-datagram", try_datagram},
    {"socket-unix", try_unix},
    {"socket-netlink", try_netlink},
    {"socketpair", try_socketpair},
    {"connect-tcp", try_connect_tcp},
    {"bind-tcp", try_bind_tcp},
    {"listen", try_listen},
    {"kill", try_kill},
    {"tgkill", try_tgkill},
    {"pidfd", try_pidfd},
    {"ptrace", try_ptrace},
    {"read-memory", try_read_memory},
    {"write-memory", try_write_memory},
    {"map-code", try_map_code},
    {"make-code", try_make_code},
    {"memfd", try_memfd},
    {"setuid", try_setuid},
    {"limit", try_limit},
    {"prctl", try_prctl},
    {"unshare", try_unshare},
    {"setns", try_setns},
    {"ioctl", try_ioctl},
};

/* --- the report -------------------------------------------------------------- */

static const char *outcome(long result, char *room, size_t n)
{
	if (result >= 0)
		return "done";
	if (errno == EPERM)
		return "EPERM";
	if (errno == EACCES)
		return "EACCES";
	snprintf(room, n, "errno-%d", errno);
	return room;
}

static void try_all(enum kind kind)
{
	char *at = inside.report + kind * ROOM;
	size_t left = ROOM;

	if (atomic_flag_test_and_set(&inside.done[kind]))
		return;
	for (size_t i = 0; i <= sizeof(tries) / sizeof(tries[0]); i++) {
		bool end = i == sizeof(tries) / sizeof(tries[0]);
		char room[24];
		int n;

		errno = 0;
		n = snprintf(at, left, "%s %s %s\n", kind_names[kind], end ? "end" : tries[i].name,
		    outcome(end ? 0 : tries[i].call(), room, sizeof(room)));
		at += n;
		left -= (size_t)n;
	}
}

/* --- the core's own calls, on the way to which the tries are made ------------- */

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict len, int flags)
{
	if (inside.report != NULL) {
		inside.server = gettid();
		try_all(SERVING);
		if (atomic_exchange(&inside.served, 1) == 0)
			sem_post(&inside.go);
	}
	return inside.accept4(fd, address, len, flags);
}

int pause(void)
{
	if (inside.report != NULL) {
		while (sem_wait(&inside.go) != 0)
			continue;
		try_all(MAIN);
	}
	return inside.pause();
}

/* Answers that the serving thread does not write come from a worker. */
ssize_t send(int fd, const void *p, size_t n, int flags)
{
	if (inside.report != NULL && atomic_load(&inside.served) == 1 && gettid() != inside.server)
		try_all(WORKER);
	return inside.send(fd, p, n, flags);
}

static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (found == NULL)
		abort();
	return found;
}

__attribute__((constructor)) static void start(void)
{
	const char *folder = getenv("INSIDE_FOLDER"), *target = getenv("INSIDE_TARGET");
	char path[PATH_ROOM];
	int fd;

	*(void **)&inside.accept4 = next("accept4");
	*(void **)&inside.send = next("send");
	*(void **)&inside.pause = next("pause");
	if (folder == NULL || target == NULL)
		return;
	snprintf(inside.plain, PATH_ROOM, "%s/plain", folder);
	snprintf(inside.noexec, PATH_ROOM, "%s/noexec", folder);
	snprintf(inside.other, PATH_ROOM, "%s/other", folder);
	snprintf(path, PATH_ROOM, "%s/report", folder);
	inside.target = atoi(target);
	sem_init(&inside.go, 0, 0);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, KINDS * ROOM) != 0)
		abort();
	inside.report = mmap(NULL, KINDS * ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (inside.report == MAP_FAILED)
		abort();
	close(fd);
}
