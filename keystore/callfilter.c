#include "keystore/callfilter.h"

#include <errno.h>
#include <seccomp.h>

static int add_rule(scmp_filter_ctx filter, const struct allowed_call *row)
{
	int result;

	if (row->mask != 0)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, row->call, 1,
		    SCMP_CMP(row->arg, SCMP_CMP_MASKED_EQ, row->mask, row->value));
	result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, row->call, 0);
	/* A call that this architecture lacks needs no rule. */
	return result == -EDOM ? 0 : result;
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
		result = add_rule(filter, &list->rows[i]);
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
