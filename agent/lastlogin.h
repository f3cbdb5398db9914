/*
 * Which key last logged in to a host: it is listed first on the next connection that is bound to
 * that host, for servers count the keys that are tried on them.  Only in memory; a host is known by
 * its key alone, and no name, time or key is kept with it.
 */
#ifndef SIGNET_LASTLOGIN_H
#define SIGNET_LASTLOGIN_H

#include <stddef.h>

#include "agent/route.h"

/* The core's; zero-initialised knows no host.  At most LIMIT_LAST_LOGINS: the one that was not
 * logged in to for the longest is forgotten. */
struct lastlogins {
	struct lastlogin *list; /* own memory */
	size_t n, room;
	uint64_t uses;
};

/*
 * The key of this number (identity->number) signs data on this route: it is remembered if that is a
 * login of the session that the connection was last bound to.  Without memory it is not.
 */
void lastlogin_signed(
    struct lastlogins *all, const struct route *r, struct bytes data, uint64_t key);

/* The number of the key that last logged in where the connection's last bind is for a login; 0:
 * there is no such bind, or none is known. */
uint64_t lastlogin_of(const struct lastlogins *all, const struct route *r);

/* That key is held no longer. */
void lastlogin_forget(struct lastlogins *all, uint64_t key);

void lastlogins_clear(struct lastlogins *all);

#endif
