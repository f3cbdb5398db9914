/*
 * inject PID FOLDER VICTIM OTHER...
 *
 * Stops a process, has it make system calls of our choice, as if an attacker had taken it over, and
 * lets it go on where it was.  Prints a line for each: the try, and "done" or the error's name.
 * FOLDER has "plain" and "other", text files, "noexec", which may be executed and is no program,
 * and "sock", a socket that somebody listens on.  VICTIM is a process of the same user, OTHER are
 * those of the agent (PID itself is passed over); a try on one ends in "-victim", "-0", "-1".
 * Where nothing is confined each works, or fails for another reason than EPERM and EACCES.
 *
 * For x86-64, and for root.  Exit status: 0 all were tried, 2 the process could not be had.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

#if !defined(__x86_64__)

int main(void)
{
	fprintf(stderr, "inject: written for x86-64 only\n");
	return 2;
}

#else

enum { ROOM = 1024, BELOW = 2048, CODE = 1 << 16 };

/* What lies in the process while calls are made, at `at` there. */
struct scratch {
	char plain[128], noexec[128], other[128], fresh[128], folder[128], proc[64], random[16];
	struct sockaddr_un local;
	struct sockaddr_in internet;
	uint64_t argv[2];
	struct iovec mine, theirs;
	uint64_t byte;
	uint32_t zeros[16];
};

static struct {
	pid_t pid;
	int memory;
	uint64_t at, call; /* where scratch lies, and an instruction for system calls */
	struct user_regs_struct regs;
	char before[ROOM];
	struct scratch s;
} in;

static void fail(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* --- the process ---------------------------------------------------------------- */

/* Wait for it to stop. */
static int stopped(void)
{
	int status;

	if (waitpid(in.pid, &status, __WALL) != in.pid || !WIFSTOPPED(status)) {
		printf("the process is gone\n");
		exit(0);
	}
	return status;
}

/* A child of it never runs. */
static void end_child(void)
{
	unsigned long child = 0;

	if (ptrace(PTRACE_GETEVENTMSG, in.pid, NULL, &child) == 0 && child != 0) {
		kill((pid_t)child, SIGKILL);
		waitpid((pid_t)child, NULL, __WALL);
	}
}

static void find_call(void)
{
	char path[64], line[512];
	static uint8_t code[CODE];
	unsigned long from, to;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)in.pid);
	maps = fopen(path, "re");
	while (maps != NULL && in.call == 0 && fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx r-xp", &from, &to) != 2 || strstr(line, " r-xp ") == NULL)
			continue;
		for (; from < to && in.call == 0; from += CODE) {
			size_t left = to - from; /* what lies behind is not run */
			ssize_t n = pread(in.memory, code, left < CODE ? left : CODE, (off_t)from);

			for (ssize_t i = 0; i + 1 < n && in.call == 0; i++) {
				if (code[i] == 0x0f && code[i + 1] == 0x05)
					in.call = from + (unsigned long)i;
			}
		}
	}
	if (maps != NULL)
		fclose(maps);
	if (in.call == 0)
		fail("no system call in its code");
}

static void seize(void)
{
	char path[64];
	long follow = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)in.pid);
	in.memory = open(path, O_RDWR | O_CLOEXEC);
	if (in.memory < 0)
		fail(path);
	if (ptrace(PTRACE_SEIZE, in.pid, NULL, follow) != 0 ||
	    ptrace(PTRACE_INTERRUPT, in.pid, NULL, NULL) != 0)
		fail("stopping it");
	(void)stopped();
	if (ptrace(PTRACE_GETREGS, in.pid, NULL, &in.regs) != 0)
		fail("its registers");
	find_call();
	in.at = (in.regs.rsp - BELOW - ROOM) & ~(uint64_t)63;
	if (pread(in.memory, in.before, ROOM, (off_t)in.at) != ROOM)
		fail("its stack");
}

/* As it was: a call that was interrupted begins anew. */
static void release(void)
{
	if (pwrite(in.memory, in.before, ROOM, (off_t)in.at) != ROOM ||
	    ptrace(PTRACE_SETREGS, in.pid, NULL, &in.regs) != 0 ||
	    ptrace(PTRACE_DETACH, in.pid, NULL, NULL) != 0)
		fail("letting it go on");
}

static long call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	struct user_regs_struct r = in.regs;
	int status;

	if (pwrite(in.memory, &in.s, sizeof(in.s), (off_t)in.at) != (ssize_t)sizeof(in.s))
		fail("writing to it");
	r.rip = in.call;
	r.rax = (uint64_t)number;
	r.orig_rax = UINT64_MAX;
	r.rdi = a, r.rsi = b, r.rdx = c, r.r10 = d, r.r8 = e, r.r9 = 0;
	if (ptrace(PTRACE_SETREGS, in.pid, NULL, &r) != 0)
		fail("its registers");
	do {
		if (ptrace(PTRACE_SINGLESTEP, in.pid, NULL, NULL) != 0)
			fail("a step");
		status = stopped();
		if (status >> 16 != 0)
			end_child();
	} while (status >> 16 != 0);
	if (ptrace(PTRACE_GETREGS, in.pid, NULL, &r) != 0)
		fail("its registers");
	return (long)r.rax;
}

/* Where a part of scratch lies there. */
#define AT(part) (in.at + offsetof(struct scratch, part))

/* --- tries: each returns what the kernel did ---------------------------------------- */

static long closing(long fd)
{
	if (fd >= 0)
		(void)call(SYS_close, (uint64_t)fd, 0, 0, 0, 0);
	return fd;
}

static long open_at(uint64_t path, int flags)
{
	return closing(call(SYS_openat, (uint64_t)AT_FDCWD, path, (uint64_t)flags, 0600, 0));
}

static long connecting(int family, uint64_t address, size_t len)
{
	long fd = call(SYS_socket, (uint64_t)family, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0);
	long result = fd < 0 ? fd : call(SYS_connect, (uint64_t)fd, address, len, 0, 0);

	closing(fd);
	return result;
}

static long put_back(long result)
{
	if (result >= 0)
		(void)call(SYS_fcntl, 0, F_SETOWN, 0, 0, 0);
	return result;
}

static long mapped(long result)
{
	if (result >= 0)
		(void)call(SYS_munmap, (uint64_t)result, 4096, 0, 0, 0);
	return result;
}

static void say(const char *name, long result)
{
	if (result >= 0)
		printf("%s done\n", name);
	else
		printf("%s %s\n", name, strerrorname_np((int)-result));
}

static void try_programs(void)
{
	say("execve", call(SYS_execve, AT(noexec), AT(argv), AT(zeros), 0, 0));
	say("execveat", call(SYS_execveat, (uint64_t)AT_FDCWD, AT(noexec), AT(argv), AT(zeros), 0));
	say("fork", call(SYS_fork, 0, 0, 0, 0, 0));
	say("clone", call(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	say("clone3", call(SYS_clone3, AT(zeros), 64, 0, 0, 0));
}

static void try_files(void)
{
	say("read-file", open_at(AT(plain), O_RDONLY));
	say("read-random", open_at(AT(random), O_RDONLY));
	say("write-file", open_at(AT(plain), O_WRONLY));
	say("create-file", open_at(AT(fresh), O_WRONLY | O_CREAT));
	say("list-folder", open_at(AT(folder), O_RDONLY | O_DIRECTORY));
	say("rename", call(SYS_rename, AT(other), AT(other), 0, 0, 0));
	(void)call(SYS_unlink, AT(fresh), 0, 0, 0, 0);
	say("remove", call(SYS_rmdir, AT(folder), 0, 0, 0, 0));
}

static void try_sockets(void)
{
	say("inet", closing(call(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0)));
	say("inet6", closing(call(SYS_socket, AF_INET6, SOCK_DGRAM, 0, 0, 0)));
	say("netlink", closing(call(SYS_socket, AF_NETLINK, SOCK_RAW, 0, 0, 0)));
	say("unix", closing(call(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0, 0)));
	say("connect-inet", connecting(AF_INET, AT(internet), sizeof(in.s.internet)));
	say("connect-unix", connecting(AF_UNIX, AT(local), sizeof(in.s.local)));
}

/* What the kernel itself would do for it. */
static void try_kernel(void)
{
	say("unshare", call(SYS_unshare, CLONE_FS, 0, 0, 0, 0));
	say("setns", call(SYS_setns, UINT64_MAX, 0, 0, 0, 0));
	say("bpf", call(SYS_bpf, 9999, AT(zeros), 8, 0, 0));
	say("perf", call(SYS_perf_event_open, 0, 0, 0, 0, UINT64_MAX));
	say("io_uring", call(SYS_io_uring_setup, 0, 0, 0, 0, 0));
	say("keyctl", call(SYS_keyctl, 9999, 0, 0, 0, 0));
	say("dumpable", call(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
	(void)call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	say("outlive", call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	say("map-code", mapped(call(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX)));
	say("type", call(SYS_ioctl, 0, TIOCSTI, AT(byte), 0, 0));
}

static void try_one(const char *of, const char *what, long result)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%s", what, of);
	say(name, result);
}

/* What it could do to another process. */
static void try_process(const char *of, pid_t pid)
{
	static const char *const files[] = {"mem", "maps", "environ"};
	uint64_t p = (uint64_t)pid;

	try_one(of, "kill", call(SYS_kill, p, 0, 0, 0, 0));
	try_one(of, "tgkill", call(SYS_tgkill, p, p, 0, 0, 0));
	try_one(of, "pidfd", closing(call(SYS_pidfd_open, p, 0, 0, 0, 0)));
	try_one(of, "limit", call(SYS_prlimit64, p, 7, 0, AT(zeros), 0));
	try_one(of, "own-signals", put_back(call(SYS_fcntl, 0, F_SETOWN, p, 0, 0)));
	try_one(of, "ptrace", call(SYS_ptrace, PTRACE_SEIZE, p, 0, 0, 0));
	try_one(of, "read", call(SYS_process_vm_readv, p, AT(mine), 1, AT(theirs), 1));
	try_one(of, "kcmp", call(SYS_kcmp, p, p, 0, 0, 0));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(in.s.proc, sizeof(in.s.proc), "/proc/%d/%s", (int)pid, files[i]);
		try_one(of, files[i], open_at(AT(proc), O_RDONLY));
	}
}

static void fill(const char *folder)
{
	struct scratch *s = &in.s;

	snprintf(s->plain, sizeof(s->plain), "%s/plain", folder);
	snprintf(s->random, sizeof(s->random), "/dev/urandom");
	snprintf(s->noexec, sizeof(s->noexec), "%s/noexec", folder);
	snprintf(s->other, sizeof(s->other), "%s/other", folder);
	snprintf(s->fresh, sizeof(s->fresh), "%s/fresh", folder);
	snprintf(s->folder, sizeof(s->folder), "%s", folder);
	s->local.sun_family = AF_UNIX;
	snprintf(s->local.sun_path, sizeof(s->local.sun_path), "%s/sock", folder);
	s->internet.sin_family = AF_INET;
	s->internet.sin_port = htons(1);
	s->internet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->argv[0] = AT(noexec);
	s->mine = (struct iovec){(void *)(uintptr_t)AT(byte), 1};
	s->theirs = (struct iovec){(void *)(uintptr_t)in.call, 1};
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: inject PID FOLDER VICTIM OTHER...\n");
		return 2;
	}
	_Static_assert(sizeof(struct scratch) <= ROOM, "scratch is kept");
	in.pid = (pid_t)atol(argv[1]);
	seize();
	fill(argv[2]);
	try_programs();
	try_files();
	try_sockets();
	try_kernel();
	try_process("victim", (pid_t)atol(argv[3]));
	for (int i = 4; i < argc; i++) {
		char of[16];

		snprintf(of, sizeof(of), "%d", i - 4);
		if (atol(argv[i]) != in.pid)
			try_process(of, (pid_t)atol(argv[i]));
	}
	release();
	return 0;
}

#endif
