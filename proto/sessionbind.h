/*
 * session-bind@openssh.com (OpenSSH's PROTOCOL.agent): a client tells to which
 * host its connection leads, and shows the host's signature for it.
 */
#ifndef SIGNET_SESSIONBIND_H
#define SIGNET_SESSIONBIND_H

#include "proto/builder.h"
#include "proto/reader.h"

/* All members are views. */
struct session_bind {
	struct bytes host_key;  /* a key blob or a host's certificate, well-formed */
	struct bytes session;   /* session identifier: 1 to LIMIT_SESSION_ID bytes */
	struct bytes signature; /* by host_key over session */
	bool forwarding; /* the agent is forwarded to that host; else a login there follows */
};

/*
 * Read a whole body (behind the extension's name).  ERR_TOO_LONG for the
 * session identifier, ERR_FORMAT for an empty one, ERR_KEY_TYPE or ERR_CERT for a host key that is
 * none; surplus bytes are refused.  Says nothing about the signature.
 */
enum err session_bind_parse(struct bytes body, struct session_bind *out);

/* Client side: the body. */
void session_bind_build(struct builder *b, const struct session_bind *m);

#endif
