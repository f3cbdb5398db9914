#include "keystore/callfilter.h"

#include <errno.h>
#include <seccomp.h>

/* For times and offsets of 64 bits, users above 65535, a sixth argument; or what was there before.
 */
static const struct call_twin twins[] = {
    {SCMP_SYS(mmap), SCMP_SYS(mmap2)},
    {SCMP_SYS(fcntl), SCMP_SYS(fcntl64)},
    {SCMP_SYS(lseek), SCMP_SYS(_llseek)},
    {SCMP_SYS(stat), SCMP_SYS(stat64)},
    {SCMP_SYS(lstat), SCMP_SYS(lstat64)},
    {SCMP_SYS(fstat), SCMP_SYS(fstat64)},
    {SCMP_SYS(newfstatat), SCMP_SYS(fstatat64)},
    {SCMP_SYS(futex), SCMP_SYS(futex_time64)},
    {SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64)},
    {SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64)},
    {SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_settime64)},
    {SCMP_SYS(getuid), SCMP_SYS(getuid32)},
    {SCMP_SYS(geteuid), SCMP_SYS(geteuid32)},
    {SCMP_SYS(getgid), SCMP_SYS(getgid32)},
    {SCMP_SYS(getegid), SCMP_SYS(getegid32)},
    {SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn)},
    {SCMP_SYS(sendto), SCMP_SYS(send)},
    {SCMP_SYS(recvfrom), SCMP_SYS(recv)},
};

const struct call_twin *callfilter_twins(size_t *n)
{
	*n = sizeof(twins) / sizeof(twins[0]);
	return twins;
}

/* A call that this architecture lacks needs no rule. */
static int add_rule(scmp_filter_ctx filter, const struct allowed_call *row)
{
	const struct scmp_arg_cmp condition =
	    SCMP_CMP(row->arg, SCMP_CMP_MASKED_EQ, row->mask, row->value);
	bool seen = row->mask != 0;
	int result;

	/* These have the arguments of mmap in memory, where no filter sees them. */
#if defined(__i386__)
	if (seen && row->call == SCMP_SYS(mmap))
		return 0; /* its twin has them in registers */
#elif defined(__s390x__)
	seen = seen && row->call != SCMP_SYS(mmap);
#endif
	result =
	    seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, row->call, seen ? 1 : 0, &condition);
	return result == -EDOM ? 0 : result;
}

static int add_row(scmp_filter_ctx filter, const struct allowed_call *row)
{
	int result = add_rule(filter, row);

	for (size_t i = 0; result == 0 && i < sizeof(twins) / sizeof(twins[0]); i++) {
		struct allowed_call twin = *row;

		twin.call = twins[i].twin;
		if (twins[i].call == row->call)
			result = add_rule(filter, &twin);
	}
	return result;
}

static enum err load(const struct call_list *list, bool all_threads)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int result = 0;

	if (filter == NULL)
		return ERR_UNSUPPORTED;
	if (all_threads)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	for (size_t i = 0; result == 0 && i < list->n; i++)
		result = add_row(filter, &list->rows[i]);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	return result == 0 ? ERR_OK : ERR_UNSUPPORTED;
}

enum err callfilter_load(const struct call_list *list, bool all_threads)
{
#ifdef SIGNET_SANITIZE
	(void)load;
	(void)list;
	(void)all_threads;
	return ERR_UNSUPPORTED; /* LeakSanitizer stops threads by tracing them */
#else
	return load(list, all_threads);
#endif
}
