#include "keystore/files/sandbox.h"

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

/* What reading files, watching directories and writing one small file takes. */
static const struct allowed_call calls[] = {
    {CALL_ANY(read)},
    {CALL_ANY(write)},
    {CALL_ANY(sendto)},
    {CALL_ANY(sendmsg)},
    {CALL_ANY(recvfrom)},
    {CALL_ANY(recvmsg)},
    {CALL_ANY(close)},
    {CALL_ANY(poll)},
    {CALL_ANY(ppoll)},
    {CALL_ANY(open)},
    {CALL_ANY(openat)},
    {CALL_ANY(stat)},
    {CALL_ANY(lstat)},
    {CALL_ANY(fstat)},
    {CALL_ANY(newfstatat)},
    {CALL_ANY(statx)},
    {CALL_ANY(readlink)},
    {CALL_ANY(readlinkat)},
    {CALL_ANY(access)},
    {CALL_ANY(faccessat)},
    {CALL_ANY(faccessat2)},
    {CALL_ANY(getdents64)},
    {CALL_ANY(lseek)},
    {CALL_ANY(inotify_add_watch)},
    {CALL_ANY(inotify_rm_watch)},
    {CALL_ANY(unlinkat)},
    {CALL_ANY(renameat)},
    {CALL_ANY(renameat2)},
    {CALL_ANY(fsync)},
    {CALL_ANY(clock_gettime)},
    {CALL_ANY(gettimeofday)},
    {CALL_ANY(time)},
    {CALL_ANY(futex)},
    {CALL_ANY(getpid)},
    {CALL_ANY(gettid)},
    {CALL_ANY(getuid)},
    {CALL_ANY(geteuid)},
    {CALL_ANY(getgid)},
    {CALL_ANY(getegid)},
    {CALL_ANY(rt_sigaction)},
    {CALL_ANY(rt_sigprocmask)},
    {CALL_ANY(rt_sigreturn)},
    {CALL_ANY(restart_syscall)},
    {CALL_ANY(exit)},
    {CALL_ANY(exit_group)},
    {CALL_ANY(rseq)},
    {CALL_ANY(brk)},
    {CALL_ANY(mmap)},
    {CALL_ANY(munmap)},
    {CALL_ANY(mremap)},
    {CALL_ANY(mprotect)},
    {CALL_ANY(madvise)},
    {CALL_ANY(getrandom)},
    {CALL_ANY(sched_getaffinity)},
    {CALL_ANY(sysinfo)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_GETFL)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_SETFL)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_GETFD)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_SETFD)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_DUPFD_CLOEXEC)},
};

const struct call_list files_calls = {calls, sizeof(calls) / sizeof(calls[0])};

enum err files_sandbox(const struct folders *f, int state)
{
	enum err e = harden_no_new_privileges();

	if (e != ERR_OK)
		return e;
	shut_files(f, state);
	/* Without filters in the kernel the rest has to do. */
	(void)callfilter_load(&files_calls, false);
	return ERR_OK;
}
