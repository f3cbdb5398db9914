/* The terminal of the client that asks: found, judged, used politely. */
#ifndef SIGNET_PROMPT_TERMINAL_H
#define SIGNET_PROMPT_TERMINAL_H

#include <termios.h>

#include "agent/prompt/asker.h"
#include "agent/prompt/process.h"

/* Not ours: it belongs to the client's session, and never becomes our controlling terminal. */
struct terminal {
	int fd; /* -1: none; does not block */
	char path[32];
	struct process client;
	struct termios found; /* as it was */
	struct termios set;   /* as we left it */
};

/*
 * Open the client's terminal, when a person sits there and is waiting for that client: the request
 * is local, the process still runs and is the one that asked, sees the same files as we do, and is
 * in the terminal's foreground, and the terminal is the user's own, in line mode with echo on
 * (without, somebody else is reading a secret there).  ERR_NO_PROMPT otherwise.
 *
 * One question at a time has a terminal: this waits until no other helper has it open, and gives
 * ERR_TIMEOUT or ERR_CANCELLED when the question is over before that.
 */
enum err terminal_open(const struct question *q, struct terminal *out);

/* Let the next question have it, while it stays open here. */
void terminal_pass_on(const struct terminal *t);

/* Turn the echo off (or not), and drop what was typed before the question could be read. */
enum err terminal_prepare(struct terminal *t, bool echo);

/* Still as we left it, with the same client in its foreground? */
bool terminal_is_ours(const struct terminal *t);

/* Undo terminal_prepare, unless somebody else has set the terminal since, and close it. */
void terminal_close(struct terminal *t);

/* Write text, its control characters escaped save "\n"; what the terminal does not take is lost. */
enum err terminal_write(const struct terminal *t, const char *text);

#endif
