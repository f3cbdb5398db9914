/* What helpers give up that load libraries of others or speak to services, by who they are. */
#ifndef SIGNET_PROFILES_H
#define SIGNET_PROFILES_H

#include "proto/base/filter.h"

struct profile {
	struct filter_table tables[4]; /* the first ones; the others are empty */
};

/*
 * None of them can start a program or another process, trace, read, limit or signal one, take a
 * descriptor from one, change namespaces, mounts or the kernel, make itself readable for others or
 * outlive the agent.  That is all of it for a module with a network.
 */
extern const struct profile profile_module_network;

/* And no sockets but local ones and the kernel's own news (netlink): a module without a network. */
extern const struct profile profile_module;

/* And no signals, not even to itself: devices, without a library for them. */
extern const struct profile profile_device;

/* And local sockets only: what speaks to a message bus. */
extern const struct profile profile_bus;

/* Enter it, with all threads that are started from here on.  ERR_LIMIT, ERR_SYSTEM. */
enum err profile_enter(const struct profile *p);

#endif
