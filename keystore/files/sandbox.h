/* What signet-files gives up before it reads anything. */
#ifndef SIGNET_FILES_SANDBOX_H
#define SIGNET_FILES_SANDBOX_H

#include "keystore/files/folder.h"

/*
 * From now on only the key directories can be read, and files be made in the directory state (-1:
 * none); no program be started, no other process be traced or signalled, and no connection made.
 * On a kernel without Landlock or filters, without that part.  ERR_SYSTEM: new privileges could
 * not be given up.
 */
enum err files_sandbox(const struct folders *f, int state);

#endif
