/* The controlling terminal, with its echo off while a secret is typed. */
#ifndef SIGNET_ADD_TERMINAL_H
#define SIGNET_ADD_TERMINAL_H

#include "proto/base/bytes.h"

/*
 * Ask at /dev/tty and read a line.  ERR_NO_PROMPT: there is no terminal; ERR_CANCELLED: end of file
 * before any character; ERR_TOO_LONG as ask.h says.  A signal that came meanwhile is delivered once
 * the terminal is as it was; single-threaded programs only.
 */
enum err terminal_ask(const char *prompt, struct blob *answer);

#endif
