/*
 * How long the Secret Service is waited for: until whoever asked hangs up, and where no person can
 * be the reason, not over LIMIT_DEVICE_MS.
 */
#ifndef SIGNET_KEYRING_PATIENCE_H
#define SIGNET_KEYRING_PATIENCE_H

#include <libsecret/secret.h>
#include <stdbool.h>

#include "proto/base/err.h"

struct patience;

/*
 * Begin, once a process.  At a deadline cancel is cancelled, and a process that does not end within
 * LIMIT_CANCEL_MS then is ended.  When whoever asked hangs up, it ends at once, without a word to
 * the service: gnome-keyring (up to 42.1, at least) dies when its question is dismissed, with
 * everything that it has unlocked; it bears the loss of its peer.  NULL without memory.
 */
struct patience *patience_start(int sock, GCancellable *cancel);

/* The service may be asking a person from now on, or no longer. */
void patience_person(struct patience *p, bool may_be_asked);

/*
 * Before the answer is given, of which whoever asked will hang up: from now on nobody ends the
 * process but itself, and so it comes to wiping what it had.  NULL is allowed.
 */
void patience_over(struct patience *p);

/* ERR_OK while it lasts; ERR_TIMEOUT. */
enum err patience_end(const struct patience *p);

#endif
