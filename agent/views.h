/*
 * View sockets: each shows and signs with those keys only that its patterns name, so that a server
 * or a forwarded socket sees no more than it should.  A connection knows its view (conn.view), or
 * NULL on the agent's own sockets.
 *
 * The supervisor binds the sockets (listen.h) and hands them over; the core keeps a struct view for
 * each, which outlives what it says of it: connections hold it, and the configuration may change
 * under them.
 */
#ifndef SIGNET_VIEWS_H
#define SIGNET_VIEWS_H

#include "agent/config.h"
#include "agent/loop.h"
#include "agent/route.h"
#include "agent/store.h"
#include "agent/unixsocket.h"
#include "proto/limits.h"

struct core;

/* One listening socket of the core. */
struct listener {
	struct watch watch; /* fd -1: none */
	bool control;
	struct view *view; /* NULL: the agent's own */
	struct core *core;
};

struct view {
	struct view *next;
	struct listener listener;
	const struct config_view *says; /* of core->config; NULL: it is no longer there */
	size_t users;                   /* connections that came in through it */
	char name[LIMIT_VIEW_NAME + 1];
	char path[SOCKET_PATH];
	struct task burial;
};

/* May the key be seen and signed with through this view (NULL: the agent's socket)?  ERR_VIEW. */
enum err view_permits(const struct view *view, const struct identity *id);

/* May keys be added, removed, locked through it?  ERR_VIEW_READ_ONLY. */
enum err view_permits_changes(const struct view *view);

/* The rules of a key as they hold through it on this route: of the view's confirm rule and the
 * key's that which asks more often there. */
struct key_rules view_rules(
    const struct view *view, const struct key_rules *rules, const struct route *route);

/* For the log; empty for NULL. */
struct bytes view_name(const struct view *view);

/* How many keys it shows. */
size_t view_count(const struct view *view, const struct store *s);

/* --- the core's listeners ---------------------------------------------------------- */

/* Take the sockets that the supervisor bound before the core was forked. */
void core_views_start(struct core *core);

/* CHANNEL_VIEW: its text; fd is taken over (-1: the view has no socket any more). */
void core_view_take(struct core *core, struct bytes text, int fd);

/*
 * core->config is another one: to be called before anything else happens on the loop, and before
 * the old one is freed or after, as nothing is read of it.  Closes the sockets of views that went
 * and hangs up on whoever came through them; what is asked through the others is looked at again.
 */
void core_views_changed(struct core *core);

/* A connection came in through it (which is returned; NULL is allowed), or is closed. */
struct view *view_joined(struct view *view);
void view_left(struct view *view);

#endif
