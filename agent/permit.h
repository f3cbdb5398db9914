/*
 * What the rules of a key permit on a connection: its route, and whether the key may leave this
 * machine at all.
 */
#ifndef SIGNET_PERMIT_H
#define SIGNET_PERMIT_H

#include "agent/route.h"
#include "agent/store.h"

/* May it be seen and removed there?  ERR_LOCAL_ONLY, and as route_permits. */
enum err permit(const struct rules *rules, const struct route *route);

/* May it sign these data there?  ERR_LOCAL_ONLY, and as route_permits_sign. */
enum err permit_sign(const struct identity *id, const struct route *route, struct bytes data);

#endif
