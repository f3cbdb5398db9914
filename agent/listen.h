/*
 * The sockets that the agent listens on: found or made, and removed again.
 */
#ifndef SIGNET_LISTEN_H
#define SIGNET_LISTEN_H

#include <sys/types.h>

#include "agent/options.h"
#include "agent/unixsocket.h"
#include "proto/base/err.h"

/* Which file it is that lies at a path. */
struct socket_file {
	dev_t device;
	ino_t number;
};

struct sockets {
	int agent;      /* listening */
	int control;    /* listening, or -1: no room for its path */
	bool activated; /* came from the service manager, who also removes what it made */
	char agent_path[SOCKET_PATH];
	char control_path[SOCKET_PATH];              /* empty when there is none */
	char directory[SOCKET_PATH];                 /* made for them, to be removed; or empty */
	struct socket_file agent_file, control_file; /* what was made at the paths */
};

/*
 * Take over what the service manager hands to us (sd_listen_fds(3)) where the
 * options allow it, else bind.  A socket that nobody answers on any more is
 * replaced.  A manager that gives no control socket leaves that one to us.  On failure says why on
 * standard error.
 */
enum err sockets_open(const struct options *o, struct sockets *out);

/*
 * Unlink what sockets_open made, and nothing that another agent has put there since; leaves
 * the descriptors alone.
 */
void sockets_remove(const struct sockets *s);

#endif
