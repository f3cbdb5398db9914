#include "keystore/files/sandbox.h"

#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>

#include "proto/base/harden.h"
#include "proto/base/landlock.h"
#include "proto/helperexec.h"

/* Without Landlock in the kernel the rest has to do. */
static enum err shut_files(const struct folders *f, int state)
{
	struct landlock_room rooms[HELPER_ARGS + 1];
	enum err e;

	if (f->n > HELPER_ARGS)
		return ERR_LIMIT;
	for (size_t i = 0; i < f->n; i++)
		rooms[i] = (struct landlock_room){.path = f->paths[i]};
	rooms[f->n] = (struct landlock_room){.fd = state, .writable = true};
	e = landlock_shut(rooms, f->n + 1, true);
	return e == ERR_UNSUPPORTED ? ERR_OK : e;
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
	e = shut_files(f, state);
	/* Nor do filters have to be there. */
	(void)callfilter_load(&files_calls, false);
	return e;
}
