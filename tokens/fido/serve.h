/* What signet-fido does: one request (proto/fidomsg.h), and its answer. */
#ifndef SIGNET_FIDO_SERVE_H
#define SIGNET_FIDO_SERVE_H

#include "proto/base/err.h"

/*
 * Take a request from sock, give up what it does not need (fido_confine), do it and answer: by one
 * message, FIDO_FAILED included, or in FIDO_WATCH's case by many.  ERR_OK: it was answered;
 * ERR_CLOSED: nobody is there any more.  A request that is none is answered, too, but for one of
 * another version (ERR_VERSION), and the result is what was wrong.
 */
enum err fido_serve(int sock);

#endif
