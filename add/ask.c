#include "add/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "add/terminal.h"
#include "proto/base/askpass.h"
#include "proto/base/fdio.h"
#include "proto/builder.h"
#include "proto/limits.h"

static enum err ask_program(const char *prompt, struct blob *answer)
{
	struct askpass running;
	enum err e =
	    askpass_start_with(ASKPASS_SECRET, prompt, (const char *const *)environ, &running);

	if (e == ERR_SYSTEM) {
		fprintf(stderr, "The program in SSH_ASKPASS cannot be run: %s\n", strerror(errno));
		return ERR_CANCELLED;
	}
	if (e == ERR_OK)
		e = askpass_wait(&running, -1, -1, answer);
	if (e == ERR_ASKER_ENDED)
		fprintf(stderr, "No answer: %s\n", err_text(e));
	if (e == ERR_DENIED || e == ERR_ASKER_ENDED)
		e = ERR_CANCELLED;
	if (e == ERR_OK && answer->len > LIMIT_PASSPHRASE) {
		blob_clear(answer);
		e = ERR_TOO_LONG;
	}
	return e;
}

/* A byte at a time: what follows the line belongs to the next question. */
static enum err ask_stdin(const char *prompt, struct blob *answer)
{
	struct builder line = {0};
	enum err e = ERR_OK;
	uint8_t byte = 0;

	fputs(prompt, stderr);
	while ((e = fd_read_exact(STDIN_FILENO, &byte, 1, -1)) == ERR_OK && byte != '\n') {
		if (builder_view(&line).len <= LIMIT_PASSPHRASE)
			builder_u8(&line, byte);
	}
	byte = 0;
	fputc('\n', stderr);
	if (builder_view(&line).len > LIMIT_PASSPHRASE)
		e = ERR_TOO_LONG;
	else if (e != ERR_OK && builder_view(&line).len == 0)
		e = ERR_NO_PROMPT;
	else
		e = builder_take(&line, answer);
	builder_clear(&line);
	return e;
}

static enum err ask_anyone(const char *prompt, enum ask_from from, struct blob *answer)
{
	enum askpass_rule rule = askpass_rule_now();
	bool windows = rule != ASKPASS_NEVER && askpass_possible();
	enum err e;

	if (rule == ASKPASS_FORCE)
		return ask_program(prompt, answer);
	if (windows && (rule == ASKPASS_PREFER || !isatty(STDIN_FILENO)))
		return ask_program(prompt, answer);
	e = terminal_ask(prompt, answer);
	if (e != ERR_NO_PROMPT)
		return e;
	if (windows)
		return ask_program(prompt, answer);
	return from == ASK_ALSO_STDIN ? ask_stdin(prompt, answer) : ERR_NO_PROMPT;
}

enum err ask_secret(const char *prompt, enum ask_from from, struct blob *answer)
{
	enum err e = ask_anyone(prompt, from, answer);

	if (e == ERR_TOO_LONG) {
		fprintf(stderr, "A passphrase has at most %u bytes\n", LIMIT_PASSPHRASE);
		e = ERR_CANCELLED;
	}
	return e;
}

void ask_explain(void)
{
	fputs("Nobody could be asked: there is no terminal, and no askpass program to ask with.  "
	      "Run this in a terminal, or set SSH_ASKPASS to such a program and "
	      "SSH_ASKPASS_REQUIRE=force.\n",
	    stderr);
}
