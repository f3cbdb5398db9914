/*
 * Names that a host may have, guessed from the words of a client's command line: hashed entries of
 * known_hosts do not reverse, but can be tried with them.  A wrong guess fits no entry, so it does
 * no harm; what is not guessed is shown as file and line.
 */
#ifndef SIGNET_CANDIDATES_H
#define SIGNET_CANDIDATES_H

#include "agent/lineage.h"
#include "proto/base/bytes.h"
#include "proto/limits.h"

enum {
	CANDIDATE_PORTS = 4,        /* ports of the command line that names are tried with */
	CANDIDATES_OF_WORDS = 48,   /* the rest is left for the destination constraints */
	CANDIDATES_TEXT = 8 * 1024, /* room for the names themselves, in bytes */
	CANDIDATE_NAME = 255,       /* the longest host name (RFC 1035, section 2.3.4) */
};

/* Its own names: zero-initialised has none, and a copy shows the original's. */
struct candidates {
	size_t n;
	struct bytes name[LIMIT_HOST_CANDIDATES]; /* into text; no two are the same */
	uint16_t port[CANDIDATE_PORTS];
	size_t ports;
	size_t used;
	uint8_t text[CANDIDATES_TEXT];
};

/*
 * Gather into *out (which needs no initialisation) what ssh would look up in known_hosts: "host",
 * and "[host]:port" for ports other than 22.  Hosts and ports come from the arguments of the client
 * (user@host, user@host:port, host:path, ssh://user@host:port, -p and -P, -J, -W and the options
 * Port, HostName, HostKeyAlias and ProxyJump of -o) and hosts from destinations, the content of a
 * well-formed destination constraint (empty: none).  Ports of options are tried with every host.
 */
void candidates_gather(
    struct candidates *out, const struct lineage *client, struct bytes destinations);

#endif
