/*
 * Libraries that find and drive security keys by themselves, through OpenSSH's sk-api (skapi.h).
 * What such a library does, its worst included, stays in this process.
 */
#ifndef SIGNET_FIDO_MIDDLEWARE_H
#define SIGNET_FIDO_MIDDLEWARE_H

#include "tokens/fido/op.h"

/* ERR_PROVIDER when the library cannot be loaded or is none; else what it said. */
enum err middleware_sign(struct op *op, const struct fido_sign *m);
enum err middleware_resident(struct op *op, const struct fido_resident *m);

#endif
