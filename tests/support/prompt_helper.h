/* Drives the real signet-prompt over its socket, as the core does. */
#ifndef TESTS_PROMPT_HELPER_H
#define TESTS_PROMPT_HELPER_H

#include "tests/support/base_test.h"

#include "proto/helpermsg.h"

/* A running one; both descriptors are -1 when it does not run. */
struct prompt_helper {
	int sock;
	int errors; /* its standard error */
	pid_t pid;
};

/* The path of the signet-prompt that was built. */
const char *prompt_helper_path(void);

/* Start it, with this environment alone. */
void prompt_helper_start(struct prompt_helper *h, const char *const *environment);

/* Send the question. */
void prompt_helper_ask(const struct prompt_helper *h, const struct helper_ask *m);

/* Its answer, after which it says no more; text is NUL-terminated. */
enum err prompt_helper_hear(const struct prompt_helper *h, char *text, size_t room);

/* The two descriptors. */
void prompt_helper_close(struct prompt_helper *h);

#endif
