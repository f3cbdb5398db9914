/* Other programs, run for what they say. */
#ifndef SIGNET_SETUP_RUN_H
#define SIGNET_SETUP_RUN_H

#include "agent/setup/place.h"
#include "proto/base/bytes.h"

/*
 * Run argv (NULL-terminated; argv[0] an absolute path) with our environment, its standard output
 * and error in *out (may be NULL: thrown away), and ended by force after timeout_ms.  Returns its
 * exit status; -1: could not be started, or was ended.
 */
int run_program(const char *const *argv, int timeout_ms, struct blob *out);

/*
 * systemctl --user with up to four words (NULL: no more).  As run_program; -1 also where there is
 * no systemctl.
 */
int run_systemctl(struct blob *out, const char *verb, const char *a, const char *b, const char *c);

/* Does the person's service manager answer?  If not, why stands in *why (one line). */
bool manager_answers(char *why, size_t room);

/* A variable of the environment that the manager gives to what it starts; false: it has none. */
bool manager_variable(const char *name, struct path *out);

#endif
