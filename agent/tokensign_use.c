/* Requests to the token's helper, and what comes of them. */
#include "agent/tokensign_impl.h"

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/keyblob.h"
#include "proto/limits.h"

static const char touch_title[] = "Signet: touch your token";
static const char pad_title[] = "Signet: PIN on the keypad";

/* --- sending ------------------------------------------------------------------ */

static void notice_gone(void *ctx, enum err result, struct bytes answer)
{
	struct tokensign *t = ctx;

	(void)answer;
	t->notice = NULL;
	if (result != ERR_OK)
		log_info(
		    "a token waits for a person, and nobody can be told: %s", err_text(result));
}

static void put_touch_notice(struct tokensign *t)
{
	struct builder text = {0};

	if (!tokensign_is_described(t, put_touch_notice))
		return;
	tokensign_touch_text(&text, t);
	t->notice = tokensign_ask(t, ASKPASS_NOTICE, touch_title, &text, 0, notice_gone, t);
}

/* It takes longer than a machine does: a touch is awaited. */
static void tell_person(struct timer *timer)
{
	struct tokensign *t = TOKENSIGN_OF(timer, timer);

	t->blinks = true;
	put_touch_notice(t);
}

static void put_pad_notice(struct tokensign *t)
{
	struct builder text = {0};

	if (!tokensign_is_described(t, put_pad_notice))
		return;
	tokensign_pad_text(&text, t);
	t->notice = tokensign_ask(t, ASKPASS_NOTICE, pad_title, &text, 0, notice_gone, t);
}

static void show_notice(struct tokensign *t, bool on_pad)
{
	if (on_pad) {
		put_pad_notice(t);
	} else if (t->person) {
		t->timer.due = tell_person;
		(void)timer_arm(t->all->loop, &t->timer, clock_now() + LIMIT_NOTICE_MS);
	}
}

/* A remembered one also where none may be needed: only the token knows. */
static struct bytes choose_pin(struct tokensign *t, bool on_pad)
{
	const struct blob *kept = tokensign_kept(t);

	t->sent = on_pad            ? SENT_PAD
		  : t->pin.len != 0 ? (t->pin_is_stored ? SENT_STORED : SENT_TYPED)
		  : kept != NULL    ? SENT_KEPT
				    : SENT_NONE;
	if (t->sent == SENT_TYPED || t->sent == SENT_STORED)
		return blob_view(&t->pin);
	return t->sent == SENT_KEPT ? blob_view(kept) : BYTES_NONE;
}

static enum err get_ready(struct tokensign *t)
{
	return t->verifier != NULL ? ERR_OK : key_verifier_new(key_blob(t->key), &t->verifier);
}

void tokensign_send(struct tokensign *t, bool on_pad)
{
	struct token_sign m = {
	    .token = t->place.token,
	    .key = t->place.key,
	    .algorithm = bytes_str(t->alg->name),
	    .data = blob_view(&t->data),
	    .pin = choose_pin(t, on_pad),
	};
	bool by_person = t->sent == SENT_TYPED || t->sent == SENT_PAD;
	enum err e;

	if (by_person && t->told_last)
		m.flags |= TOKEN_LAST_TRY;
	if (on_pad)
		m.flags |= TOKEN_USE_PAD;
	t->stage = TOKENSIGN_SIGNING;
	t->person = on_pad || (t->key_flags & TOKEN_KEY_TOUCH) != 0;
	t->blinks = false;
	e = token_use_sign(&t->use, &m, t->person);
	if (e != ERR_OK) {
		t->sent = SENT_NONE;
		tokensign_refuse(t, e);
		return;
	}
	/* The helper is at work: what its answer is checked with is made meanwhile. */
	(void)get_ready(t);
	show_notice(t, on_pad);
}

void tokensign_start(struct tokensign *t)
{
	const struct token_info *about = token_about(t->use.token);
	struct token_key key;

	t->tries = about->tries;
	t->token_flags = about->flags;
	t->key_flags = token_find_key(t->use.token, t->place.key, &key) == ERR_OK ? key.flags : 0;
	t->remark = REMARK_NONE;
	t->told_last = false;
	/* Whether it is locked is the token's to say: it may have been unlocked. */
	if ((t->key_flags & TOKEN_KEY_PIN_EACH) != 0 && tokensign_kept(t) == NULL &&
	    t->tries != 0 && (t->token_flags & (TOKEN_PIN_LOCKED | TOKEN_PIN_UNSET)) == 0)
		tokensign_want_pin(t);
	else
		tokensign_send(t, false);
}

/* --- the signature ------------------------------------------------------------ */

/* As long as the modulus: leading zeros that a token left out are put back. */
static enum err put_rsa(struct builder *b, const struct tokensign *t, struct bytes r)
{
	static const uint8_t zero;
	struct pubkey key;
	enum err e = pubkey_parse(key_blob(t->key), &key);
	size_t mark;

	if (e == ERR_OK && r.len > key.rsa.n.len)
		e = ERR_TOKEN;
	if (e != ERR_OK)
		return e;
	mark = builder_open(b);
	for (size_t i = r.len; i < key.rsa.n.len; i++)
		builder_put(b, BYTES(&zero, 1));
	builder_put(b, r);
	builder_close(b, mark);
	return ERR_OK;
}

/* "string algorithm, string signature" (RFC 4253, section 6.6; RFC 5656, section 3.1.2). */
static enum err build_signature(
    struct builder *b, const struct tokensign *t, const struct token_signed *s)
{
	enum err e = ERR_OK;
	size_t mark;

	builder_cstring(b, t->alg->name);
	switch (key_type(t->key)->family) {
	case FAMILY_RSA:
		e = put_rsa(b, t, s->r);
		break;
	case FAMILY_ECDSA:
		mark = builder_open(b);
		builder_mpint(b, s->r);
		builder_mpint(b, s->s);
		builder_close(b, mark);
		break;
	default:
		builder_string(b, s->r);
	}
	return e == ERR_OK ? builder_error(b) : e;
}

/* A helper's word is not taken for it: the public key tells whether it is a signature. */
static void signature_came(struct tokensign *t, const struct token_signed *s)
{
	struct builder b = {0};
	enum err e = build_signature(&b, t, s);

	if (e == ERR_OK)
		e = get_ready(t);
	if (e == ERR_OK &&
	    key_verifier_check(t->verifier, blob_view(&t->data), builder_view(&b)) != ERR_OK)
		e = ERR_TOKEN;
	if (e == ERR_TOKEN)
		log_warn("a token gave a signature that its public key does not fit");
	if (e == ERR_OK)
		tokensign_pin_good(t);
	tokensign_finish(t, e, e == ERR_OK ? builder_view(&b) : BYTES_NONE);
	builder_clear(&b);
}

/* --- failures ----------------------------------------------------------------- */

static void tell_log(const struct token_failure *f)
{
	char detail[TOKEN_TEXT_MOST + 1];

	if (f->detail.len != 0)
		log_info("token: %s (%s)", err_text(f->why),
		    text_escape(f->detail, detail, sizeof(detail)));
}

static bool is_lost(enum err why)
{
	return why == ERR_TOKEN_GONE || why == ERR_HELPER;
}

/* The PIN was found good before it failed with this, or was not looked at. */
static bool clears_pin(enum err why)
{
	return why == ERR_PIN_NEEDED || why == ERR_TOUCH_TIMEOUT || why == ERR_TOKEN_BUSY ||
	       why == ERR_TOKEN_SIGN || why == ERR_UNSUPPORTED;
}

static void failure_came(struct tokensign *t, const struct token_failure *f)
{
	enum tokensign_sent sent = t->sent;

	tell_log(f);
	if (is_lost(f->why)) {
		tokensign_lost(t, f->why);
		return;
	}
	if (sent == SENT_KEPT && !clears_pin(f->why))
		token_pin_forget(t->use.token);
	t->sent = SENT_NONE;
	blob_clear(&t->pin);
	if (f->why != ERR_PIN && f->why != ERR_PIN_NEEDED) {
		tokensign_refuse(t, f->why);
		return;
	}
	t->tries = f->tries;
	t->token_flags = f->flags;
	if (sent == SENT_KEPT)
		t->kept_failed = true;
	if (f->why == ERR_PIN)
		tokensign_pin_wrong(t, sent);
	else
		tokensign_pin_wanted(t, sent);
}

void tokensign_answered(
    struct token_use *u, const struct token_signed *s, const struct token_failure *f)
{
	struct tokensign *t = TOKENSIGN_OF(u, use);

	/* Of a question, too: its token is lost. */
	tokensign_quieten(t);
	if (s != NULL)
		signature_came(t, s);
	else
		failure_came(t, f);
}
