/*
 * The control protocol, spoken on the control socket (the agent socket's path
 * with CTL_SUFFIX), which is never forwarded.  Frames as in the agent
 * protocol; the first byte is a number of this list.
 */
#ifndef SIGNET_CTLMSG_H
#define SIGNET_CTLMSG_H

#include "proto/builder.h"
#include "proto/reader.h"

#define CTL_SUFFIX ".ctl"

enum ctl_number {
	CTL_STATUS = 1,        /* no fields */
	CTL_STATUS_ANSWER = 2, /* pairs (string name, string value) up to the end */
	CTL_FAILURE = 3,       /* string: the reason in a sentence */
};

/* A pair of a status answer. */
void ctl_pair_build(struct builder *b, const char *name, const char *value);
enum err ctl_pair_read(struct reader *r, struct bytes *name, struct bytes *value);

#endif
