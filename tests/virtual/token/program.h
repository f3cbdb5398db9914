/* token-card as a program: the card, its reader, and the tests that command it. */
#ifndef SIGNET_TESTS_VIRTUAL_TOKEN_PROGRAM_H
#define SIGNET_TESTS_VIRTUAL_TOKEN_PROGRAM_H

#include "tests/virtual/control.h"
#include "tests/virtual/token/token.h"
#include "tests/virtual/vpcd.h"

struct program {
	struct token token;
	struct vpcd reader;
	struct control control;
	const char *state; /* a file to keep it in, or NULL */
	uint64_t saved;    /* token.changes at the last save */
	bool plugged;      /* as the test wants it */
	bool quit;
};

/* The commands of a test: see main.c. */
extern const struct control_command program_commands[];
extern const size_t program_n_commands;

#endif
