/* What signet-files does for its asker, as long as it is wanted: see proto/filesmsg.h. */
#ifndef SIGNET_FILES_SERVE_H
#define SIGNET_FILES_SERVE_H

#include "keystore/files/shelf.h"

/*
 * Take requests from sock, and tell what lies on the shelf and how it changes.  Comes back with why
 * it ended, never with ERR_OK: ERR_CLOSED when the asker hung up or s->reborn; else what was wrong
 * with a message, or errors of sending.  s and sock stay the caller's.
 */
enum err files_serve(struct shelf *s, int sock);

#endif
