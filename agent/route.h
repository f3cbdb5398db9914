/*
 * The way that a connection has come: the session binds that its client made,
 * in their order, and what keys with destination constraints may do on it.
 *
 * A connection without binds is one of this machine.  Each bind for forwarding is a host that
 * the agent was forwarded to; a bind for a login can only be the last.
 */
#ifndef SIGNET_ROUTE_H
#define SIGNET_ROUTE_H

#include "proto/sessionbind.h"
#include "proto/signdata.h"

enum { ROUTE_PRINT = 52 };

struct bind {
	struct bind *next;
	struct bytes host_key; /* key blob or host certificate; its signature was verified */
	struct bytes session;
	bool forwarding;
	char print[ROUTE_PRINT]; /* the host key's SHA-256 fingerprint, made once */
	uint8_t bytes[];         /* what the views show */
};

/* Zero-initialised has no binds. */
struct route {
	struct bind *first, *last;
	unsigned count;
	size_t bytes; /* that the binds take */
	bool failed;  /* a bind was refused: nobody knows where the connection leads */
	bool barred;  /* and not just for its host key's type: no key signs here any more */
};

/*
 * Did this host key sign this session, and is it, if it is a certificate, signed by its authority?
 * ERR_BIND if not, ERR_KEY_TYPE when the key or the authority is of a type that cannot be verified
 * here.  Slow, and touches nothing else: for a worker.
 */
enum err bind_verify(const struct session_bind *m);

/*
 * Record a verified bind (a copy); one that is already there stays as it is.
 * ERR_BIND_OVER after a login's, ERR_BIND_TWICE for the session with another
 * key, ERR_LIMIT beyond LIMIT_SESSION_BINDS, ERR_MEMORY.  The caller calls route_fail on every
 * error.
 */
enum err route_add(struct route *r, const struct session_bind *m);

/*
 * A bind was refused, and why.  After ERR_KEY_TYPE, where another bind could have been added, keys
 * without constraints still sign: an ssh that is newer than the agent can log in to a host whose
 * key is of a newer type.  That tells a client with bad intent nothing it could not have by not
 * binding at all.  After every other reason nothing is signed.
 */
void route_fail(struct route *r, enum err why);

void route_clear(struct route *r);

/*
 * The host that this login is to, as far as the client proved it: the last bind, if that is a
 * login's and of the same session.  NULL: none.
 */
const struct bind *route_login_bind(const struct route *r, const struct sign_login *login);

/* True when these data are a login, the last bind is a login's, and the one is not of the other's
 * session and host. */
bool route_is_astray(const struct route *r, const struct sign_data *what);

/* What these constraints (empty: none) call the host of this bind: *name is a view into them.
 * False: nothing. */
bool route_host_name(const struct bind *b, struct bytes destinations, struct bytes *name);

/* True when another host can be at the client's end: for policy. */
bool route_is_remote(const struct route *r);

/* True when a host that the agent was forwarded to is proved to be on the way: for the log. */
bool route_is_forwarded(const struct route *r);

/*
 * May a key with these constraints (empty: none) be seen and removed here?
 * Over a forwarding it may when there is anywhere to go on to with it.
 * ERR_BIND_FAILED, ERR_ROUTE.
 */
enum err route_permits(const struct route *r, struct bytes destinations);

/*
 * May the key of this blob sign data here?  No key may after a bind that barred the connection
 * (ERR_BIND_FAILED), nor, where the last bind is a login's, for a login of another session or to
 * another host key (ERR_OTHER_SESSION).  With constraints only a login to the host of the
 * last bind: ERR_UNBOUND, ERR_NOT_LOGIN, ERR_OTHER_SESSION, and as route_permits.
 */
enum err route_permits_sign(
    const struct route *r, struct bytes destinations, struct bytes blob, struct bytes data);

#endif
