#include "agent/token_pin.h"

#include "agent/conn.h"
#include "agent/devicetext.h"
#include "agent/options.h"
#include "proto/base/text.h"
#include "proto/limits.h"

enum { MOST_ASKED = 2 }; /* one more chance than the first */

static const char title[] = "Signet: PIN of a token";

/* Names are the token's own, and could say anything. */
static void put_quoted(struct builder *b, struct bytes name)
{
	char shown[DEVICETEXT_SHOWN + 3];

	devicetext_put(b, text_quote(name, shown, sizeof(shown)));
}

/* NULL: the last was the last. */
static struct token *next_named(const struct module *m, struct token *after)
{
	struct token *t = module_next_token(m, after);

	while (t != NULL && (token_about(t)->type == TOKEN_READER || token_about(t)->name.len == 0))
		t = module_next_token(m, t);
	return t;
}

/* The helper enters it at the first that is meant and wants one: which, only it knows. */
static void put_tokens(struct builder *b, const struct module *m)
{
	struct token *t = next_named(m, NULL);
	struct token *next = t != NULL ? next_named(m, t) : NULL;

	if (next != NULL)
		devicetext_put(b, "the first of these tokens that is meant and wants one,");
	else
		devicetext_put(b, "token");
	for (; t != NULL; t = next_named(m, t)) {
		devicetext_put(b, " ");
		put_quoted(b, token_about(t)->name);
		if (next != NULL)
			devicetext_put(b, ",");
	}
}

static void put_text(struct builder *b, const struct token_pin_ask *a)
{
	struct bytes path = module_path(a->module);
	char shown[512];

	if (a->too_long)
		devicetext_put(b, "That is longer than any PIN, and no try is spent. ");
	else if (a->times > 1)
		devicetext_put(b, "That PIN was wrong, or has not been tried. ");
	devicetext_put(b, "Enter the PIN of ");
	put_tokens(b, a->module);
	devicetext_put(b, " to add its keys.\nModule ");
	devicetext_put(b, text_escape(path, shown, sizeof(shown)));
	devicetext_put(b, ".");
	if (a->told_last)
		devicetext_put(b,
		    "\n\nThis is the last try: after another wrong PIN it is locked, and only the "
		    "token's own tools and its PUK unlock it.");
	else if (a->tries != TOKEN_TRIES_UNKNOWN)
		devicetext_tries(b, a->tries);
	else if ((a->flags & TOKEN_PIN_LOW) != 0)
		devicetext_put(b, "\n\nA wrong PIN was entered before: few tries are left.");
}

static void answered(void *ctx, enum err result, struct bytes answer);

static bool ask(struct token_pin_ask *a)
{
	struct core *core = a->core;
	struct builder text = {0};
	struct helper_ask question = {
	    .kind = ASKPASS_SECRET,
	    .title = bytes_str(title),
	    .pid = (uint32_t)a->conn->peer.pid,
	    .timeout = core->options->prompt_timeout,
	    .environment = blob_view(&core->environment),
	};

	if (a->times == MOST_ASKED)
		return false;
	a->times++;
	a->told_last = a->tries == 1 || (a->flags & TOKEN_PIN_FINAL) != 0;
	put_text(&text, a);
	question.text = builder_view(&text);
	if (builder_error(&text) == ERR_OK)
		a->prompt = prompt_ask(&core->prompts, &question, answered, a);
	builder_clear(&text);
	return a->prompt != NULL;
}

static void answered(void *ctx, enum err result, struct bytes answer)
{
	struct token_pin_ask *a = ctx;

	a->prompt = NULL;
	a->too_long = result == ERR_OK && answer.len > TOKEN_PIN_MOST;
	if (a->too_long && ask(a))
		return;
	if (a->too_long || result == ERR_NO_PROMPT)
		result = ERR_PIN_NEEDED;
	else if (result == ERR_OK && answer.len == 0)
		result = ERR_DENIED;
	a->done(a, result, result == ERR_OK ? answer : BYTES_NONE);
}

bool token_pin_ask(struct token_pin_ask *a, struct core *core, const struct conn *c,
    const struct module *m, const struct token_failure *f,
    void (*done)(struct token_pin_ask *a, enum err result, struct bytes pin))
{
	const uint32_t useless = TOKEN_HAS_PAD | TOKEN_PIN_LOCKED | TOKEN_PIN_UNSET;

	if (f->why != ERR_PIN_NEEDED && (f->why != ERR_PIN || a->times == 0))
		return false;
	if (route_is_remote(&c->route) || f->tries == 0 || (f->flags & useless) != 0)
		return false;
	a->core = core;
	a->conn = c;
	a->module = m;
	a->done = done;
	a->tries = f->tries;
	a->flags = f->flags;
	a->too_long = false;
	return ask(a);
}

void token_pin_cancel(struct token_pin_ask *a)
{
	prompt_cancel(a->prompt);
	a->prompt = NULL;
}
