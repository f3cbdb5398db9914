/* The PIN: which is sent, and when a person is asked for it. */
#include "agent/tokensign_impl.h"

enum { MOST_ASKED = 2 }; /* one more chance than the first */

static const char pin_title[] = "Signet: PIN of a token";
static const char last_title[] = "Signet: last try for the PIN of a token";

static void ask_pin(struct tokensign *t);

static bool is_last_try(const struct tokensign *t)
{
	return t->tries == 1 || (t->token_flags & TOKEN_PIN_FINAL) != 0;
}

/* The last try is a person's. */
const struct blob *tokensign_kept(const struct tokensign *t)
{
	bool usable = !t->kept_failed && !is_last_try(t) && (t->token_flags & TOKEN_HAS_PAD) == 0;

	return usable ? token_pin(t->use.token) : NULL;
}

/* --- asking ------------------------------------------------------------------- */

static void pin_given(void *ctx, enum err result, struct bytes answer)
{
	struct tokensign *t = ctx;

	t->prompt = NULL;
	if (result == ERR_OK && answer.len == 0)
		result = ERR_DENIED;
	if (result == ERR_OK && answer.len > TOKEN_PIN_MOST) {
		t->remark = REMARK_LENGTH;
		ask_pin(t);
		return;
	}
	if (result == ERR_OK)
		result = blob_copy(&t->pin, answer);
	t->pin_is_stored = false;
	if (result == ERR_OK)
		tokensign_send(t, false);
	else
		tokensign_refuse(t, result == ERR_NO_PROMPT ? ERR_PIN_NEEDED : result);
}

/* One more chance, if there is one. */
static bool ask_once_more(struct tokensign *t)
{
	if (t->asked++ != MOST_ASKED)
		return true;
	tokensign_refuse(
	    t, t->remark == REMARK_NONE || t->remark == REMARK_UNTRIED || t->remark == REMARK_AGAIN
		   ? ERR_PIN_NEEDED
		   : ERR_PIN);
	return false;
}

static void ask_pin(struct tokensign *t)
{
	struct builder text = {0};

	if (!ask_once_more(t))
		return;
	t->stage = TOKENSIGN_PIN;
	t->told_last = is_last_try(t);
	tokensign_pin_text(&text, t);
	t->prompt = tokensign_ask(
	    t, ASKPASS_SECRET, pin_title, &text, t->all->options->prompt_timeout, pin_given, t);
	if (t->prompt == NULL)
		tokensign_refuse(t, ERR_PIN_NEEDED);
}

/* --- the keypad of a reader --------------------------------------------------- */

static void last_try_allowed(void *ctx, enum err result, struct bytes answer)
{
	struct tokensign *t = ctx;

	(void)answer;
	t->prompt = NULL;
	if (result == ERR_OK)
		tokensign_send(t, true);
	else
		tokensign_refuse(t, result == ERR_NO_PROMPT ? ERR_PIN_NEEDED : result);
}

/* A notice might be seen by nobody: before the last try somebody has to have said yes. */
static void use_pad(struct tokensign *t)
{
	struct builder text = {0};

	if (!ask_once_more(t))
		return;
	t->told_last = is_last_try(t);
	if (!t->told_last) {
		tokensign_send(t, true);
		return;
	}
	t->stage = TOKENSIGN_PIN;
	tokensign_last_text(&text, t);
	t->prompt = tokensign_ask(t, ASKPASS_CONFIRM, last_title, &text,
	    t->all->options->prompt_timeout, last_try_allowed, t);
	if (t->prompt == NULL)
		tokensign_refuse(t, ERR_PIN_NEEDED);
}

/* --- what became of one ------------------------------------------------------- */

void tokensign_want_pin(struct tokensign *t)
{
	t->stage = TOKENSIGN_PIN;
	if (t->tries == 0 || (t->token_flags & TOKEN_PIN_LOCKED) != 0)
		tokensign_refuse(t, ERR_PIN_LOCKED);
	else if ((t->token_flags & TOKEN_PIN_UNSET) != 0)
		tokensign_refuse(t, ERR_PIN_NOT_SET);
	else if (tokensign_kept(t) != NULL) /* since it was asked without */
		tokensign_send(t, false);
	else if (!tokensign_may_ask(t))
		return;
	else if (!tokensign_is_described(t, tokensign_want_pin))
		return; /* and the PIN may be remembered by then */
	else if ((t->token_flags & TOKEN_HAS_PAD) != 0)
		use_pad(t);
	else if (!tokensign_try_stored(t))
		ask_pin(t);
}

void tokensign_pin_wrong(struct tokensign *t, enum tokensign_sent sent)
{
	if (sent == SENT_NONE) {
		tokensign_refuse(t, ERR_PIN); /* none was sent */
		return;
	}
	if (sent == SENT_STORED)
		tokensign_forget_stored(t);
	t->remark = sent == SENT_KEPT || sent == SENT_STORED ? REMARK_KEPT_WRONG : REMARK_WRONG;
	tokensign_want_pin(t);
}

/* None is tried on the last try that nobody was told of; otherwise it was entered, perhaps. */
void tokensign_pin_wanted(struct tokensign *t, enum tokensign_sent sent)
{
	if (sent == SENT_TYPED)
		t->remark = is_last_try(t) && !t->told_last ? REMARK_UNTRIED : REMARK_AGAIN;
	tokensign_want_pin(t);
}

void tokensign_pin_good(struct tokensign *t)
{
	uint32_t seconds = t->all->options->remember_pin;
	bool has_it = t->sent == SENT_TYPED || t->sent == SENT_STORED;

	if (t->sent == SENT_TYPED)
		tokensign_store(t);
	if (has_it && seconds != 0)
		token_pin_keep(t->use.token, blob_view(&t->pin), seconds);
	t->sent = SENT_NONE;
}

void tokensign_doubt_pin(struct tokensign *t)
{
	if (t->sent == SENT_KEPT && !t->blinks && t->use.token != NULL)
		token_pin_forget(t->use.token);
	t->sent = SENT_NONE;
}
