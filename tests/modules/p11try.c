/*
 * p11try.so: a PKCS#11 module that tries, when it is initialised, what modules must not be able to
 * do, and what they need; then it has no slots.  In the environment:
 *
 *   P11TRY_REPORT   a file for the outcomes, "THREAD CALL OUTCOME" a line ("done", EPERM or "other"
 *                   error), and "environment NAME" for each variable; the last line is "end"
 *   P11TRY_TARGET   a process of the same user
 *
 * Each call is one that works outside the sandbox, or of whose arguments the kernel itself
 * complains there, with another error than EPERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

extern char **environ;

/* --- calls: each returns what the system call did ----------------------------------- */

static long try_execve(pid_t target)
{
	char *const none[] = {NULL};

	(void)target;
	return execve("/nothing/here", none, none);
}

static long try_fork(pid_t target)
{
	pid_t child = fork();

	(void)target;
	if (child == 0)
		_exit(0);
	return child == -1 ? -1 : waitpid(child, NULL, 0);
}

static long try_vfork_clone(pid_t target)
{
	long child = syscall(__NR_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	(void)target;
	if (child == 0)
		_exit(0);
	return child == -1 ? -1 : waitpid((pid_t)child, NULL, 0);
}

static long try_ptrace(pid_t target)
{
	/* An address is a mistake. */
	return ptrace(PTRACE_SEIZE, target, (void *)1, NULL);
}

static long try_read_memory(pid_t target)
{
	/* A flag, too. */
	return process_vm_readv(target, NULL, 0, NULL, 0, 1);
}

static long try_write_memory(pid_t target)
{
	return process_vm_writev(target, NULL, 0, NULL, 0, 1);
}

static long try_kill_parent(pid_t target)
{
	(void)target;
	return kill(getppid(), 0);
}

static long try_kill(pid_t target)
{
	return kill(target, 0);
}

static long try_tgkill(pid_t target)
{
	return syscall(__NR_tgkill, target, target, 0);
}

static long try_pidfd(pid_t target)
{
	long fd = syscall(__NR_pidfd_open, target, 0);

	return fd == -1 ? -1 : close((int)fd);
}

static long try_inet(pid_t target)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(1)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long r;
	int why;

	(void)target;
	if (fd == -1)
		return -1;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r = connect(fd, (struct sockaddr *)&a, sizeof(a));
	why = errno;
	close(fd);
	errno = why;
	return r;
}

static long try_inet6(pid_t target)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)target;
	return fd == -1 ? -1 : close(fd);
}

static long try_unshare(pid_t target)
{
	(void)target;
	return unshare(0);
}

static long try_dumpable(pid_t target)
{
	(void)target;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long try_unix(pid_t target)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/nothing/here"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long r;
	int why;

	(void)target;
	if (fd == -1)
		return -1;
	r = connect(fd, (struct sockaddr *)&a, sizeof(a));
	why = errno;
	close(fd);
	errno = why;
	return r;
}

static long try_open(pid_t target)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	(void)target;
	return fd == -1 ? -1 : close(fd);
}

static long try_write(pid_t target)
{
	int fd = open(getenv("P11TRY_REPORT"), O_WRONLY | O_APPEND | O_CLOEXEC);

	(void)target;
	return fd == -1 ? -1 : close(fd);
}

static long try_kill_self(pid_t target)
{
	(void)target;
	return kill(getpid(), 0);
}

static const struct {
	const char *name;
	long (*run)(pid_t target);
} calls[] = {
    {"execve", try_execve},
    {"fork", try_fork},
    {"clone", try_vfork_clone},
    {"ptrace", try_ptrace},
    {"read-memory", try_read_memory},
    {"write-memory", try_write_memory},
    {"kill-parent", try_kill_parent},
    {"kill", try_kill},
    {"tgkill", try_tgkill},
    {"pidfd", try_pidfd},
    {"unshare", try_unshare},
    {"dumpable", try_dumpable},
    {"inet", try_inet},
    {"inet6", try_inet6},
    {"unix", try_unix},
    {"open", try_open},
    {"write", try_write},
    {"kill-self", try_kill_self},
};

/* --- the report --------------------------------------------------------------------- */

struct round {
	FILE *report;
	const char *thread;
};

static void *try_all(void *arg)
{
	const struct round *round = arg;
	const char *text = getenv("P11TRY_TARGET");
	pid_t target = text != NULL ? (pid_t)strtol(text, NULL, 10) : 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		long r = calls[i].run(target);

		fprintf(round->report, "%s %s %s\n", round->thread, calls[i].name,
		    r != -1          ? "done"
		    : errno == EPERM ? "EPERM"
				     : "other");
	}
	return NULL;
}

static void tell(void)
{
	const char *path = getenv("P11TRY_REPORT");
	struct round round = {path != NULL ? fopen(path, "we") : NULL, "first"};
	pthread_t thread;

	if (round.report == NULL)
		return;
	(void)try_all(&round);
	round.thread = "second";
	if (pthread_create(&thread, NULL, try_all, &round) == 0)
		pthread_join(thread, NULL);
	for (char **variable = environ; *variable != NULL; variable++)
		fprintf(
		    round.report, "environment %.*s\n", (int)strcspn(*variable, "="), *variable);
	fputs("end\n", round.report);
	fclose(round.report);
}

/* --- the module --------------------------------------------------------------------- */

static CK_RV initialize(void *args)
{
	(void)args;
	tell();
	return CKR_OK;
}

static CK_RV finalize(void *reserved)
{
	(void)reserved;
	return CKR_OK;
}

static CK_RV get_info(CK_INFO *info)
{
	*info = (CK_INFO){.cryptokiVersion = {2, 40}};
	return CKR_OK;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
	(void)present;
	(void)slots;
	*count = 0;
	return CKR_OK;
}

/* Called through pointers of many types; it looks at no argument. */
static CK_RV unsupported(void)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	static CK_FUNCTION_LIST list;
	void (*none)(void) = (void (*)(void))unsupported;

	for (size_t at = offsetof(CK_FUNCTION_LIST, C_Initialize); at < sizeof(list);
	     at += sizeof(none))
		memcpy((char *)&list + at, &none, sizeof(none));
	list.version = (CK_VERSION){2, 40};
	list.C_Initialize = initialize;
	list.C_Finalize = finalize;
	list.C_GetInfo = get_info;
	list.C_GetFunctionList = C_GetFunctionList;
	list.C_GetSlotList = get_slot_list;
	*out = &list;
	return CKR_OK;
}
