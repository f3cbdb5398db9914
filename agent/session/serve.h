/* What signet-session does for its asker, as long as it is wanted: see proto/sessionmsg.h. */
#ifndef SIGNET_SESSION_SERVE_H
#define SIGNET_SESSION_SERVE_H

#include "proto/base/err.h"

/*
 * Take the core's first message, give up what is not needed (session_confine), and tell whether the
 * screen is locked and sleep comes, as it changes.  Comes back with why it ended, never with
 * ERR_OK: ERR_CLOSED when the core hung up; what was wrong with a message; errors of sending,
 * ERR_SYSTEM.
 */
enum err session_serve(int core);

#endif
