/* Starting helper programs, for the supervisor. */
#ifndef SIGNET_HELPERS_H
#define SIGNET_HELPERS_H

#include <stdbool.h>

/*
 * Start the helper of this number (proto/helpermsg.h) from libexec/signet of our
 * own prefix.  Returns our end of its socket, to be closed by the caller, or -1
 * (after a log line) when there is no such helper or it cannot be started.
 */
int helper_start(unsigned id);

/* True when the helper's program is there. */
bool helper_present(unsigned id);

#endif
