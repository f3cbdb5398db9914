/* What helper programs do first: find their socket, read their request. */
#ifndef SIGNET_HELPERIO_H
#define SIGNET_HELPERIO_H

#include "proto/base/bytes.h"

/* Is there a socket at HELPER_FD?  Else a person started the program by hand. */
bool helper_started(void);

/*
 * The content of the next frame, of at most limit bytes, within LIMIT_HELPER_MS.  ERR_TOO_LONG,
 * ERR_CLOSED, ERR_TIMEOUT, ERR_SYSTEM, ERR_MEMORY.  ERR_VERSION for one of another version than
 * HELPER_VERSION, which has then been answered by a message of kind HELPER_ALIEN.
 */
enum err helper_receive(int sock, size_t limit, struct blob *out);

#endif
