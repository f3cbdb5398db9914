#include "agent/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/base/harden.h"

/*
 * The attributes as the kernel knows them up to ABI 6; older headers lack the
 * later members (linux/landlock.h).
 */
struct ruleset {
	uint64_t files;
	uint64_t net;
	uint64_t scoped;
};

/* What each ABI of Landlock can handle: all of it is denied. */
static const struct {
	uint64_t files;
	uint64_t net;
	uint64_t scoped;
	size_t size;
} by_abi[] = {
    {0, 0, 0, 0}, {0x1fff, 0, 0, 8}, /* 1: 13 rights on files */
    {0x3fff, 0, 0, 8},               /* 2: moving between directories */
    {0x7fff, 0, 0, 8},               /* 3: truncating */
    {0x7fff, 3, 0, 16},              /* 4: binding and connecting TCP */
    {0xffff, 3, 0, 16},              /* 5: device ioctl */
    {0xffff, 3, 3, 24},              /* 6: abstract sockets, signals */
};

enum { KNOWN_ABIS = sizeof(by_abi) / sizeof(by_abi[0]) };

enum err sandbox_files(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset rules;
	long fd;
	int result;

	if (abi <= 0)
		return ERR_UNSUPPORTED;
	if (abi >= KNOWN_ABIS)
		abi = KNOWN_ABIS - 1;
	rules = (struct ruleset){by_abi[abi].files, by_abi[abi].net, by_abi[abi].scoped};
	fd = syscall(SYS_landlock_create_ruleset, &rules, by_abi[abi].size, 0);
	if (fd < 0)
		return ERR_SYSTEM;
	result = harden_no_new_privileges() == ERR_OK
		     ? (int)syscall(SYS_landlock_restrict_self, fd, 0)
		     : -1;
	close((int)fd);
	return result == 0 ? ERR_OK : ERR_SYSTEM;
}

/* What serving takes. */
static const struct allowed_call calls[] = {
    /* connections and helpers */
    {CALL_ANY(accept4)},
    {CALL_ANY(read)},
    {CALL_ANY(write)},
    {CALL_ANY(sendto)},
    {CALL_ANY(sendmsg)},
    {CALL_ANY(recvfrom)},
    {CALL_ANY(recvmsg)},
    {CALL_ANY(shutdown)},
    {CALL_ANY(close)},
    {CALL_ANY(getsockopt)},
    /* the loop */
    {CALL_ANY(epoll_wait)},
    {CALL_ANY(epoll_pwait)},
    {CALL_ANY(epoll_ctl)},
    {CALL_ANY(timerfd_settime)},
    {CALL_ANY(poll)},
    {CALL_ANY(ppoll)},
    {CALL_ANY(pause)},
    /* time, threads, signals */
    {CALL_ANY(clock_gettime)},
    {CALL_ANY(futex)},
    {CALL_ANY(sched_yield)},
    {CALL_ANY(getpid)},
    {CALL_ANY(gettid)},
    {CALL_ANY(getuid)},
    {CALL_ANY(geteuid)},
    {CALL_ANY(rt_sigaction)},
    {CALL_ANY(rt_sigprocmask)},
    {CALL_ANY(rt_sigreturn)},
    {CALL_ANY(restart_syscall)},
    {CALL_ANY(exit)},
    {CALL_ANY(exit_group)},
    {CALL_ANY(rseq)},
    {CALL_ANY(membarrier)},
    {CALL_ANY(sched_getaffinity)},
    /* memory */
    {CALL_ANY(brk)},
    {CALL_ANY(munmap)},
    {CALL_ANY(madvise)},
    {CALL_ANY(mlock)},
    {CALL_ANY(mlock2)},
    {CALL_ANY(munlock)},
    {CALL_ANY(mremap)},
    /* random numbers */
    {CALL_ANY(getrandom)},
    /* what is bound to an argument: no code, and no signals by way of a descriptor */
    {CALL_WITH(mmap, 2, PROT_EXEC, 0)},
    {CALL_WITH(mprotect, 2, PROT_EXEC, 0)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_DUPFD_CLOEXEC)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_GETFL)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_SETFL)},
    {CALL_WITH(fcntl, 1, UINT64_MAX, F_SETFD)},
};

const struct call_list sandbox_list = {calls, sizeof(calls) / sizeof(calls[0])};

enum err sandbox_calls(void)
{
	return callfilter_load(&sandbox_list, true);
}
