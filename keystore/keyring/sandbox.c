#include "keystore/keyring/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

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

#else

#define FIELD(name)    ((uint32_t)offsetof(struct seccomp_data, name))
#define LOAD(name)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(name))
#define DENY(error)    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IF_IS(k, y, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (y), (n))
#define NEVER(call)    IF_IS(__NR_##call, 0, 1), DENY(EPERM)

/* x32's numbers on x86-64 (asm/unistd.h). */
#define OTHER_NUMBERS  0x40000000u

#ifdef __NR_fork
#define NO_FORK NEVER(fork), NEVER(vfork)
#else
#define NO_FORK NEVER(execve)
#endif

enum err sandbox_enter(void)
{
	const struct sock_filter rows[] = {LOAD(arch), IF_IS(SANDBOX_ARCH, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), LOAD(nr),
	    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OTHER_NUMBERS, 0, 1), DENY(ENOSYS), NEVER(execve),
	    NEVER(execveat), NO_FORK, NEVER(ptrace), NEVER(process_vm_readv),
	    NEVER(process_vm_writev), NEVER(kill), NEVER(tkill), NEVER(pidfd_open),
	    NEVER(pidfd_getfd), NEVER(pidfd_send_signal), NEVER(unshare), NEVER(setns),
	    NEVER(mount), NEVER(bpf), NEVER(perf_event_open), NEVER(userfaultfd), NEVER(keyctl),
	    NEVER(add_key), NEVER(request_key), NEVER(io_uring_setup),
	    /* Threads only.  Arguments of clone3 cannot be seen from here; the C library then uses
	       clone. */
	    IF_IS(__NR_clone3, 0, 1), DENY(ENOSYS), IF_IS(__NR_clone, 0, 4), LOAD(args[0]),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0), DENY(EPERM), ALLOW,
	    IF_IS(__NR_socket, 0, 3), LOAD(args[0]), IF_IS(AF_UNIX, 1, 0), DENY(EPERM), ALLOW};
	const struct sock_fprog program = {
	    .len = (unsigned short)(sizeof(rows) / sizeof(rows[0])),
	    .filter = (struct sock_filter *)(uintptr_t)rows,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return ERR_SYSTEM;
	return ERR_OK;
}

#endif
