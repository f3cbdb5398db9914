/* What the supervisor does with the configuration. */
#ifndef SIGNET_CONFIG_APPLY_H
#define SIGNET_CONFIG_APPLY_H

#include "agent/config.h"

/* At the start: mistakes are said in the log, and what is right holds.  NULL without memory.  path
 * as of config_load; "none": the defaults. */
struct config *config_start(const char *path);

/* On SIGHUP: mistakes are said in the log, and there is NULL then. */
struct config *config_reload(const char *path);

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
