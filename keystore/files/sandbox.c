#include "keystore/files/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/harden.h"

/* The attributes as the kernel knows them up to ABI 6; older headers lack the later members. */
struct ruleset {
	uint64_t files, net, scoped;
};

/* What each ABI can handle: all that no rule allows is denied. */
static const struct {
	struct ruleset handled;
	size_t size;
} by_abi[] = {
    {{0, 0, 0}, 0},
    {{0x1fff, 0, 0}, 8},
    {{0x3fff, 0, 0}, 8},
    {{0x7fff, 0, 0}, 8},
    {{0x7fff, 3, 0}, 16},
    {{0xffff, 3, 0}, 16},
    {{0xffff, 3, 3}, 24},
};

enum {
	KNOWN_ABIS = sizeof(by_abi) / sizeof(by_abi[0]),
	READS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	WRITES = READS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
		 LANDLOCK_ACCESS_FS_REMOVE_FILE,
};

/* One that is not there has no rule, and is not readable when it comes. */
static void allow_below(int rules, int dir, uint64_t what)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = what, .parent_fd = dir};

	if (dir >= 0)
		(void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static void shut_files(const struct folders *f, int state)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset handled;
	int rules;

	if (abi <= 0)
		return;
	if (abi >= KNOWN_ABIS)
		abi = KNOWN_ABIS - 1;
	handled = by_abi[abi].handled;
	rules = (int)syscall(SYS_landlock_create_ruleset, &handled, by_abi[abi].size, 0);
	if (rules < 0)
		return;
	for (size_t i = 0; i < f->n; i++) {
		int dir = open(f->paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		allow_below(rules, dir, READS);
		fd_close(&dir);
	}
	allow_below(rules, state, WRITES);
	(void)syscall(SYS_landlock_restrict_self, rules, 0);
	close(rules);
}

#ifndef SIGNET_SANITIZE
/* What reading files, watching directories and writing one small file takes. */
static const int calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(getdents64),
    SCMP_SYS(lseek),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(unlinkat),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(fsync),
    SCMP_SYS(fcntl),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(futex),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rseq),
    SCMP_SYS(brk),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(getrandom),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sysinfo),
};

static void shut_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (filter == NULL)
		return;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		(void)seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	(void)seccomp_load(filter);
	seccomp_release(filter);
}
#else
static void shut_calls(void)
{
}
#endif

enum err files_sandbox(const struct folders *f, int state)
{
	enum err e = harden_no_new_privileges();

	if (e != ERR_OK)
		return e;
	shut_files(f, state);
	shut_calls();
	return ERR_OK;
}
