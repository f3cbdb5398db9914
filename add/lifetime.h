/* The time format of -t: sshd_config(5), TIME FORMATS. */
#ifndef SIGNET_ADD_LIFETIME_H
#define SIGNET_ADD_LIFETIME_H

#include <stdint.h>

#include "proto/base/err.h"

/* Seconds that a certificate stays in the agent after it expires (as OpenSSH 10.1 and later). */
enum { CERT_GRACE = 300 };

/* The longest lifetime, in seconds: what ssh-add takes too. */
#define LIFETIME_MOST INT32_MAX

/*
 * Numbers with a unit (s m h d w, in either case; none is seconds) in a row, whose sum it is: "90",
 * "1h30m". ERR_FORMAT for anything else, ERR_TOO_LONG for a sum over LIFETIME_MOST.
 */
enum err lifetime_parse(const char *text, uint32_t *seconds);

/*
 * The seconds that a certificate valid until valid_before (seconds since 1970; UINT64_MAX: for
 * ever) is to be held at the time now; 0: for ever.  asked is the lifetime that the person wants, 0
 * for none: the shorter one counts.  ERR_CERT when it has expired, grace included.
 */
enum err lifetime_of_cert(uint64_t valid_before, int64_t now, uint32_t asked, uint32_t *seconds);

#endif
