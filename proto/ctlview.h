/* Sockets of agents, asked in passing by programs that look for one. */
#ifndef SIGNET_CTLVIEW_H
#define SIGNET_CTLVIEW_H

#include <limits.h>

#include "proto/ctlmsg.h"

/*
 * Connect to a Unix socket: a descriptor that is the caller's, or -1 with errno; ETIMEDOUT: whoever
 * listens takes no more connections.
 */
int ctl_connect(const char *path);

/*
 * Ask with a message of one byte, its number, and wait some seconds for the answer, which is to
 * begin with wanted; *answer is the caller's to clear, also after an error.  ERR_REPLY for another
 * answer, or why there was none.
 */
enum err ctl_ask(int fd, uint8_t number, uint8_t wanted, struct blob *answer);

/* What was found. */
struct ctl_view {
	char name[128];       /* fit to be shown */
	char agent[PATH_MAX]; /* the path of the socket of the agent itself */
};

/*
 * Is path the socket of a view?  The agents that are asked are those whose control sockets lie
 * beside it, and the one at login (XDG_RUNTIME_DIR).  False: none of them says so.
 */
bool ctl_view_find(const char *path, struct ctl_view *out);

#endif
