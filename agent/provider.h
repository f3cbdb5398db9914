/*
 * May a middleware library for security keys be used?  It is looked at, and loaded, by signet-fido
 * only.
 */
#ifndef SIGNET_PROVIDER_H
#define SIGNET_PROVIDER_H

#include "agent/helpercall.h"

struct provider;

/*
 * The path without links must match allowed (-P; NULL: DEFAULT_PROVIDERS), and the library must be
 * loadable and of a version that we speak.  done is called exactly once, on the loop, never from
 * within this call, unless cancelled first: ERR_OK and the path, valid during the call;
 * ERR_PROVIDER, ERR_PROVIDER_DENIED, ERR_HELPER (it crashed or hung), ERR_HELPER_MISSING.  NULL
 * without memory.
 */
struct provider *provider_check(struct calls *cs, struct bytes path, const char *allowed,
    void (*done)(void *ctx, enum err result, struct bytes path), void *ctx);

/* NULL is allowed. */
void provider_cancel(struct provider *p);

/* As OpenSSH's agent has it. */
#define DEFAULT_PROVIDERS "/usr/lib*/*,/usr/local/lib*/*"

#endif
