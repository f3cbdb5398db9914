#include "tokens/base/sandbox.h"

#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A filter written by hand: libseccomp would take longer to make one than a device to answer. */

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#endif

#if defined(SIGNET_SANITIZE) || !defined(SANDBOX_ARCH)

enum err sandbox_enter(void)
{
	return ERR_OK;
}

enum err sandbox_enter_module(bool network)
{
	(void)network;
	return ERR_OK;
}

#else

#define FIELD(name)        ((uint32_t)offsetof(struct seccomp_data, name))
#define LOAD(name)         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(name))
#define DENY(error)        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW              BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* When what was loaded is k, skip `yes` instructions, else `no`. */
#define IF_IS(k, yes, no)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (yes), (no))
#define IF_HAS(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (k), (yes), (no))
#define NEVER(call)        IF_IS(__NR_##call, 0, 1), DENY(EPERM)

/* x32's numbers on x86-64 (asm/unistd.h). */
#define OTHER_NUMBERS      0x40000000u

/* What both filters begin with: this machine's own system calls only. */
#define FIRST                                                                                      \
	LOAD(arch), IF_IS(SANDBOX_ARCH, 1, 0),                                                     \
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), LOAD(nr),                         \
	    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OTHER_NUMBERS, 0, 1), DENY(ENOSYS)

#ifdef __NR_fork
#define NO_FORK NEVER(fork), NEVER(vfork)
#else
#define NO_FORK NEVER(execve)
#endif

/* What no helper for tokens does, nor a library in one. */
#define NEVER_ANY                                                                                  \
	NEVER(execve), NEVER(execveat), NEVER(ptrace), NEVER(process_vm_readv),                    \
	    NEVER(process_vm_writev), NEVER(tkill), NEVER(pidfd_open), NEVER(pidfd_getfd),         \
	    NEVER(pidfd_send_signal), NEVER(unshare), NEVER(setns), NEVER(mount), NEVER(umount2),  \
	    NEVER(pivot_root), NEVER(chroot), NEVER(bpf), NEVER(perf_event_open),                  \
	    NEVER(userfaultfd), NEVER(keyctl), NEVER(add_key), NEVER(request_key),                 \
	    NEVER(init_module), NEVER(finit_module), NEVER(kexec_load), NEVER(io_uring_setup),     \
	    NO_FORK

/* A call whose first argument must be this process. */
#define OWN(call, pid)                                                                             \
	IF_IS(__NR_##call, 0, 4), LOAD(args[0]), IF_IS((pid), 1, 0), DENY(EPERM), ALLOW
/* The same, or 0. */
#define OWN_OR_0(call, pid)                                                                        \
	IF_IS(__NR_##call, 0, 5), LOAD(args[0]), IF_IS((pid), 2, 0), IF_IS(0, 1, 0), DENY(EPERM),  \
	    ALLOW
/* A call whose argument of this number must not be k; the number is loaded again. */
#define NOT(call, arg, k)                                                                          \
	IF_IS(__NR_##call, 0, 4), LOAD(args[arg]), IF_IS((k), 0, 1), DENY(EPERM), LOAD(nr)

/*
 * Signals, also those that descriptors send, and limits are for this process alone: the agent runs
 * as the same user, and a limit or a SIGIO ends it as well as kill(2) does.
 */
#define OWN_ONLY(pid)                                                                              \
	OWN(tgkill, pid), OWN(rt_sigqueueinfo, pid), OWN(rt_tgsigqueueinfo, pid),                  \
	    OWN_OR_0(prlimit64, pid), NOT(fcntl, 1, F_SETOWN), NOT(fcntl, 1, F_SETOWN_EX),         \
	    NOT(ioctl, 1, FIOSETOWN), NOT(ioctl, 1, SIOCSPGRP), NOT(ioctl, 1, TIOCSTI),            \
	    OWN_OR_0(move_pages, pid), OWN_OR_0(migrate_pages, pid), NEVER(kcmp)

/* Threads only.  Arguments of clone3 cannot be seen from here; the C library then uses clone. */
#define NEW_THREADS                                                                                \
	IF_IS(__NR_clone3, 0, 1), DENY(ENOSYS), IF_IS(__NR_clone, 0, 4), LOAD(args[0]),            \
	    IF_HAS(CLONE_THREAD, 1, 0), DENY(EPERM), ALLOW

static enum err install(const struct sock_filter *rows, size_t n)
{
	const struct sock_fprog program = {
	    .len = (unsigned short)n,
	    .filter = (struct sock_filter *)(uintptr_t)rows,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return ERR_SYSTEM;
	return ERR_OK;
}

enum err sandbox_enter(void)
{
	const uint32_t self = (uint32_t)getpid();
	const struct sock_filter rows[] = {
	    FIRST,
	    NEVER_ANY,
	    NEVER(kill),
	    OWN_ONLY(self),
	    NEW_THREADS,
	    /* To pcscd and the kernel only. */
	    IF_IS(__NR_socket, 0, 5),
	    LOAD(args[0]),
	    IF_IS(AF_UNIX, 2, 0),
	    IF_IS(AF_NETLINK, 1, 0),
	    DENY(EPERM),
	    ALLOW,
	    ALLOW,
	};

	return install(rows, sizeof(rows) / sizeof(rows[0]));
}

enum err sandbox_enter_module(bool network)
{
	const uint32_t self = (uint32_t)getpid();
	const struct sock_filter rows[] = {
	    FIRST,
	    NEVER_ANY,
	    NEW_THREADS,
	    /* A library may end its own process, as abort(3) does, and signal its threads. */
	    OWN(kill, self),
	    OWN_ONLY(self),
	    /* Nor may it make its PINs readable, or outlive the agent. */
	    NOT(prctl, 0, PR_SET_DUMPABLE),
	    NOT(prctl, 0, PR_SET_PDEATHSIG),
	    /* The last: everything else, with a network, is allowed. */
	    IF_IS(__NR_socket, network ? 4 : 0, 4),
	    LOAD(args[0]),
	    IF_IS(AF_UNIX, 2, 0),
	    IF_IS(AF_NETLINK, 1, 0),
	    DENY(EPERM),
	    ALLOW,
	};

	return install(rows, sizeof(rows) / sizeof(rows[0]));
}

#endif
