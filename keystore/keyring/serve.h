/* What signet-keyring does: one request (proto/keyringmsg.h), and its answer. */
#ifndef SIGNET_KEYRING_SERVE_H
#define SIGNET_KEYRING_SERVE_H

#include "proto/base/err.h"

/*
 * Take a request from sock, give up what is not needed (keyring_confine), carry it out and answer.
 * ERR_OK: it was answered, be it by KEYRING_FAILED; ERR_CLOSED: nobody is there any more.  What is
 * no request is answered, too, and the result is what was wrong with it.
 */
enum err keyring_serve(int sock);

#endif
