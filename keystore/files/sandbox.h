/* What signet-files gives up before it reads anything. */
#ifndef SIGNET_FILES_SANDBOX_H
#define SIGNET_FILES_SANDBOX_H

#include "keystore/callfilter.h"
#include "keystore/files/folder.h"

/* What reading files, watching directories and writing one small file takes. */
extern const struct call_list files_calls;

/*
 * From now on only those calls can be made, only the key directories be read, and files be made in
 * the directory state (-1: none); no program be started, no other process be traced or signalled,
 * and no connection made. On a kernel without Landlock or filters, without that part.  ERR_SYSTEM:
 * new privileges could not be given up.
 */
enum err files_sandbox(const struct folders *f, int state);

#endif
