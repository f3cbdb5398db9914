/* A program that we talk with over pipes, and that is gone when we say so. */
#ifndef SIGNET_PROMPT_CHILD_H
#define SIGNET_PROMPT_CHILD_H

#include <sys/types.h>

#include "proto/base/bytes.h"

/* Zero pid: none. */
struct child {
	pid_t pid;
	int to;   /* its standard input, non-blocking; -1 when closed */
	int from; /* its standard output, non-blocking */
};

/*
 * Start path (absolute) in a session of its own, with the environment of spawn_env; quiet: what it
 * writes to standard error is lost.  ERR_SYSTEM
 * with errno.
 */
enum err child_start(const char *path, const char *const *argv, bool quiet, struct child *out);

/*
 * All that it writes until it closes its output, into room bytes without a NUL behind: ERR_TIMEOUT
 * after patience_ms, ERR_TOO_LONG.
 */
enum err child_read(struct child *c, int patience_ms, char *out, size_t room, size_t *len);

/*
 * Let it end: its input is closed, and it has patience_ms before it is told to end, and a moment
 * more before it is killed.  What it started is killed in any case, it is reaped, and *c is empty.
 */
void child_end(struct child *c, int patience_ms);

/* For e, with which a program that asks was not started: ERR_ASKER where number (an errno) says
 * that it is not there or is none. */
enum err program_error(enum err e, int number);

/* The file of that name in PATH or the usual places, for the caller to free; NULL: none. */
char *program_find(const char *name);

#endif
