#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/virtual/token/program.h"

static const char *const modes[] = {
#define MODE_NAME(id, text) text,
    TOKEN_MODE_LIST(MODE_NAME)
#undef MODE_NAME
};

static bool run_touch(void *context, char *rest, char *reply)
{
	struct program *p = context;
	unsigned n = 1;

	(void)reply;
	if (rest != NULL && !control_number(rest, &n))
		return false;
	p->token.touches += n;
	return true;
}

static bool run_refuse(void *context, char *rest, char *reply)
{
	struct program *p = context;

	(void)reply;
	p->token.refusals++;
	return rest == NULL;
}

static bool run_auto(void *context, char *rest, char *reply)
{
	struct program *p = context;

	(void)reply;
	return control_switch(rest, &p->token.always);
}

static bool run_delay(void *context, char *rest, char *reply)
{
	struct program *p = context;

	(void)reply;
	return control_number(rest, &p->token.delay_ms);
}

static bool secret_id(const char *name, enum token_secret_id *out)
{
	static const char *const names[SECRETS] = {"pin", "puk", "pw1", "pw3"};

	for (size_t i = 0; name != NULL && i < SECRETS; i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*out = (enum token_secret_id)i;
		return true;
	}
	return false;
}

/* tries NAME N */
static bool run_tries(void *context, char *rest, char *reply)
{
	struct program *p = context;
	enum token_secret_id id;
	unsigned n;

	(void)reply;
	if (!secret_id(strsep(&rest, " "), &id) || !control_number(rest, &n) || n > 15)
		return false;
	p->token.secrets[id].tries = n;
	p->token.changes++;
	return true;
}

/* secret NAME TEXT */
static bool run_secret(void *context, char *rest, char *reply)
{
	struct program *p = context;
	enum token_secret_id id;

	(void)reply;
	return secret_id(strsep(&rest, " "), &id) && rest != NULL &&
	       token_set_secret(&p->token, id, bytes_str(rest));
}

static bool run_option(void *context, char *rest, char *reply)
{
	struct program *p = context;

	(void)reply;
	return rest != NULL && token_option(&p->token, rest) && token_make(&p->token) == ERR_OK;
}

static bool find_mode(const char *name, enum token_mode *out)
{
	for (size_t i = 0; name != NULL && i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(name, modes[i]) != 0)
			continue;
		*out = (enum token_mode)i;
		return true;
	}
	return false;
}

static bool read_hex(const char *text, unsigned *out)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 16);

	*out = (unsigned)n;
	return *text != '\0' && *end == '\0' && n <= 0xffff;
}

/* mode NAME [NUMBER] [ins=XX] [times=N]; the number of "status" is in hex. */
static bool run_mode(void *context, char *rest, char *reply)
{
	struct program *p = context;
	struct token_misbehaviour bad = {.ins = -1};
	const char *word;
	unsigned n;

	(void)reply;
	if (!find_mode(strsep(&rest, " "), &bad.mode))
		return false;
	while ((word = strsep(&rest, " ")) != NULL) {
		bool ok;

		if (strncmp(word, "ins=", 4) == 0) {
			ok = read_hex(word + 4, &n) && n <= 0xff;
			bad.ins = (int)n;
		} else if (strncmp(word, "times=", 6) == 0) {
			ok = control_number(word + 6, &bad.left);
		} else if (bad.mode == TOKEN_STATUS) {
			ok = read_hex(word, &bad.argument);
		} else {
			ok = control_number(word, &bad.argument);
		}
		if (!ok)
			return false;
	}
	p->token.bad = bad;
	return true;
}

static bool run_pull(void *context, char *rest, char *reply)
{
	struct program *p = context;

	(void)reply;
	p->plugged = false;
	return rest == NULL;
}

static bool run_insert(void *context, char *rest, char *reply)
{
	struct program *p = context;

	(void)reply;
	p->plugged = true;
	return rest == NULL;
}

static bool run_quit(void *context, char *rest, char *reply)
{
	struct program *p = context;

	(void)reply;
	p->quit = true;
	return rest == NULL;
}

static bool run_status(void *context, char *rest, char *reply)
{
	const struct program *p = context;
	const struct token *t = &p->token;
	const char *applet = t->applet == &token_piv       ? "piv"
			     : t->applet == &token_openpgp ? "openpgp"
							   : "none";

	snprintf(reply, CONTROL_REPLY,
	    "waiting=%s busy=%s plugged=%s applet=%s apdus=%u selects=%u verifies=%u wrong=%u"
	    " signatures=%u touches=%u pin=%u puk=%u pw1=%u pw3=%u verified=%s mode=%s",
	    t->waiting ? "yes" : "no", t->busy ? "yes" : "no", p->plugged ? "yes" : "no", applet,
	    t->counts.apdus, t->counts.selects, t->counts.verifies, t->counts.wrong,
	    t->counts.signatures, t->counts.touches, t->secrets[SECRET_PIN].tries,
	    t->secrets[SECRET_PUK].tries, t->secrets[SECRET_PW1].tries,
	    t->secrets[SECRET_PW3].tries,
	    t->verified[SECRET_PIN] || t->pw1_signs || t->pw1_others ? "yes" : "no",
	    modes[t->bad.mode]);
	return rest == NULL;
}

const struct control_command program_commands[] = {
    {"touch", run_touch},
    {"refuse", run_refuse},
    {"auto", run_auto},
    {"delay", run_delay},
    {"tries", run_tries},
    {"secret", run_secret},
    {"option", run_option},
    {"mode", run_mode},
    {"pull", run_pull},
    {"insert", run_insert},
    {"status", run_status},
    {"quit", run_quit},
};
const size_t program_n_commands = sizeof program_commands / sizeof *program_commands;
