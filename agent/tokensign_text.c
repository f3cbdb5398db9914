/* What a person reads about a token. */
#include "agent/devicetext.h"
#include "agent/tokensign_impl.h"

static void put_token(struct builder *b, const struct tokensign *t)
{
	const struct token_info *about = token_about(t->use.token);

	devicetext_put(b, "token");
	devicetext_name(b, about->name);
}

static void put_reader(struct builder *b, const struct tokensign *t)
{
	const struct token_info *about = token_about(t->use.token);

	devicetext_put(b, "the reader");
	devicetext_name(b, about->place);
}

static void put_key(struct builder *b, const struct tokensign *t)
{
	devicetext_key(b, blob_view(&t->comment), t->print, blob_view(&t->purpose));
}

void tokensign_insert_text(struct builder *b, const struct tokensign *t)
{
	const struct module *m = module_find(t->all->modules, t->place.module);
	enum err trouble = m != NULL ? module_trouble(m) : ERR_OK;

	devicetext_put(b, "Plug in the token (or insert the card) that holds");
	put_key(b, t);
	if (trouble != ERR_OK) {
		devicetext_put(b, "\n\nIt might not be seen: ");
		devicetext_put(b, err_text(trouble));
		devicetext_put(b, ".");
	}
	devicetext_put(
	    b, "\n\nSignet goes on by itself when it is there. Deny or cancel to refuse at once.");
}

void tokensign_touch_text(struct builder *b, const struct tokensign *t)
{
	devicetext_put(b, "Touch your ");
	put_token(b, t);
	devicetext_put(b, " to use");
	put_key(b, t);
	devicetext_waiting(b, token_waiting(t->use.token));
}

static void put_tries(struct builder *b, const struct tokensign *t)
{
	if (t->told_last)
		devicetext_put(b,
		    "\n\nThis is the last try: after another wrong PIN it is locked, and only the "
		    "token's own tools and its PUK unlock it.");
	else if (t->tries != TOKEN_TRIES_UNKNOWN)
		devicetext_tries(b, t->tries);
	else if ((t->token_flags & TOKEN_PIN_LOW) != 0)
		devicetext_put(b, "\n\nA wrong PIN was entered before: few tries are left.");
}

static void put_remark(struct builder *b, const struct tokensign *t)
{
	static const char *const remarks[] = {
	    [REMARK_NONE] = "",
	    [REMARK_WRONG] = "That PIN was wrong. ",
	    [REMARK_KEPT_WRONG] = "The PIN that was remembered is wrong. ",
	    [REMARK_LENGTH] = "That is longer than any PIN, and no try is spent. ",
	    [REMARK_UNTRIED] = "That PIN has not been tried. ",
	    [REMARK_AGAIN] = "The token asks for the PIN once more. ",
	};

	devicetext_put(b, remarks[t->remark]);
}

void tokensign_pin_text(struct builder *b, const struct tokensign *t)
{
	put_remark(b, t);
	devicetext_put(b, "Enter the PIN of ");
	put_token(b, t);
	devicetext_put(b, " to use");
	put_key(b, t);
	if (((t->key_flags & TOKEN_KEY_PIN_EACH) | (t->token_flags & TOKEN_PIN_EACH)) != 0)
		devicetext_put(b, "\n\nThis key wants the PIN for each signature.");
	put_tries(b, t);
}

void tokensign_pad_text(struct builder *b, const struct tokensign *t)
{
	put_remark(b, t);
	devicetext_put(b, "Enter the PIN of ");
	put_token(b, t);
	devicetext_put(b, " on the keypad of ");
	put_reader(b, t);
	devicetext_put(
	    b, (t->key_flags & TOKEN_KEY_TOUCH) != 0 ? ", then touch it, to use" : " to use");
	put_key(b, t);
	put_tries(b, t);
	devicetext_waiting(b, token_waiting(t->use.token));
}

void tokensign_last_text(struct builder *b, const struct tokensign *t)
{
	put_remark(b, t);
	devicetext_put(b, "Go on with the last try for the PIN of ");
	put_token(b, t);
	devicetext_put(b, ", on the keypad of ");
	put_reader(b, t);
	devicetext_put(b, ", to use");
	put_key(b, t);
	put_tries(b, t);
}
