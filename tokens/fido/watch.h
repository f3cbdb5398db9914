/* FIDO_WATCH: telling what is plugged in, again and again. */
#ifndef SIGNET_FIDO_WATCH_H
#define SIGNET_FIDO_WATCH_H

#include "tokens/fido/op.h"

/*
 * Send FIDO_DEVICES to sock now and at every change, until the other side hangs up or says
 * anything: ERR_OK then.  Sleeps while nothing changes.
 */
enum err watch_run(struct op *op, int sock);

#endif
