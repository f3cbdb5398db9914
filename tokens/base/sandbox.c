#include "tokens/base/sandbox.h"

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

static const struct sock_filter filter[] = {
    LOAD(arch),
    IF_IS(SANDBOX_ARCH, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OTHER_NUMBERS, 0, 1),
    DENY(ENOSYS),
    NEVER(execve),
    NEVER(execveat),
    NEVER(ptrace),
    NEVER(process_vm_readv),
    NEVER(process_vm_writev),
    NEVER(kill),
    NEVER(tkill),
    NEVER(pidfd_open),
    NEVER(pidfd_getfd),
    NEVER(pidfd_send_signal),
    NEVER(unshare),
    NEVER(setns),
    NEVER(mount),
    NEVER(umount2),
    NEVER(pivot_root),
    NEVER(chroot),
    NEVER(bpf),
    NEVER(perf_event_open),
    NEVER(userfaultfd),
    NEVER(keyctl),
    NEVER(add_key),
    NEVER(request_key),
    NEVER(init_module),
    NEVER(finit_module),
    NEVER(kexec_load),
    NEVER(io_uring_setup),
#ifdef __NR_fork
    NEVER(fork),
    NEVER(vfork),
#endif
    /* Its arguments cannot be seen from here; the C library then uses clone. */
    IF_IS(__NR_clone3, 0, 1),
    DENY(ENOSYS),
    /* Threads only. */
    IF_IS(__NR_clone, 0, 4),
    LOAD(args[0]),
    IF_HAS(CLONE_THREAD, 1, 0),
    DENY(EPERM),
    ALLOW,
    /* To pcscd and the kernel only. */
    IF_IS(__NR_socket, 0, 5),
    LOAD(args[0]),
    IF_IS(AF_UNIX, 2, 0),
    IF_IS(AF_NETLINK, 1, 0),
    DENY(EPERM),
    ALLOW,
    ALLOW,
};

enum err sandbox_enter(void)
{
	const struct sock_fprog program = {
	    .len = sizeof(filter) / sizeof(filter[0]),
	    .filter = (struct sock_filter *)(uintptr_t)filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return ERR_SYSTEM;
	return ERR_OK;
}

#endif
