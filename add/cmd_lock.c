#include <stdio.h>

#include "add/ask.h"
#include "add/command.h"
#include "proto/agentmsg.h"
#include "proto/base/mem.h"

/* Locking asks twice: a slip would shut the person out. */
static enum err ask_password(bool twice, struct blob *password)
{
	struct blob again = {0};
	enum err e = ask_secret("Enter lock password: ", ASK_ALSO_STDIN, password);

	if (e != ERR_OK || !twice)
		return e;
	e = ask_secret("Again: ", ASK_ALSO_STDIN, &again);
	if (e == ERR_OK &&
	    (password->len != again.len || !mem_equal(password->data, again.data, again.len)))
		e = ERR_PASSPHRASE;
	blob_clear(&again);
	return e;
}

static void say_unasked(struct run *r, const char *verb, enum err e)
{
	if (e == ERR_NO_PROMPT)
		r->unasked = true;
	if (e == ERR_CANCELLED || e == ERR_NO_PROMPT)
		fprintf(stderr, "Failed to %s agent: no password was given\n", verb);
	else if (e == ERR_PASSPHRASE)
		fputs("Passwords do not match.\n", stderr);
	else
		fprintf(stderr, "Failed to %s agent: %s\n", verb, err_text(e));
}

static int change_lock(struct run *r, enum agent_number number, const char *verb)
{
	struct blob password = {0};
	struct builder b = {0};
	size_t mark = message_open(&b, number);
	enum err e = ask_password(number == AGENT_LOCK, &password);

	if (e != ERR_OK) {
		say_unasked(r, verb, e);
	} else {
		builder_string(&b, blob_view(&password));
		message_close(&b, mark);
		e = simple_call(r, &b);
		if (e == ERR_OK)
			fprintf(stderr, "Agent %sed.\n", verb);
		else
			fprintf(stderr, "Failed to %s agent: %s\n", verb, client_words(e));
	}
	builder_clear(&b);
	blob_clear(&password);
	return e == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

int cmd_lock(struct run *r)
{
	return change_lock(r, AGENT_LOCK, "lock");
}

int cmd_unlock(struct run *r)
{
	return change_lock(r, AGENT_UNLOCK, "unlock");
}
