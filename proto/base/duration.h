/* Lengths of time as people write them: sshd_config(5), TIME FORMATS. */
#ifndef SIGNET_DURATION_H
#define SIGNET_DURATION_H

#include <stdint.h>

#include "proto/base/err.h"

/* The longest that is taken, in seconds: what OpenSSH takes too. */
#define DURATION_MOST INT32_MAX

/*
 * Numbers with a unit (s m h d w, in either case; none is seconds) in a row, whose sum it is: "90",
 * "1h30m". ERR_FORMAT for anything else, ERR_TOO_LONG for a sum over DURATION_MOST.
 */
enum err duration_parse(const char *text, uint32_t *seconds);

#endif
