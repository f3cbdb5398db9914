/*
 * What the configuration's Key blocks do to the rules of a key that is being added: the stricter of
 * both holds.
 */
#ifndef SIGNET_POLICY_H
#define SIGNET_POLICY_H

#include "agent/config.h"
#include "agent/store.h"

/* Of two times in seconds, of which 0 is none. */
uint32_t policy_shorter(uint32_t a, uint32_t b);

/*
 * Both rules at once: rules become such that nothing is allowed that one of them does not allow.
 * Of two different ways to confirm that is asking always, since none of them covers another.
 */
void policy_stricter(struct key_rules *rules, const struct key_rules *also);

/*
 * rules: of an addition (req_add.c, token_keys.c), or of a key that its file offers.  Confirmation,
 * idle time and local-only as policy_stricter; times: the shorter; destinations: those of the
 * addition where it has any, else the configuration's (a view of c, which store_put copies).
 */
void policy_apply(const struct config *c, const struct key_facts *key, struct rules *rules);

#endif
