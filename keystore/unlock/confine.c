#include "keystore/unlock/confine.h"

#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>

#include "keystore/crypto.h"
#include "proto/base/landlock.h"
#include "proto/helperexec.h"

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
	struct landlock_room rooms[HELPER_ARGS + 1];
	const char *providers = crypto_providers();

	if (n > HELPER_ARGS)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++)
		rooms[i] = (struct landlock_room){.path = directories[i]};
	rooms[n] = (struct landlock_room){.path = providers, .fd = -1};
	return landlock_shut(rooms, n + 1, true);
}
