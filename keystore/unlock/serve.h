/* What signet-unlock does: one request, one answer (proto/filesmsg.h). */
#ifndef SIGNET_UNLOCK_SERVE_H
#define SIGNET_UNLOCK_SERVE_H

#include <stddef.h>

#include "proto/base/err.h"

/*
 * Take a request from sock and answer it, by a file that lies in one of these n directories
 * (absolute paths), and by no other.  ERR_OK: it was answered, be it by UNLOCK_FAILED.  Else
 * nothing was sent as a whole: ERR_CLOSED when the asker hung up, what was wrong with the frame,
 * errors of sending.
 */
enum err unlock_serve(int sock, const char *const *directories, size_t n);

#endif
