/*
 * An authenticator behind libfido2's own device interface, by plain function calls: for tests and
 * fuzzers of what uses libfido2.  There is no clock: while the authenticator waits for a touch,
 * time runs as fast as libfido2 asks.
 */
#ifndef SIGNET_TESTS_VIRTUAL_FIDO_DEV_H
#define SIGNET_TESTS_VIRTUAL_FIDO_DEV_H

#include <fido.h>

#include "tests/virtual/authenticator.h"

/*
 * A device opened on a, which stays the caller's and must outlive it; or NULL.  fido_init() was
 * called. The caller ends it with fido_dev_close() and fido_dev_free().
 */
fido_dev_t *virtual_dev_open(struct authenticator *a);

/*
 * A hostile device: what becomes of an answer of n bytes (-1: none) in buf, which has room bytes;
 * it says how many there are now, or -1.  The answer to CTAPHID_INIT comes through here too.
 */
typedef int virtual_dev_twist(void *arg, uint8_t *buf, int n, size_t room);

/*
 * The next fido_dev_open of dev, with any path, opens a: libfido2's code, FIDO_OK or why not.
 * twist may be NULL.
 */
int virtual_dev_attach(
    fido_dev_t *dev, struct authenticator *a, virtual_dev_twist *twist, void *arg);

/* Called each time that the authenticator waits, with what a test may do then; NULL for nothing. */
void virtual_dev_on_wait(fido_dev_t *dev, void (*fn)(void *arg), void *arg);

/* Commands of CTAP2 that begin with the byte `from` begin with `to` from now on. */
void virtual_dev_rewrite(fido_dev_t *dev, uint8_t from, uint8_t to);

#endif
