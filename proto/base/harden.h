/* The one list of process hardening steps. */
#ifndef SIGNET_HARDEN_H
#define SIGNET_HARDEN_H

#include "proto/base/err.h"

/*
 * No core dumps, not dumpable (so that other processes of the same user can
 * neither trace this one nor read its memory), and any set-group-id right given up.
 * First thing in main().
 */
void harden_process(void);

/* No exec can raise this process's rights any more. */
enum err harden_no_new_privileges(void);

#endif
