#include "agent/permit.h"

#include "agent/consent.h"

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

bool permit_asks(const struct view *view, const struct identity *id, const struct route *route)
{
	const struct key_rules rules = view_rules(view, &id->rules.key, route);

	return consent_needed(&rules, route);
}

enum err permit_algorithm(
    const struct options *o, const struct key *key, uint32_t flags, const struct sigalg **out)
{
	const struct sigalg *alg;
	enum err e = sigalg_choose(key_type(key), flags, &alg);

	if (e != ERR_OK)
		return e;
	if (o->no_rsa_sha1 && key_type(key)->family == FAMILY_RSA && alg->hash == HASH_SHA1)
		return ERR_SIGN_ALGORITHM;
	*out = alg;
	return ERR_OK;
}
