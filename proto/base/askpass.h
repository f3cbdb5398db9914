/*
 * Asking a person through an SSH_ASKPASS program, as OpenSSH does
 * (ssh-add(1), ENVIRONMENT; SSH_ASKPASS_PROMPT=confirm|none).
 */
#ifndef SIGNET_ASKPASS_H
#define SIGNET_ASKPASS_H

#include <sys/types.h>

#include "proto/base/bytes.h"

/* SSH_ASKPASS_REQUIRE */
enum askpass_rule { ASKPASS_DEFAULT, ASKPASS_NEVER, ASKPASS_PREFER, ASKPASS_FORCE };

enum askpass_rule askpass_rule_now(void);

/* True when a display is there (DISPLAY or WAYLAND_DISPLAY), or the rule says to ask anyway. */
bool askpass_possible(void);

enum askpass_kind {
	ASKPASS_SECRET,  /* the answer is a line of output */
	ASKPASS_CONFIRM, /* the answer is the exit status */
	ASKPASS_NOTICE,  /* no answer: shown until it is ended */
};

/*
 * The program that SSH_ASKPASS names, else the first of the usual places that is there: an
 * absolute path for the caller to free.  That of SSH_ASKPASS may be one that is not there.
 * ERR_NO_PROMPT: none; ERR_SYSTEM, with errno: not found in PATH.
 */
enum err askpass_find(char **out);

/* One running askpass program. */
struct askpass {
	pid_t pid;  /* 0: none */
	int output; /* its standard output, to be read by askpass_wait; -1 for none */
	enum askpass_kind kind;
};

/*
 * Start the program that SSH_ASKPASS names, else the first of the usual places that is there.
 * ERR_NO_PROMPT when there is none or no display; ERR_SYSTEM (errno is set) when it cannot be
 * started.
 */
enum err askpass_start(enum askpass_kind kind, const char *question, struct askpass *out);

/*
 * The same with the environment env (NULL-terminated; NULL: as askpass_start): a command that a
 * person types passes on its own, as ssh-add does, since askpass scripts read their variables.
 */
enum err askpass_start_with(
    enum askpass_kind kind, const char *question, const char *const *env, struct askpass *out);

/*
 * Wait for the answer; cancel (-1: none) is a descriptor that becomes readable or hangs up when
 * the question is void.  ERR_OK: yes, with the line of output (without its line end) in *answer
 * (may be NULL); ERR_DENIED: the person said no or closed the window; ERR_ASKER_ENDED: the program
 * was killed, or was a script that could not run its commands; ERR_TIMEOUT, ERR_CANCELLED: it was
 * ended; ERR_TOO_LONG: it was ended because it wrote more than any answer has.  A confirmation is a
 * yes when the exit status is 0 and the line is empty or "yes" in any case, as OpenSSH has it.  The
 * program is gone and reaped afterwards in every case, and *a is empty; so are its children, where
 * it leads a process group.
 */
enum err askpass_wait(struct askpass *a, int cancel, int timeout_ms, struct blob *answer);

#endif
