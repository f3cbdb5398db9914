/* Asking with a pinentry program (GnuPG's; its manual, "Implementation Details"). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/prompt/asker.h"
#include "agent/prompt/assuan.h"
#include "agent/prompt/child.h"
#include "agent/prompt/terminal.h"
#include "proto/base/askpass.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

enum {
	/* Until it greets, and for each command that sets something, in milliseconds. */
	START_MS = 5000,
	/* To end by itself when it is told BYE. */
	BYE_MS = 500,
	/* Codes of gpg-error.h. */
	GPG_TIMEOUT = 62,
	GPG_CANCELED = 99,
	GPG_NOT_CONFIRMED = 114,
	GPG_FULLY_CANCELED = 198,
};

struct pinentry {
	struct child program;
	struct assuan talk;
	struct terminal terminal; /* fd -1: it gets none */
};

/* What a kind of question looks like; buttons and prompt differ, so that one is not taken for
 * another. */
static const struct look {
	const char *ok;
	const char *cancel;
	const char *prompt;
	const char *command;
} looks[] = {
    [ASKPASS_SECRET] = {"OK", "Cancel", "Passphrase or PIN:", "GETPIN"},
    [ASKPASS_CONFIRM] = {"Allow", "Deny", NULL, "CONFIRM"},
    [ASKPASS_NOTICE] = {"Close", NULL, NULL, "MESSAGE"},
};

static bool is_set(const char *name)
{
	const char *s = getenv(name);

	return s != NULL && s[0] != '\0';
}

/* The program, for the caller to free; NULL: none. */
static char *find(void)
{
	const char *named = getenv("SIGNET_PINENTRY");

	if (named == NULL)
		return program_find("pinentry");
	if (named[0] == '/')
		return strdup(named);
	if (named[0] != '\0')
		log_warn("SIGNET_PINENTRY must be an absolute path");
	return NULL;
}

/* A command that sets something; *taken tells whether the program took it. */
static enum err set(struct pinentry *p, const char *command, const char *text, bool *taken)
{
	struct assuan_reply reply = {0};
	enum err e;

	p->talk.deadline = clock_now() + START_MS;
	e = assuan_do_text(&p->talk, command, text, &reply);
	*taken = reply.ok;
	return e;
}

/* What the program does not know it may refuse. */
static enum err tell(struct pinentry *p, const char *command, const char *text)
{
	bool taken;

	return set(p, command, text, &taken);
}

/* What the person has to see before any answer: a pinentry that does not take it cannot ask. */
static enum err tell_surely(struct pinentry *p, const char *command, const char *text)
{
	bool taken;
	enum err e = set(p, command, text, &taken);

	return e == ERR_OK && !taken ? ERR_ASKER_SHOW : e;
}

static enum err tell_option(struct pinentry *p, const char *name, const char *value)
{
	char option[256];
	int n = snprintf(option, sizeof(option), "%s=%s", name, value);

	return n > 0 && (size_t)n < sizeof(option) ? tell(p, "OPTION", option) : ERR_OK;
}

/* The terminal's type as the client knows it. */
static enum err tell_terminal(struct pinentry *p)
{
	char type[64];
	enum err e = tell_option(p, "ttyname", p->terminal.path);

	if (process_variable(p->terminal.client.pid, "TERM", type, sizeof(type)) != ERR_OK)
		strcpy(type, "vt100");
	return e == ERR_OK ? tell_option(p, "ttytype", type) : e;
}

static enum err tell_look(struct pinentry *p, const struct question *q)
{
	const struct look *look = &looks[q->ask->kind];
	char seconds[32];
	char *text;
	enum err e = tell(p, "SETTITLE", q->title);

	/* Some windows have no title that can be seen. */
	if (asprintf(&text, "%s\n\n%s", q->title, q->text) == -1)
		return ERR_MEMORY;
	if (e == ERR_OK)
		e = tell_surely(p, "SETDESC", text);
	if (e == ERR_OK)
		e = tell(p, "SETOK", look->ok);
	if (e == ERR_OK && look->cancel != NULL)
		e = tell(p, "SETCANCEL", look->cancel);
	if (e == ERR_OK && look->prompt != NULL)
		e = tell(p, "SETPROMPT", look->prompt);
	/* It ends in better order when it does so by itself, just before we would end it. */
	snprintf(seconds, sizeof(seconds), "%d", question_time_left(q) / 1000);
	if (e == ERR_OK && question_time_left(q) >= 2000)
		e = tell(p, "SETTIMEOUT", seconds);
	free(text);
	return e;
}

static enum err prepare(struct pinentry *p, const struct question *q)
{
	struct assuan_reply greeting = {0};
	const char *language = is_set("LC_ALL") ? getenv("LC_ALL") : getenv("LANG");
	enum err e;

	p->talk.cancel = q->cancel;
	p->talk.deadline = clock_now() + START_MS;
	e = assuan_do(&p->talk, NULL, &greeting);
	if (e == ERR_OK && !greeting.ok)
		e = ERR_ASKER_SHOW;
	if (e == ERR_OK && p->terminal.fd != -1)
		e = tell_terminal(p);
	if (e == ERR_OK && language != NULL)
		e = tell_option(p, "lc-ctype", language);
	return e == ERR_OK ? tell_look(p, q) : e;
}

/* What ERR means. */
static enum err meaning(unsigned code)
{
	switch (code) {
	case GPG_CANCELED:
	case GPG_FULLY_CANCELED:
	case GPG_NOT_CONFIRMED:
		return ERR_DENIED;
	case GPG_TIMEOUT:
		return ERR_TIMEOUT;
	default:
		return ERR_ASKER_SHOW;
	}
}

/* What went wrong in the talk, in words for who does not know that there was one. */
static enum err reason(enum err e)
{
	switch (e) {
	case ERR_CLOSED:
		return ERR_ASKER_ENDED;
	case ERR_TOO_LONG:
		return ERR_ASKER_FLOOD;
	case ERR_LIMIT:
		return ERR_ASKER_SHOW; /* our own words, too many for its line */
	case ERR_REPLY:
	case ERR_TEXT:
		return ERR_ASKER_REPLY;
	default:
		return e;
	}
}

/* The question itself; *asked: it may have been seen. */
static enum err put(struct pinentry *p, const struct question *q, struct blob *answer, bool *asked)
{
	struct assuan_reply reply = {
	    .answer = q->ask->kind == ASKPASS_SECRET ? answer : NULL,
	};
	enum err e;

	p->talk.deadline = q->deadline;
	*asked = true;
	e = assuan_do(&p->talk, looks[q->ask->kind].command, &reply);
	if (e == ERR_OK && answer->len != 0 && memchr(answer->data, '\0', answer->len) != NULL)
		e = ERR_TEXT;
	if (e != ERR_OK || reply.ok)
		return e;
	e = meaning(reply.error);
	*asked = e != ERR_ASKER_SHOW;
	return e;
}

/* A program that draws on the terminal and was ended in the middle leaves it as it had set it. */
static void tidy_terminal(struct pinentry *p, bool cut_short)
{
	struct termios now;

	if (p->terminal.fd == -1)
		return;
	if (cut_short && tcgetattr(p->terminal.fd, &now) == 0 &&
	    now.c_lflag != p->terminal.found.c_lflag) {
		(void)tcsetattr(p->terminal.fd, TCSADRAIN, &p->terminal.found);
		(void)terminal_write(&p->terminal, "\nSignet: the question was withdrawn.\n");
	}
	terminal_close(&p->terminal);
}

static bool converse(struct pinentry *p, const struct question *q, struct reply *reply)
{
	static const char *const argv[] = {"pinentry", NULL};
	struct assuan_reply bye = {0};
	bool asked = false;
	char *path = find();
	enum err e = path != NULL ? child_start(path, argv, false, &p->program) : ERR_NO_PROMPT;
	int why = errno;

	if (e == ERR_SYSTEM)
		log_warn("cannot start %s: %m", path);
	e = program_error(e, why);
	free(path);
	if (e == ERR_OK)
		e = assuan_start(&p->talk, p->program.to, p->program.from);
	if (e == ERR_OK)
		e = prepare(p, q);
	/* It hangs: no person has let the time pass. */
	if (e == ERR_TIMEOUT)
		e = ERR_ASKER_SHOW;
	/* Taken back before it could be shown: nobody else is to show it. */
	if (e == ERR_CANCELLED)
		asked = true;
	if (e == ERR_OK)
		e = put(p, q, &reply->answer, &asked);
	p->talk.deadline = clock_now() + BYE_MS;
	if (e == ERR_OK || e == ERR_DENIED)
		(void)assuan_do(&p->talk, "BYE", &bye);
	child_end(&p->program, e == ERR_CANCELLED ? 0 : BYE_MS);
	tidy_terminal(p, e != ERR_OK && e != ERR_DENIED);
	assuan_clear(&p->talk);
	reply->result = reason(e);
	return asked;
}

static bool ask(const struct question *q, struct reply *reply)
{
	struct pinentry p = {
	    .program = {.to = -1, .from = -1},
	    .terminal = {.fd = -1},
	};

	enum err e = terminal_open(q, &p.terminal);

	/* Over while it stood in line: there is no time left for another way. */
	if (e == ERR_CANCELLED || e == ERR_TIMEOUT) {
		reply->result = e;
		return true;
	}
	if (e != ERR_OK && !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY")) {
		reply->result = ERR_NO_PROMPT;
		return false;
	}
	/* What was typed for the question before is no answer to this one. */
	if (e == ERR_OK)
		(void)tcflush(p.terminal.fd, TCIFLUSH);
	return converse(&p, q, reply);
}

const struct asker asker_pinentry = {"pinentry", ask};
