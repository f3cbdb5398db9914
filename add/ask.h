/*
 * Asking for a passphrase: SSH_ASKPASS where SSH_ASKPASS_REQUIRE says so or standard input is no
 * terminal and a display is there, else the terminal (/dev/tty, without echo), else a line of
 * standard input.
 */
#ifndef SIGNET_ADD_ASK_H
#define SIGNET_ADD_ASK_H

#include "proto/base/bytes.h"

enum ask_from {
	ASK_PERSON,     /* terminal or askpass */
	ASK_ALSO_STDIN, /* standard input too, when there is neither (scripts do that) */
};

/*
 * Ask with prompt, which is plain text.  *answer has no line end and may be empty.
 * ERR_CANCELLED: end of file, the askpass window was closed, or the answer is over LIMIT_PASSPHRASE
 * (which is said); ERR_NO_PROMPT: nobody can be asked.  A signal that ends or stops the program
 * gives the terminal its echo back first; after a stop the question is asked again.
 */
enum err ask_secret(const char *prompt, enum ask_from from, struct blob *answer);

/* The sentence for ERR_NO_PROMPT, which tells what to do, to standard error. */
void ask_explain(void);

#endif
