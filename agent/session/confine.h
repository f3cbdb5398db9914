/* What signet-session gives up before it connects to a bus. */
#ifndef SIGNET_SESSION_CONFINE_H
#define SIGNET_SESSION_CONFINE_H

#include "proto/base/err.h"

/* For good.  ERR_LIMIT, ERR_SYSTEM; a kernel that lacks what it takes is no error. */
enum err session_confine(void);

#endif
