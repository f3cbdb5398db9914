/*
 * Destination constraints: restrict-destination-v00@openssh.com (OpenSSH's
 * PROTOCOL.agent, section "restricting keys to destinations").
 *
 * A constraint permits one hop: from a host (or from this machine) to a host,
 * optionally as certain users.  Hosts are told by their keys or by the keys of
 * the authorities that certify them; names are for people and for the
 * principals of host certificates.
 */
#ifndef SIGNET_DESTINATION_H
#define SIGNET_DESTINATION_H

#include "proto/builder.h"
#include "proto/reader.h"

/* One end of a hop; all members are views. */
struct hop {
	struct bytes user; /* pattern (match_pattern of ssh_config(5)); empty: any.  Always empty in
			      a from */
	struct bytes host; /* empty in a from: this machine */
	struct bytes keys; /* key specs back to back: string key blob, bool is_ca */
};

struct destination {
	struct hop from, to;
};

/* Walks constraints that destinations_check found well-formed. */
struct destination_walk {
	struct reader r;
};

/*
 * Is this the whole, well-formed content of the constraint (one string of constraints, at most
 * LIMIT_DESTINATIONS and not none, every reserved field empty, patterns within LIMIT_USER_PATTERN,
 * key blobs of known types, a from without user, a to with a host and at least one key)?  Fails
 * closed.
 */
enum err destinations_check(struct bytes list);

struct destination_walk destinations_walk(struct bytes list);
/* The next one; false at the end. */
bool destination_next(struct destination_walk *w, struct destination *out);

/* Walks the keys of a hop: a cursor over hop->keys. */
bool hop_key_next(struct reader *keys, struct bytes *blob, bool *is_ca);

/*
 * Client side: one constraint into b, whose content is then sent as the constraint's string.
 * keys as in struct hop (hop_key_build).
 */
void destination_build(struct builder *b, const struct destination *d);
void hop_key_build(struct builder *b, struct bytes blob, bool is_ca);

#endif
