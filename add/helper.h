/* A helper program that we started ourselves (proto/helperexec.h): for what works without any
 * agent.
 */
#ifndef SIGNET_ADD_HELPER_H
#define SIGNET_ADD_HELPER_H

#include <sys/types.h>

#include "proto/base/bytes.h"

/* The content of the next frame.  ERR_HELPER: it ended; ERR_REPLY: none, or over limit bytes;
 * ERR_TIMEOUT. */
enum err helper_read(int sock, size_t limit, int timeout_ms, struct blob *out);

/* It has answered, or never will: hanging up ends it, and what does not end is killed. */
void helper_see_end(pid_t pid, int sock);

#endif
