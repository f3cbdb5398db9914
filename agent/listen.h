/*
 * The sockets that the agent listens on: found or made, and removed again.
 */
#ifndef SIGNET_LISTEN_H
#define SIGNET_LISTEN_H

#include <sys/types.h>

#include "agent/config.h"
#include "agent/options.h"
#include "agent/unixsocket.h"
#include "proto/base/err.h"
#include "proto/limits.h"

/* Which file it is that lies at a path. */
struct socket_file {
	dev_t device;
	ino_t number;
};

/* A view's socket (views.h). */
struct view_socket {
	int fd;      /* listening */
	bool served; /* the configuration has its view */
	bool made;   /* by us, who remove it; else the service manager's */
	char name[LIMIT_VIEW_NAME + 1];
	char path[SOCKET_PATH];
	struct socket_file file;
};

struct sockets {
	int agent;      /* listening */
	int control;    /* listening, or -1: no room for its path */
	bool activated; /* came from the service manager, who also removes what it made */
	char agent_path[SOCKET_PATH];
	char control_path[SOCKET_PATH];              /* empty when there is none */
	char directory[SOCKET_PATH];                 /* made for them, to be removed; or empty */
	struct socket_file agent_file, control_file; /* what was made at the paths */
	struct view_socket views[LIMIT_VIEWS];
	size_t view_count;
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

/* Close every descriptor but these, standard ones and also (-1: none); or these. */
void sockets_keep(const struct sockets *s, int also);
void sockets_close(struct sockets *s);

/*
 * Bind a socket for each view of the configuration: where it says, or NAME.sock beside the agent's
 * socket; or take the one of its name that the service manager gave.  The directory must be a
 * private one of this user's.  What cannot be bound is said in the log, and there is none.
 */
void sockets_views_open(struct sockets *s, const struct config *c);

/*
 * The configuration is another: close and remove the sockets of views that it has no longer, or
 * elsewhere, bind those that are new, and send them to the core (CHANNEL_VIEW) at the other end of
 * channel, which has had CHANNEL_RELOAD before.
 */
void sockets_views_reload(struct sockets *s, const struct config *c, int channel);

/*
 * Sockets that the service manager gave and no view of the configuration has: whoever connects
 * there is to be turned away, or would wait for ever.  How many; each as one that poll() is to
 * watch for connections, with room for LIMIT_VIEWS.
 */
struct pollfd;
size_t sockets_unserved(const struct sockets *s, struct pollfd *out);
void socket_turn_away(int fd);

/* Letters, digits, "-" and "_", at most LIMIT_VIEW_NAME, and neither "agent" nor "control", as
 * which a service manager names the agent's own sockets. */
bool view_name_valid(const char *name);

/* --- for listen_views.c ------------------------------------------------------------ */

void socket_file_note(const char *path, struct socket_file *out);

/* Unlink it, unless somebody has put another socket there since. */
void socket_file_remove(const char *path, const struct socket_file *ours);

#endif
