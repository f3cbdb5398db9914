#include "proto/base/profiles.h"

#include <asm/sockios.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* clang-format off */
#define NEVER(name)         {__NR_##name, FILTER_NEVER, 0, 0}
#define ABSENT(name)        {__NR_##name, FILTER_ABSENT, 0, 0}
#define IS(name, arg, k)    {__NR_##name, FILTER_IS, arg, k}
#define HAS(name, arg, bit) {__NR_##name, FILTER_HAS, arg, bit}
#define IS_NOT(name, a, k)  {__NR_##name, FILTER_IS_NOT, a, k}
/* clang-format on */
/* The first argument must be this process; with OR_0, as 0 as well. */
#define OWN(name)      {__NR_##name, FILTER_SELF, 0, 0}, NEVER(name)
#define OWN_OR_0(name) IS(name, 0, 0), OWN(name)

/* What no such helper does, nor a library in one. */
static const struct filter_row all[] = {
    /* programs and processes; arguments of clone3 cannot be seen, the C library then uses clone */
    NEVER(execve),
    NEVER(execveat),
#ifdef __NR_fork
    NEVER(fork),
    NEVER(vfork),
#endif
    ABSENT(clone3),
    HAS(clone, 0, CLONE_THREAD),
    NEVER(clone),
    /* what others have in their memory and in their hands */
    NEVER(ptrace),
    NEVER(process_vm_readv),
    NEVER(process_vm_writev),
    NEVER(kcmp),
    NEVER(pidfd_open),
    NEVER(pidfd_getfd),
    OWN_OR_0(move_pages),
    OWN_OR_0(migrate_pages),
    /* signals, also those that descriptors send, and limits, which end the agent as well */
    NEVER(tkill),
    NEVER(pidfd_send_signal),
    OWN(tgkill),
    OWN(rt_sigqueueinfo),
    OWN(rt_tgsigqueueinfo),
    OWN_OR_0(prlimit64),
    IS_NOT(fcntl, 1, F_SETOWN),
    IS_NOT(fcntl, 1, F_SETOWN_EX),
    IS_NOT(ioctl, 1, FIOSETOWN),
    IS_NOT(ioctl, 1, SIOCSPGRP),
    IS_NOT(ioctl, 1, TIOCSTI),
    IS_NOT(ioctl, 1, TIOCLINUX),
    /* nor may it make its PINs readable, or outlive the agent */
    IS_NOT(prctl, 0, PR_SET_DUMPABLE),
    IS_NOT(prctl, 0, PR_SET_PDEATHSIG),
    /* the kernel */
    NEVER(unshare),
    NEVER(setns),
    NEVER(mount),
    NEVER(umount2),
    NEVER(pivot_root),
    NEVER(chroot),
    NEVER(bpf),
    NEVER(perf_event_open),
    NEVER(userfaultfd),
    NEVER(io_uring_setup),
    NEVER(keyctl),
    NEVER(add_key),
    NEVER(request_key),
    NEVER(init_module),
    NEVER(finit_module),
    NEVER(kexec_load),
};

static const struct filter_row own_signals[] = {OWN(kill)};
static const struct filter_row no_signals[] = {NEVER(kill)};

static const struct filter_row local_sockets[] = {
    IS(socket, 0, AF_UNIX), IS(socket, 0, AF_NETLINK), NEVER(socket)};
static const struct filter_row bus_sockets[] = {IS(socket, 0, AF_UNIX), NEVER(socket)};

#define TABLE(rows)                                                                                \
	{                                                                                          \
		rows, sizeof(rows) / sizeof(rows[0])                                               \
	}

const struct profile profile_module_network = {{TABLE(all), TABLE(own_signals)}};
const struct profile profile_module = {{TABLE(all), TABLE(own_signals), TABLE(local_sockets)}};
const struct profile profile_device = {{TABLE(all), TABLE(no_signals), TABLE(local_sockets)}};
const struct profile profile_bus = {{TABLE(all), TABLE(no_signals), TABLE(bus_sockets)}};

enum err profile_enter(const struct profile *p)
{
	return filter_install(p->tables, sizeof(p->tables) / sizeof(p->tables[0]));
}
