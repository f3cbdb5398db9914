#include "agent/sandbox.h"

#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "proto/base/landlock.h"

enum err sandbox_files(void)
{
	return landlock_shut(NULL, 0, true);
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
    /* what is bound to an argument: no code, no signals by way of a descriptor, and of
     * sockets how long a read waits */
    {CALL_WITH(mmap, 2, PROT_EXEC, 0)},
    {CALL_WITH(mprotect, 2, PROT_EXEC, 0)},
    {CALL_WITH(setsockopt, 2, UINT64_MAX, SO_RCVTIMEO)},
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
