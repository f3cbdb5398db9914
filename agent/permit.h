/*
 * What the rules of a key permit on a connection: its route, and whether the key may leave this
 * machine at all.
 */
#ifndef SIGNET_PERMIT_H
#define SIGNET_PERMIT_H

#include "agent/options.h"
#include "agent/route.h"
#include "agent/store.h"
#include "agent/views.h"

/* May it be seen and removed there?  ERR_LOCAL_ONLY, and as route_permits. */
enum err permit(const struct rules *rules, const struct route *route);

/* May it sign these data there?  ERR_LOCAL_ONLY, and as route_permits_sign. */
enum err permit_sign(const struct identity *id, const struct route *route, struct bytes data);

/* Does it want a person asked on this route, through this view (NULL: the agent's own socket)? */
bool permit_asks(const struct view *view, const struct identity *id, const struct route *route);

/* The algorithm of a signature with these flags.  ERR_SIGN_ALGORITHM: not with this agent. */
enum err permit_algorithm(
    const struct options *o, const struct key *key, uint32_t flags, const struct sigalg **out);

#endif
