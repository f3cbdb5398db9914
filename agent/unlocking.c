#include "agent/unlocking.h"

struct unlocking *unlocking_begin(struct unlockings *us, const struct unlock_request *request,
    void (*done)(void *ctx, enum err result), void *ctx)
{
	(void)us;
	(void)request;
	(void)done;
	(void)ctx;
	return NULL;
}

void unlocking_cancel(struct unlocking *u)
{
	(void)u;
}

void unlockings_review(struct unlockings *us)
{
	(void)us;
}

size_t unlockings_count(const struct unlockings *us)
{
	(void)us;
	return 0;
}
