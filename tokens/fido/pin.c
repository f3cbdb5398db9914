#include "tokens/fido/pin.h"

#include <fido.h>

/* Ask for the PIN, if there can be one, and say how often it may still be wrong. */
static enum err need_pin(struct op *op, struct token *t, enum err otherwise)
{
	uint8_t tries;

	if (!fido_dev_has_pin(t->dev))
		return otherwise;
	tries = token_pin_tries(t);
	if (tries == 0)
		return op_fail(op, ERR_PIN_BLOCKED, "no tries are left");
	op->tries = tries;
	return op_fail(op, ERR_PIN_NEEDED, "%s wants its PIN", t->path);
}

enum err pin_way(struct op *op, struct token *t, bool given, bool verify, enum pin_way *out)
{
	bool u2f = !fido_dev_is_fido2(t->dev);

	if (verify && u2f)
		return op_fail(op, ERR_UNSUPPORTED, "%s knows U2F only", t->path);
	if (given && fido_dev_has_pin(t->dev)) {
		if (token_pin_tries(t) == 0)
			return op_fail(op, ERR_PIN_BLOCKED, "no tries are left");
		*out = PIN_SENT;
		return ERR_OK;
	}
	if (!verify) {
		*out = PIN_NONE;
		return ERR_OK;
	}
	if (fido_dev_has_uv(t->dev)) {
		*out = PIN_BUILT_IN;
		return ERR_OK;
	}
	return need_pin(op, t, fido_dev_supports_pin(t->dev) ? ERR_PIN_UNSET : ERR_UNSUPPORTED);
}

enum err pin_failed(struct op *op, struct token *t, enum pin_way way, int code, uint64_t since)
{
	enum err e = token_failed(op, t, code, since);

	switch (e) {
	case ERR_PIN:
		if (way != PIN_SENT)
			return need_pin(op, t, ERR_DEVICE);
		op->tries = token_pin_tries(t);
		return op->tries == 0 ? ERR_PIN_BLOCKED : ERR_PIN;
	case ERR_UV:
	case ERR_PIN_NEEDED:
		return way == PIN_SENT ? ERR_DEVICE : need_pin(op, t, ERR_UV);
	case ERR_DENIED:
		/* What some devices say when they want a PIN that they did not get. */
		return way == PIN_SENT ? e : need_pin(op, t, e);
	default:
		return e;
	}
}
