/* One PIN question a token at a time: who has it, and who waits for it to be over. */
#include "agent/tokensign_impl.h"

/* Does nobody ask about its token, or wait longer to? */
static bool is_first(const struct tokensign *t)
{
	for (const struct tokensign *o = t->all->first; o != NULL; o = o->next) {
		if (o->asks_of == t->asks_of &&
		    (o->asking == ASKING_NOW ||
			(o->asking == ASKING_LATER && o->asks_as < t->asks_as)))
			return false;
	}
	return true;
}

static struct tokensign *next_to_ask(const struct tokensigns *ts)
{
	for (struct tokensign *t = ts->first; t != NULL; t = t->next) {
		if (t->asking == ASKING_LATER && is_first(t))
			return t;
	}
	return NULL;
}

/* What the one before did may have been enough, so the token is asked first. */
static void pass_on(struct task *task)
{
	struct tokensigns *ts =
	    (struct tokensigns *)(void *)((char *)task - offsetof(struct tokensigns, pass));
	struct tokensign *t;

	ts->pass_posted = false;
	while ((t = next_to_ask(ts)) != NULL) {
		t->asking = ASKING_NOW;
		tokensign_send(t, false);
	}
}

bool tokensign_may_ask(struct tokensign *t)
{
	if (t->asking == ASKING_NONE) {
		t->asks_of = token_hold(t->use.token);
		t->asks_as = ++t->all->asked;
		t->asking = is_first(t) ? ASKING_NOW : ASKING_LATER;
	}
	return t->asking == ASKING_NOW;
}

void tokensign_ask_no_more(struct tokensign *t)
{
	struct tokensigns *ts = t->all;

	if (t->asking == ASKING_NONE)
		return;
	if (t->asking == ASKING_NOW && !ts->pass_posted) {
		/* Not from within: whoever called may be going through them all. */
		ts->pass_posted = true;
		ts->pass.run = pass_on;
		loop_post(ts->loop, &ts->pass);
	}
	t->asking = ASKING_NONE;
	token_release(t->asks_of);
	t->asks_of = NULL;
}
