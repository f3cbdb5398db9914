#include "agent/sandbox.h"

#include <errno.h>
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

/* System calls allowed whatever their arguments. */
static const int plain_calls[] = {
    /* connections and helpers */
    SCMP_SYS(accept4),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(close),
    SCMP_SYS(getsockopt),
    /* the loop */
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pause),
    /* time, threads, signals */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(sched_getaffinity),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(madvise),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    SCMP_SYS(mremap),
    /* random numbers */
    SCMP_SYS(getrandom),
};

/* Calls allowed when an argument, masked, has this value. */
static const struct {
	int call;
	unsigned arg;
	uint64_t mask, value;
} bound_calls[] = {
    {SCMP_SYS(mmap), 2, PROT_EXEC, 0},
    {SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
    {SCMP_SYS(fcntl), 1, UINT64_MAX, F_DUPFD_CLOEXEC},
    {SCMP_SYS(fcntl), 1, UINT64_MAX, F_GETFL},
    {SCMP_SYS(fcntl), 1, UINT64_MAX, F_SETFL},
    {SCMP_SYS(fcntl), 1, UINT64_MAX, F_SETFD},
};

static int add_rules(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < sizeof(plain_calls) / sizeof(plain_calls[0]); i++) {
		/* A call that this architecture lacks needs no rule. */
		int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain_calls[i], 0);

		if (result != 0 && result != -EDOM)
			return result;
	}
	for (size_t i = 0; i < sizeof(bound_calls) / sizeof(bound_calls[0]); i++) {
		int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, bound_calls[i].call, 1,
		    SCMP_CMP(bound_calls[i].arg, SCMP_CMP_MASKED_EQ, bound_calls[i].mask,
			bound_calls[i].value));

		if (result != 0)
			return result;
	}
	return 0;
}

static enum err load_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int result;

	if (filter == NULL)
		return ERR_UNSUPPORTED;
	result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (result == 0)
		result = add_rules(filter);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	return result == 0 ? ERR_OK : ERR_UNSUPPORTED;
}

enum err sandbox_calls(void)
{
#ifdef SIGNET_SANITIZE
	(void)load_filter;
	return ERR_UNSUPPORTED; /* LeakSanitizer stops threads by tracing them */
#else
	return load_filter();
#endif
}
