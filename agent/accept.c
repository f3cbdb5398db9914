/* New connections: rows of them, so that those who are in have their turn, and none while the
 * system has no descriptor or memory for one. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/conn.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

enum {
	ACCEPT_A_ROUND = 16,
	/* How long new connections wait when the system is out of memory or files, in milliseconds.
	 */
	ACCEPT_PAUSE = 250,
};

#define CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Only this user and root may speak to the agent, whatever the socket's mode. */
static bool peer_welcome(int fd, struct peer *peer)
{
	if (fd_peer(fd, peer) != ERR_OK)
		return false;
	if (peer->uid == 0 || peer->uid == getuid())
		return true;
	log_warn("connection of uid %ld (pid %ld) refused: the agent serves uid %ld only",
	    (long)peer->uid, (long)peer->pid, (long)getuid());
	return false;
}

/*
 * No descriptor is left for a new connection.  It is closed rather than left
 * waiting, so that its client goes on without an agent: the spare descriptor makes room for that.
 * False, with errno, when no connection could be closed: EAGAIN when there is none (accept()
 * asks for a descriptor before it looks).
 */
static bool accept_refuse(struct core *core, int listening)
{
	int fd, why;
	bool refused;

	if (core->spare < 0)
		return false;
	fd_close(&core->spare);
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	why = errno;
	refused = fd >= 0;
	fd_close(&fd);
	core->spare = fcntl(listening, F_DUPFD_CLOEXEC, 0);
	if (refused)
		log_warn(
		    "a connection was closed: all file descriptors are in use (see ulimit -n)");
	errno = why;
	return refused;
}

/* Nothing helps but waiting: look again later, without spinning meanwhile. */
static void accept_pause(struct core *core)
{
	log_warn("new connections wait: the system is out of memory or files");
	if (timer_arm(core->loop, &core->accept_again, clock_now() + ACCEPT_PAUSE) != ERR_OK)
		return; /* go on trying on each event rather than never */
	loop_unwatch(&core->agent.watch);
	loop_unwatch(&core->control.watch);
	for (struct view *v = core->views; v != NULL; v = v->next)
		loop_unwatch(&v->listener.watch);
}

static bool accept_resume(struct listener *l)
{
	return l->watch.fd < 0 || l->watch.loop != NULL ||
	       loop_watch(l->core->loop, &l->watch, EPOLLIN) == ERR_OK;
}

void conn_accept_again(struct timer *t)
{
	struct core *core = CONTAINER(t, struct core, accept_again);

	if (core->spare < 0)
		core->spare = fcntl(core->agent.watch.fd, F_DUPFD_CLOEXEC, 0);
	/* What cannot be watched for want of memory is tried again: else nobody could connect any
	 * more. */
	bool resumed = accept_resume(&core->agent) && accept_resume(&core->control);

	for (struct view *v = core->views; v != NULL; v = v->next)
		resumed = accept_resume(&v->listener) && resumed;
	if (!resumed)
		(void)timer_arm(core->loop, t, clock_now() + ACCEPT_PAUSE);
}

void conn_accept(struct watch *w, uint32_t events)
{
	struct listener *l = CONTAINER(w, struct listener, watch);
	struct peer peer;

	(void)events;
	for (int i = 0; i < ACCEPT_A_ROUND; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE && accept_refuse(l->core, w->fd))
				continue;
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				accept_pause(l->core);
			return;
		}
		if (!peer_welcome(fd, &peer) || !conn_open(l, fd, &peer))
			fd_close(&fd);
	}
}
