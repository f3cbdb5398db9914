/* signet-agent --doctor: what a login needs, looked at, a line each. */
#ifndef SIGNET_SETUP_DOCTOR_H
#define SIGNET_SETUP_DOCTOR_H

#include "agent/setup/place.h"

/* Print a line for each check; the exit status: success when all that matters is well. */
int doctor(const struct place *p);

#endif
