/* Decisions in words: for the control protocol and the journal. */
#include <stdio.h>
#include <time.h>

#include "agent/decisions.h"
#include "proto/ctlmsg.h"

const char *decision_words(unsigned what)
{
	static const char *const words[] = {
#define DECISION_WORDS(name, text) text,
	    DECISION_LIST(DECISION_WORDS)
#undef DECISION_WORDS
	};

	return what < sizeof(words) / sizeof(words[0]) ? words[what] : words[0];
}

const char *consent_words(unsigned consent)
{
	static const char *const words[] = {"not asked", "asked", "remembered"};

	return consent < sizeof(words) / sizeof(words[0]) ? words[consent] : words[0];
}

bool decision_wanted(const struct entry *e)
{
	static const enum err unwanted[] = {ERR_OK, ERR_TRUNCATED, ERR_SURPLUS, ERR_TOO_LONG,
	    ERR_FORMAT, ERR_TEXT, ERR_SIGN_FLAGS, ERR_DENIED};

	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
		if (e->why == unwanted[i])
			return false;
	}
	/* A program that tries one key after the other; but not when the key went while a person
	   was asked for it. */
	if (e->why == ERR_NOT_FOUND && e->consent == CONSENT_NOT_ASKED)
		return false;
	return e->what == DECISION_SIGN;
}

static void put_time(struct builder *b, int64_t when)
{
	char text[32] = "";
	time_t t = (time_t)when;
	struct tm parts;

	/* Not local time: its rules are in a file, which the core cannot open. */
	if (gmtime_r(&t, &parts) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	ctl_pair_build(b, "time", text);
}

static void put_some(struct builder *b, const char *name, const char *value)
{
	if (value[0] != '\0')
		ctl_pair_build(b, name, value);
}

void decision_build(struct builder *b, const struct entry *e, bool hidden)
{
	ctl_pair_number(b, "number", e->number);
	put_time(b, e->time);
	ctl_pair_build(b, "request", decision_words(e->what));
	ctl_pair_build(b, "answer", e->why == ERR_OK ? "allowed" : "refused");
	if (e->why != ERR_OK)
		ctl_pair_build(b, "reason", err_text(e->why));
	put_some(b, "key", hidden ? "" : e->print);
	put_some(b, "comment", hidden ? "" : e->comment);
	if (e->pid != 0)
		ctl_pair_number(b, "pid", (uint64_t)e->pid);
	put_some(b, "program", e->program);
	put_some(b, "destination", hidden ? "" : e->destination);
	ctl_pair_build(b, "forwarded", e->forwarded ? "yes" : "no");
	put_some(b, "through", hidden ? "" : e->through);
	put_some(b, "view", e->view);
	ctl_pair_build(b, "consent", consent_words(e->consent));
	if (hidden)
		ctl_pair_build(b, "hidden", "keys and hosts, while the agent is locked");
}
