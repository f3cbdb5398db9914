/* What signet-fido gives up before it does what it was asked for. */
#ifndef SIGNET_FIDO_CONFINE_H
#define SIGNET_FIDO_CONFINE_H

#include <stdbool.h>

#include "proto/base/err.h"

/*
 * For good, with all threads that are started from here on.  loads: a library of somebody else is
 * going to be loaded, which may need any of it; what it prints goes nowhere.  Else memory is
 * bounded, and sandbox_enter().  ERR_SYSTEM.
 */
enum err fido_confine(bool loads);

#endif
