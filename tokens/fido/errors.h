/* What libfido2 says, in our words. */
#ifndef SIGNET_FIDO_ERRORS_H
#define SIGNET_FIDO_ERRORS_H

#include "proto/base/err.h"

/*
 * libfido2's codes are CTAP's status bytes (CTAP 2.1, section 8.2) and, below zero, its own.
 * Always a code of fido_failure_allowed(); ERR_DEVICE where nothing says more.
 */
enum err fido_error(int code);

#endif
