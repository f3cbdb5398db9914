/* What the supervisor does with the configuration. */
#ifndef SIGNET_CONFIG_APPLY_H
#define SIGNET_CONFIG_APPLY_H

#include <sys/types.h>

#include "agent/config.h"

/*
 * A process of its own that reads the configuration: looking hosts up takes libcrypto, which the
 * core starts in its own way, and long where known_hosts is big.  Zero-initialised is none.
 */
struct config_reading {
	pid_t pid; /* a child, to be waited for by the caller; 0: none */
	int fd;    /* where it leaves what it read */
};

/* path as of config_load.  ERR_SYSTEM with errno. */
enum err config_reading_start(struct config_reading *r, const char *path);

/* It ended in this way (waitpid).  Mistakes were said in the log, and counted in the
 * configuration; NULL: it could not be read, which was said too. */
struct config *config_reading_end(struct config_reading *r, int how);

/* At the start, waiting for it: what is right holds, or it is refused.  NULL: as
 * config_reading_end. */
struct config *config_start(const char *path);

/* Print each mistake of the file and of what it names on standard output; the exit status. */
int config_report(const char *path);

/* To the core: CHANNEL_RELOAD.  ERR_MEMORY; ERR_SYSTEM with errno. */
enum err config_send(const struct config *c, int channel);

/* Which of CONFIG_VARIABLES this process was started with: those go before the configuration. */
struct variables {
	bool own[CONFIG_VARIABLES];
};
void variables_note(struct variables *v);

/* Set the others, or take them away, for helpers that are started from now on. */
void variables_apply(const struct variables *v, const struct config *c);

#endif
