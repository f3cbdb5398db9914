/* How long the agent is to hold a certificate. */
#ifndef SIGNET_ADD_LIFETIME_H
#define SIGNET_ADD_LIFETIME_H

#include "proto/base/duration.h"

/* Seconds that a certificate stays in the agent after it expires (as OpenSSH 10.1 and later). */
enum { CERT_GRACE = 300 };

/*
 * The seconds that a certificate valid until valid_before (seconds since 1970; UINT64_MAX: for
 * ever) is to be held at the time now; 0: for ever.  asked is the lifetime that the person wants, 0
 * for none: the shorter one counts.  ERR_CERT when it has expired, grace included.
 */
enum err lifetime_of_cert(uint64_t valid_before, int64_t now, uint32_t asked, uint32_t *seconds);

#endif
