/* PINs and signatures, whatever the applet. */
#include <stdio.h>
#include <string.h>

#include "tokens/base/pubkey.h"
#include "tokens/card/card.h"

enum { INS_VERIFY = 0x20, VERIFY_FORGET = 0xff };

static void say_status(const struct wire *w, struct card_failure *f)
{
	if (w->sw != 0)
		snprintf(f->detail, sizeof(f->detail), "SW %04X", w->sw);
}

/* What a PIN command was answered with; the tries left where it tells. */
static enum err pin_error(const struct wire *w, struct card_failure *f)
{
	say_status(w, f);
	if ((w->sw & 0xfff0) == 0x63c0) {
		f->tries = w->sw & 0x0f;
		return f->tries == 0 ? ERR_PIN_LOCKED : ERR_PIN;
	}
	switch (w->sw) {
	case SW_OK:
		return ERR_OK;
	case SW_BLOCKED:
		f->tries = 0;
		return ERR_PIN_LOCKED;
	case SW_AUTHENTICATE:
	case 0x6300:
		return ERR_PIN;
	case 0x6400: /* the reader: time is over */
	case 0x6401: /* cancelled */
	case 0x6402: /* not the same twice */
	case 0x6403: /* too short or too long */
		return ERR_PAD;
	case 0x6984: /* the PIN's data are unusable */
	case 0x6a88: /* there is none */
		return ERR_PIN_NOT_SET;
	/* A PIN that no card takes, by its length. */
	case 0x6700:
	case 0x6a80:
		return ERR_PIN;
	default:
		return ERR_TOKEN;
	}
}

/* How many tries there are before one is spent; the token learns of it. */
static enum err read_tries(
    struct wire *w, struct card_token *t, struct card_failure *f, bool *verified)
{
	uint8_t tries = TOKEN_TRIES_UNKNOWN;
	enum err e = t->applet->tries(w, t, &tries, verified);

	if (e != ERR_OK)
		return e;
	if (!*verified)
		t->tries = tries;
	/* Somebody entered it right since. */
	else if (t->tries <= 1)
		t->tries = t->full;
	f->tries = t->tries;
	return ERR_OK;
}

/* What a failure for want of a PIN says. */
static enum err needs_pin(struct card_token *t, struct card_failure *f, uint32_t flags)
{
	f->tries = t->tries;
	f->flags = card_pin_flags(t, t->tries) | flags;
	return t->tries == 0 ? ERR_PIN_LOCKED : ERR_PIN_NEEDED;
}

static enum err send_pin(struct wire *w, const struct card_token *t, struct bytes pin)
{
	struct builder b = {0};
	struct apdu a = {.ins = INS_VERIFY, .p2 = t->pin_ref};
	enum err e;

	builder_put(&b, pin);
	while (b.len < t->pin_pad && b.error == ERR_OK)
		builder_u8(&b, 0xff);
	a.data = builder_view(&b);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = apdu_send(w, &a);
	builder_clear(&b);
	return e;
}

static enum err use_pad(struct wire *w, const struct card_token *t)
{
	uint32_t code = pinpad_find(w);

	return code == 0 ? ERR_PAD : pinpad_verify(w, t, code);
}

enum err card_verify(
    struct wire *w, struct card_token *t, struct bytes pin, uint32_t flags, struct card_failure *f)
{
	bool pad = (flags & TOKEN_USE_PAD) != 0, verified = false;
	enum err e = read_tries(w, t, f, &verified);

	if (e != ERR_OK)
		return e;
	/* What would be sent is the PIN and not what is made of it, a wrong one. */
	if (t->hashed_pin) {
		snprintf(f->detail, sizeof(f->detail), "KDF-DO");
		return ERR_UNSUPPORTED;
	}
	if (t->tries == 0 || (t->tries == 1 && (flags & TOKEN_LAST_TRY) == 0))
		return needs_pin(t, f, 0);
	/* No card takes such a one, so no try is spent on it. */
	if (!pad && pin.len > t->pin_most) {
		f->flags = card_pin_flags(t, t->tries);
		return ERR_PIN;
	}
	w->pin = WIRE_PIN_NONE;
	e = pad ? use_pad(w, t) : send_pin(w, t, pin);
	if (e == ERR_OK)
		e = pin_error(w, f);
	if (e == ERR_OK)
		w->pin = WIRE_PIN_NOW;
	/* Nothing else is sent before the signature, which some keys want to follow the PIN. */
	if (e == ERR_OK && (t->full != TOKEN_TRIES_UNKNOWN || t->tries < TRIES_USUAL))
		t->tries = t->full;
	if (e == ERR_PIN || e == ERR_PIN_LOCKED) {
		char said[sizeof(f->detail)];

		memcpy(said, f->detail, sizeof(said));
		/* Not all tell how many are left. */
		(void)read_tries(w, t, f, &verified);
		memcpy(f->detail, said, sizeof(said));
		f->flags = card_pin_flags(t, t->tries);
		e = t->tries == 0 ? ERR_PIN_LOCKED : e;
	}
	return e;
}

/* The key was asked, and said no. */
static enum err refused(struct wire *w, struct card_token *t, const struct card_key *k,
    bool entered, struct card_failure *f)
{
	bool touch = (k->flags & TOKEN_KEY_TOUCH) != 0, verified = false;
	enum err e;

	say_status(w, f);
	switch (w->sw) {
	case SW_AUTHENTICATE:
		/* Cards say the same where nobody touched them in time. */
		if (touch && (entered || k->no_pin))
			return ERR_TOUCH_TIMEOUT;
		if (k->no_pin || entered)
			return ERR_TOKEN_SIGN;
		w->pin = WIRE_PIN_NONE;
		e = read_tries(w, t, f, &verified);
		if (e != ERR_OK)
			return e;
		return touch && verified ? ERR_TOUCH_TIMEOUT : needs_pin(t, f, 0);
	case SW_CONDITIONS:
		return touch ? ERR_TOUCH_TIMEOUT : ERR_TOKEN_SIGN;
	case SW_BLOCKED:
		/* Of the PIN only if it says so when asked for that. */
		if (k->no_pin)
			return ERR_TOKEN;
		w->pin = WIRE_PIN_NONE;
		e = read_tries(w, t, f, &verified);
		if (e != ERR_OK)
			return e;
		return t->tries == 0 ? needs_pin(t, f, 0) : ERR_TOKEN;
	case 0x6700:
	case 0x6a80:
	case 0x6a81:
	case 0x6a82:
	case 0x6a86:
	case 0x6a88:
	case 0x6b00:
	case 0x6d00:
		return ERR_TOKEN_SIGN;
	default:
		return ERR_TOKEN;
	}
}

/* The PIN, where one was given, must be entered, or is known to be wanted. */
static enum err prepare(struct wire *w, struct card_token *t, const struct card_key *k,
    const struct token_sign *request, bool *entered, struct card_failure *f)
{
	bool verified;
	enum err e;

	if (k->no_pin)
		return ERR_OK;
	if (request->pin.len != 0 || (request->flags & TOKEN_USE_PAD) != 0) {
		*entered = true;
		return card_verify(w, t, request->pin, request->flags, f);
	}
	if ((k->flags & TOKEN_KEY_PIN_EACH) == 0)
		return ERR_OK;
	e = read_tries(w, t, f, &verified);
	return e == ERR_OK ? needs_pin(t, f, TOKEN_PIN_EACH) : e;
}

enum err card_sign(struct wire *w, struct card_token *t, const struct card_key *k,
    const struct token_sign *request, struct card_signature *out, struct card_failure *f)
{
	struct blob data = {0};
	struct pubkey public;
	bool entered = false;
	enum err e = pubkey_parse(blob_view(&k->public), &public);

	*f = (struct card_failure){.tries = TOKEN_TRIES_UNKNOWN};
	if (e == ERR_OK)
		e = tosign(public.type, request->algorithm, request->data, &data);
	if (e != ERR_OK)
		return e;
	e = t->applet->enter(w, t);
	f->entered = e == ERR_OK;
	if (e == ERR_TOKEN)
		say_status(w, f);
	if (e == ERR_OK)
		e = prepare(w, t, k, request, &entered, f);
	if (e == ERR_OK) {
		e = t->applet->sign(w, k, &public, blob_view(&data), out);
		if (e == ERR_OK && !k->no_pin)
			w->pin = WIRE_PIN_NOW;
		if (e == ERR_NOT_FOUND)
			e = refused(w, t, k, entered, f);
		else if (e == ERR_TOKEN)
			say_status(w, f);
	}
	blob_clear(&data);
	return e;
}

enum err card_logout(struct wire *w, const struct card_token *t)
{
	bool verified = false;
	uint8_t tries;
	enum err e = t->applet->enter(w, t);

	if (e == ERR_OK)
		e = apdu_ask(
		    w, &(struct apdu){.ins = INS_VERIFY, .p1 = VERIFY_FORGET, .p2 = t->pin_ref});
	if (e == ERR_OK)
		e = t->applet->tries(w, t, &tries, &verified);
	w->pin = WIRE_PIN_NONE;
	return e == ERR_OK && verified ? ERR_TOKEN : e;
}
