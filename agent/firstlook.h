/*
 * Requests that wait until the first look at the key directories is over (files.h): before it, a
 * list would lack the keys that files offer, a signature by one would be refused, and a removal
 * would miss them.
 */
#ifndef SIGNET_FIRSTLOOK_H
#define SIGNET_FIRSTLOOK_H

#include "agent/conn.h"

/*
 * True: the request (a whole message, copied) is parked, and is handled as any other as soon as
 * files_wait lets it go on.  False: it need not wait, or there is no memory for it.
 */
bool firstlook_defer(struct conn *c, struct bytes message);

#endif
