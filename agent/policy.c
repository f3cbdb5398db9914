#include "agent/policy.h"

#include "proto/base/clock.h"

uint32_t policy_shorter(uint32_t a, uint32_t b)
{
	if (a == 0 || b == 0)
		return a | b;
	return a < b ? a : b;
}

void policy_stricter(struct key_rules *rules, const struct key_rules *also)
{
	if (also->confirm == rules->confirm) {
		if (rules->confirm == CONFIRM_TIMED &&
		    also->confirm_seconds < rules->confirm_seconds)
			rules->confirm_seconds = also->confirm_seconds;
	} else if (rules->confirm == CONFIRM_NEVER) {
		rules->confirm = also->confirm;
		rules->confirm_seconds = also->confirm_seconds;
	} else if (also->confirm != CONFIRM_NEVER) {
		rules->confirm = CONFIRM_ALWAYS;
		rules->confirm_seconds = 0;
	}
	rules->idle = policy_shorter(rules->idle, also->idle);
	rules->local_only = rules->local_only || also->local_only;
}

void policy_apply(const struct config *c, const struct key_facts *key, struct rules *rules)
{
	struct config_policy p;

	config_policy(c, key, &p);
	policy_stricter(&rules->key, &p.rules);
	if (rules->destinations.len == 0)
		rules->destinations = p.destinations;
	if (rules->file.len != 0) {
		rules->lifetime = policy_shorter(rules->lifetime, p.lifetime);
		rules->relock = policy_shorter(rules->relock, p.relock);
	} else if (p.lifetime != 0) {
		uint64_t end = clock_now() + (uint64_t)p.lifetime * 1000;

		if (rules->expires == 0 || end < rules->expires)
			rules->expires = end;
	}
}
