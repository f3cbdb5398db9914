/* What /proc says about the process that asks. */
#ifndef SIGNET_PROMPT_PROCESS_H
#define SIGNET_PROMPT_PROCESS_H

#include <sys/types.h>

#include "proto/base/bytes.h"

/* From /proc/PID/stat (proc_pid_stat(5)). */
struct process {
	pid_t pid;
	pid_t parent;
	pid_t group;
	pid_t session;
	dev_t terminal;   /* its controlling terminal; 0: none */
	pid_t foreground; /* the process group in the terminal's foreground */
	uint64_t started; /* clock ticks since boot */
	char name[64];
};

/* ERR_NOT_FOUND when it has ended, ERR_FORMAT when the kernel's line makes no sense. */
enum err process_read(pid_t pid, struct process *out);

/*
 * True when the process sits in a login from another host, at that login's own terminal: an ssh
 * server that runs as root is above it.  Nothing counts that the process itself can set.
 */
bool process_is_remote(pid_t pid);

/* True when paths mean the same to that process as to us, as far as we are allowed to look. */
bool process_shares_mounts(const struct process *p);

/* The value of a variable in the process's environment, as it was when it started. */
enum err process_variable(pid_t pid, const char *name, char *out, size_t room);

#endif
