/* What signet-card is asked for, and by whom of its threads that is done. */
#ifndef SIGNET_CARD_REQUESTS_H
#define SIGNET_CARD_REQUESTS_H

#include "proto/base/err.h"

/*
 * Take requests from sock and hand them to lanes (serve.h), which answer them.  Comes back with why
 * it ended, never with ERR_OK: ERR_CLOSED when the asker hung up; else what was wrong with a
 * request, which the asker was told (number 0) unless it speaks another version; ERR_MEMORY,
 * ERR_SYSTEM.  Lanes may still be at work then: the process is to end.
 */
enum err requests_serve(int sock);

#endif
