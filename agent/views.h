/*
 * View sockets: each shows and signs with those keys only that its patterns name, so that a server
 * or a forwarded socket sees no more than it should.  A connection knows its view (conn.view), or
 * NULL on the agent's own sockets.
 */
#ifndef SIGNET_VIEWS_H
#define SIGNET_VIEWS_H

#include "agent/config.h"
#include "agent/store.h"

/* May the key be seen and signed with through this view (NULL: the agent's socket)?  ERR_VIEW. */
enum err view_permits(const struct config_view *view, const struct identity *id);

/* May keys be added, removed, locked through it?  ERR_VIEW_READ_ONLY. */
enum err view_permits_changes(const struct config_view *view);

/* The rules of a key as they hold through it: the view's confirm rule where it asks more often. */
struct key_rules view_rules(const struct config_view *view, const struct key_rules *rules);

#endif
