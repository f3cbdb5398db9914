/*
 * What the configuration's Key blocks do to the rules of a key that is being added: the stricter of
 * both holds.
 */
#ifndef SIGNET_POLICY_H
#define SIGNET_POLICY_H

#include "agent/config.h"
#include "agent/store.h"

/*
 * rules: of an addition (req_add.c, token_keys.c), or of a key that its file offers.  Confirmation:
 * the one that asks more often; times: the shorter; destinations: those of the addition where it
 * has any, else the configuration's (a view of c, which store_put copies).
 */
void policy_apply(const struct config *c, const struct key_facts *key, struct rules *rules);

#endif
