/*
 * How long the Secret Service is waited for: until whoever asked hangs up, and where no person can
 * be the reason, not over LIMIT_DEVICE_MS.
 */
#ifndef SIGNET_KEYRING_PATIENCE_H
#define SIGNET_KEYRING_PATIENCE_H

#include <gio/gio.h>
#include <stdbool.h>

#include "proto/base/err.h"

struct patience;

/*
 * Begin, once a process.  When patience ends, cancel is cancelled; a process that does not end
 * within LIMIT_CANCEL_MS then is ended.  NULL without memory.
 */
struct patience *patience_start(int sock, GCancellable *cancel);

/* The service may be asking a person from now on, or no longer. */
void patience_person(struct patience *p, bool may_be_asked);

/* ERR_OK while it lasts; ERR_CLOSED: whoever asked hung up; ERR_TIMEOUT. */
enum err patience_end(const struct patience *p);

#endif
