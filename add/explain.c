#include "add/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "add/control.h"
#include "add/show.h"
#include "proto/base/mem.h"

/* The last refusal of our process. */
struct refusal {
	char pid[24];
	char *reason;
};

static enum err look_at(void *ctx, struct reader pairs)
{
	struct refusal *r = ctx;
	struct bytes pid, reason;

	if (!ctl_value(pairs, "pid", &pid) || !bytes_is(pid, r->pid))
		return ERR_OK;
	mem_free(r->reason);
	r->reason = ctl_value(pairs, "reason", &reason) ? show_whole(reason) : NULL;
	return ERR_OK;
}

void explain_refusal(void)
{
	struct client control = CLIENT_NONE;
	struct refusal r = {0};
	uint64_t after = 0;

	snprintf(r.pid, sizeof(r.pid), "%ld", (long)getpid());
	if (control_try(&control) == ERR_OK &&
	    control_records(&control, CTL_LOG, &after, look_at, &r) == ERR_OK && r.reason != NULL)
		fprintf(stderr, "The agent's reason: %s\n", r.reason);
	mem_free(r.reason);
	client_close(&control);
}
