/* The file of what is looked for (secret_scan.h): a needle a line, in hex, 8 bytes at least. */
#ifndef SIGNET_SECRET_NEEDLES_H
#define SIGNET_SECRET_NEEDLES_H

#include "tests/support/secret_scan.h"

/* False, with the reason on standard error, when it cannot be read, has none or another line. */
bool needles_load(struct scan *s, const char *path);

#endif
