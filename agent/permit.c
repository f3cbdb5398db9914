#include "agent/permit.h"

static bool away(const struct rules *rules, const struct route *route)
{
	return rules->key.local_only && route_is_remote(route);
}

enum err permit(const struct rules *rules, const struct route *route)
{
	return away(rules, route) ? ERR_LOCAL_ONLY : route_permits(route, rules->destinations);
}

enum err permit_sign(const struct identity *id, const struct route *route, struct bytes data)
{
	/* A route that failed is no forwarding that was proved: the reason is told as it is. */
	if (!route->barred && away(&id->rules, route))
		return ERR_LOCAL_ONLY;
	return route_permits_sign(route, id->rules.destinations, id->blob, data);
}
