/* The keys that the agent holds. */
#ifndef SIGNET_ADD_LIST_H
#define SIGNET_ADD_LIST_H

#include "add/command.h"
#include "proto/agentmsg.h"

/* Ask the agent; walk is valid until the next request on this connection. */
enum err list_identities(struct run *r, struct identity_walk *walk);

/* True when the agent holds this key or certificate; asks the agent each time. */
bool list_holds(struct run *r, struct bytes blob);

#endif
