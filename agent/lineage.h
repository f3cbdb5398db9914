/*
 * Who a process is: itself and its ancestors.  The supervisor reads the record
 * from /proc, for the core cannot open a file; the core decodes it as
 * untrusted bytes.
 *
 * Names are what processes call themselves, and a program of the same user may
 * call itself anything: a record helps a person to recognise a request, and proves nothing.
 * For whom a process runs is told by the file of its program, which is not its own to choose,
 * though the user's: whoever can put a program named git somewhere can be the errand of another.
 */
#ifndef SIGNET_LINEAGE_H
#define SIGNET_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/builder.h"

enum {
	LINEAGE_MOST = 16,   /* processes in a record */
	LINEAGE_NAME = 68,   /* bytes of a name: 16 of the kernel's, escaped, and the NUL */
	LINEAGE_EXE = 256,   /* bytes of a program's path, NUL included */
	LINEAGE_ARGS = 1024, /* bytes of the client's arguments */
	/* The longest encoded record, in bytes. */
	LINEAGE_RECORD = LINEAGE_MOST * (LINEAGE_NAME + LINEAGE_EXE + 32) + LINEAGE_ARGS + 32,
};

struct process {
	pid_t pid;
	uint64_t started; /* clock ticks since boot: with pid it names one process for ever */
	uid_t uid;
	char name[LINEAGE_NAME]; /* the kernel's name for it ("ssh"), escaped */
	char
	    exe[LINEAGE_EXE]; /* its program file, escaped, cut at the front; empty: not readable */
	bool settled; /* that file is where only root may put one: in /usr/bin, not in a home */
	bool helper;  /* runs for the one above it: ssh, git, a shell that runs a script, ... */
};

/* Zero-initialised: a process that is gone. */
struct lineage {
	size_t count; /* 0: the process is gone */
	struct process
	    process[LINEAGE_MOST]; /* the client, its parent, ... up to the session leader */
	bool remote;               /* an ssh daemon is among the ancestors: a remote login */
	char tty[LINEAGE_NAME];    /* the client's terminal ("pts/3"), or empty */
	size_t args_len;
	char args[LINEAGE_ARGS +
		  1]; /* the client's arguments as they are, a NUL after each; untrusted */
};

/* Supervisor: look at /proc.  count is 0 when there is no such process. */
void lineage_read(pid_t pid, struct lineage *out);

void lineage_build(struct builder *b, const struct lineage *l);

/* The whole of record; texts are escaped anew.  An error leaves *out alone. */
enum err lineage_parse(struct bytes record, struct lineage *out);

/*
 * The program on whose behalf the client runs: the first that is no helper (ssh and its tools, git,
 * rsync, scp, sftp, signet-add, shells that run a command), else the topmost.  One whose file
 * cannot be read is no helper.  To remember an answer by, with its pid and start time.  NULL when
 * count is 0.
 */
const struct process *lineage_application(const struct lineage *l);

/*
 * Is its name that of its program, and the program one that only root may put there?  Then the name
 * alone says who it is; else say the file as well, and where exe is empty that nobody knows.
 */
bool lineage_plain(const struct process *p);

enum { LINEAGE_LABEL = 128 };

/* One process in a line of a log: `ssh`, `ssh (/home/me/bin/ssh)`, or `(unknown) ssh` where its
 * file cannot be read.  Returns out. */
const char *lineage_label(const struct process *p, char out[LINEAGE_LABEL]);

/* The end of a long path says more than its beginning: at most so many bytes of it, from a whole
 * character on, with "..." before it where it is cut; out: room for most and the NUL. */
void lineage_tail(const char *path, char *out, size_t most);

/* The i-th argument of the client, or NULL; valid as long as l. */
const char *lineage_argument(const struct lineage *l, size_t i);

#endif
