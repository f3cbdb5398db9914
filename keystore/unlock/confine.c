#include "keystore/unlock/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keystore/crypto.h"
#include "proto/base/fdio.h"
#include "proto/base/harden.h"

/* As the kernel knows them up to ABI 6; older headers lack the later members. */
struct ruleset {
	uint64_t files;
	uint64_t net;
	uint64_t scoped;
};

/* What each ABI of Landlock can handle. */
static const struct {
	struct ruleset rules;
	size_t size;
} by_abi[] = {
    {{0, 0, 0}, 0}, {{0x1fff, 0, 0}, 8}, /* 1: 13 rights on files */
    {{0x3fff, 0, 0}, 8},                 /* 2: moving between directories */
    {{0x7fff, 0, 0}, 8},                 /* 3: truncating */
    {{0x7fff, 3, 0}, 16},                /* 4: binding and connecting TCP */
    {{0xffff, 3, 0}, 16},                /* 5: device ioctl */
    {{0xffff, 3, 3}, 24},                /* 6: abstract sockets, signals */
};

enum { KNOWN_ABIS = sizeof(by_abi) / sizeof(by_abi[0]) };

static enum err allow_reading(int rules, const char *directory)
{
	struct landlock_path_beneath_attr rule = {
	    .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	    .parent_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	int fd = rule.parent_fd;
	long result;

	if (fd < 0)
		return ERR_OK;
	result = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	fd_close(&fd);
	return result == 0 ? ERR_OK : ERR_SYSTEM;
}

/* What reading one file, deriving a key, loading a provider of libcrypto and one answer take. */
static const struct allowed_call calls[] = {
    {CALL_ANY(read)},
    {CALL_ANY(pread64)},
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
    {CALL_ANY(lseek)},
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
    {CALL_ANY(mlock)},
    {CALL_ANY(munlock)},
    {CALL_ANY(getrandom)},
    {CALL_ANY(sched_getaffinity)},
    {CALL_ANY(sysinfo)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_GETFL)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_SETFL)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_GETFD)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_SETFD)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_DUPFD_CLOEXEC)},
};

const struct call_list unlock_calls = {calls, sizeof(calls) / sizeof(calls[0])};

enum err confine_calls(void)
{
	return callfilter_load(&unlock_calls, false);
}

enum err confine(const char *const *directories, size_t n)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	const char *providers = crypto_providers();
	enum err e = ERR_OK;
	int rules;

	if (abi <= 0)
		return ERR_UNSUPPORTED;
	if (abi >= KNOWN_ABIS)
		abi = KNOWN_ABIS - 1;
	rules = (int)syscall(SYS_landlock_create_ruleset, &by_abi[abi].rules, by_abi[abi].size, 0);
	if (rules < 0)
		return ERR_SYSTEM;
	for (size_t i = 0; e == ERR_OK && i < n; i++)
		e = allow_reading(rules, directories[i]);
	if (e == ERR_OK && providers != NULL)
		e = allow_reading(rules, providers);
	if (e == ERR_OK)
		e = harden_no_new_privileges();
	if (e == ERR_OK && syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		e = ERR_SYSTEM;
	fd_close(&rules);
	return e;
}
