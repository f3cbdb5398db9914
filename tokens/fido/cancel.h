/*
 * Taking a request back: a thread listens on the socket while the operation waits for a device or
 * a person.
 */
#ifndef SIGNET_FIDO_CANCEL_H
#define SIGNET_FIDO_CANCEL_H

#include <stdbool.h>

#include "proto/base/err.h"

struct cancel;
struct fido_dev;

/*
 * Listen on sock.  When its other side says anything or hangs up, the devices named with
 * cancel_watch are told to stop; if the operation then does not come to its end, this process
 * does, having answered ERR_CANCELLED unless nobody is there any more.
 */
enum err cancel_start(int sock, struct cancel **out);

/* A device that may wait for a person, until it is taken out again; both are never waited for. */
void cancel_watch(struct cancel *c, struct fido_dev *dev);
void cancel_forget(struct cancel *c, struct fido_dev *dev);

/* Was it taken back? */
bool cancel_asked(struct cancel *c);

/*
 * The operation has come to its end, and its caller may answer: gives cancel_asked().  The thread
 * keeps out of it from now on.
 */
bool cancel_end(struct cancel *c);

#endif
