/* APDUs: which applet they are for, pieces of commands and answers, and what goes wrong on the way.
 */

#include "tests/virtual/junk.h"
#include "tests/virtual/token/tlv.h"
#include "tests/virtual/token/token.h"

enum {
	CLA_CHAIN = 0x10,
	INS_SELECT = 0xa4,
	INS_GET_RESPONSE = 0xc0,
	CHAIN_MAX = 8192,
	LONGER = 60000,
	AID_SHORTEST = 5,
};

static void drop(struct token *t)
{
	t->busy = t->waiting = t->touched = false;
	t->until = 0;
	builder_reset(&t->held);
}

static void forget(struct token *t)
{
	for (size_t i = 0; i < SECRETS; i++)
		t->verified[i] = false;
	t->pw1_signs = t->pw1_others = t->fresh = false;
}

void token_reset(struct token *t)
{
	drop(t);
	forget(t);
	t->applet = NULL;
	for (size_t i = 0; i < t->n_slots; i++)
		t->slots[i].touched = 0;
	t->endless = false;
	builder_reset(&t->chain);
	builder_reset(&t->rest);
	t->rest_at = 0;
}

/* --- answers -------------------------------------------------------------- */

static void answer(struct builder *reply, enum status_word sw)
{
	builder_reset(reply);
	apdu_put_status(reply, sw);
}

/* The next piece of the answer, and how much is left. */
static void give_rest(struct token *t, size_t most, struct builder *reply)
{
	const size_t left = t->rest.len - t->rest_at;
	const size_t n = left < most ? left : most;
	const size_t after = left - n;

	builder_reset(reply);
	builder_put(reply, BYTES(t->rest.data + t->rest_at, n));
	if (!t->endless)
		t->rest_at += n;
	if (t->endless)
		apdu_put_status(reply, SW_MORE + 0xff);
	else
		apdu_put_status(reply, after == 0    ? SW_OK
				       : after > 255 ? SW_MORE
						     : SW_MORE + (int)after);
}

static void put_junk(struct builder *b, size_t n)
{
	uint8_t *at = builder_reserve(b, n);

	if (at != NULL)
		junk_fill(at, n);
}

/* Everything after the outermost tag's length, with one that is far too big. */
static void oversize(struct builder *data)
{
	struct builder changed = {0};
	struct reader r = reader_of(builder_view(data));
	struct bytes value;
	uint32_t tag;

	if (value_next(&r, &tag, &value) != ERR_OK)
		return;
	if (tag > 0xff)
		builder_u8(&changed, (uint8_t)(tag >> 8));
	builder_u8(&changed, (uint8_t)tag);
	builder_put(&changed, BYTES("\x83\xff\xff\xff", 4));
	builder_put(&changed, value);
	builder_reset(data);
	builder_put(data, builder_view(&changed));
	builder_clear(&changed);
}

/* Is this command one that goes wrong?  Counts it. */
static bool struck(struct token *t, const struct apdu *a)
{
	if (t->bad.mode == TOKEN_GOOD || (t->bad.ins >= 0 && t->bad.ins != a->ins))
		return false;
	return true;
}

static void spend(struct token *t)
{
	if (t->bad.left > 0 && --t->bad.left == 0)
		t->bad.mode = TOKEN_GOOD;
}

/* An answer that goes wrong as a whole: true when reply is all there is to say. */
static bool spoil(struct token *t, struct builder *data, struct builder *reply)
{
	const size_t n = data->len;

	builder_reset(reply);
	switch (t->bad.mode) {
	case TOKEN_TRUNCATED:
		data->len /= 2;
		return false;
	case TOKEN_BARE:
		builder_reset(data);
		return false;
	case TOKEN_LONG:
		put_junk(data, LONGER);
		return false;
	case TOKEN_GARBAGE:
		builder_reset(data);
		put_junk(data, n);
		return false;
	case TOKEN_OVERSIZE:
		oversize(data);
		return false;
	case TOKEN_ENDLESS:
		put_junk(data, SHORT_ANSWER);
		t->endless = true;
		return false;
	case TOKEN_EMPTY:
		return true;
	case TOKEN_ONE:
		builder_u8(reply, 0x90);
		return true;
	case TOKEN_STATUS:
		apdu_put_status(reply, (enum status_word)t->bad.argument);
		return true;
	case TOKEN_NOTHING:
		builder_reset(&t->rest);
		t->rest_at = 0;
		apdu_put_status(reply, SW_MORE + 0x20);
		return true;
	default:
		return false;
	}
}

/* --- commands ------------------------------------------------------------- */

static bool begins(struct bytes whole, struct bytes part)
{
	return part.len >= AID_SHORTEST && part.len <= whole.len &&
	       bytes_equal(BYTES(whole.data, part.len), part);
}

static enum status_word select_applet(struct token *t, const struct apdu *a, struct builder *data)
{
	const struct token_applet *found = NULL;

	if (a->p1 != 4)
		return SW_BAD_P1P2;
	if (t->options.piv && begins(token_piv.aid(t), a->data))
		found = &token_piv;
	else if (t->options.openpgp && begins(token_openpgp.aid(t), a->data))
		found = &token_openpgp;
	/* What is selected stays so when there is no such applet (SP 800-73-4 part 2, 3.1.1). */
	if (found == NULL)
		return SW_FILE_NOT_FOUND;
	if (found != t->applet || t->options.forgetful)
		forget(t);
	t->fresh = t->fresh && !t->options.strict;
	t->applet = found;
	t->counts.selects++;
	return found->select(t, data);
}

static enum status_word run(struct token *t, const struct apdu *a, struct builder *data)
{
	if (a->cla == 0 && a->ins == INS_SELECT)
		return select_applet(t, a, data);
	if (t->applet == NULL)
		return SW_INS;
	return t->applet->command(t, a, data);
}

static enum token_outcome hold(struct token *t, struct builder *reply, bool late)
{
	if (!late)
		return TOKEN_ANSWER;
	builder_reset(&t->held);
	builder_put(&t->held, builder_view(reply));
	t->until = t->now + t->bad.argument;
	t->busy = true;
	return TOKEN_BUSY;
}

/* The pending command; again after a touch. */
static enum token_outcome attempt(struct token *t, struct builder *reply)
{
	struct builder data = {0};
	const bool bad = struck(t, &t->pending);
	const bool late = bad && t->bad.mode == TOKEN_HANG;
	enum status_word sw;

	if (bad && t->bad.mode == TOKEN_DIE) {
		spend(t);
		return TOKEN_GONE;
	}
	sw = run(t, &t->pending, &data);
	if (sw == SW_WAIT) {
		t->busy = true;
		builder_clear(&data);
		return TOKEN_BUSY;
	}
	t->busy = t->waiting = t->touched = t->endless = false;
	builder_reset(&t->chain);
	if (bad && t->bad.mode == TOKEN_DIE_AFTER) {
		spend(t);
		builder_clear(&data);
		return TOKEN_GONE;
	}
	if (!bad || !spoil(t, &data, reply)) {
		builder_reset(&t->rest);
		builder_put(&t->rest, builder_view(&data));
		t->rest_at = 0;
		if (sw == SW_OK)
			give_rest(t, t->pending.answer, reply);
		else
			answer(reply, sw);
	}
	builder_clear(&data);
	if (bad)
		spend(t);
	return hold(t, reply, late);
}

enum token_outcome token_step(struct token *t, uint64_t now, struct builder *reply)
{
	t->now = now;
	if (!t->busy)
		return TOKEN_IDLE;
	if (t->until == 0)
		return attempt(t, reply);
	if (now < t->until)
		return TOKEN_BUSY;
	builder_reset(reply);
	builder_put(reply, builder_view(&t->held));
	drop(t);
	return TOKEN_ANSWER;
}

static enum status_word take_piece(struct token *t, const struct apdu *a)
{
	if (t->chain.len > 0 && a->ins != t->chain_ins)
		builder_reset(&t->chain);
	if (t->chain.len + a->data.len > CHAIN_MAX)
		return SW_WRONG_LENGTH;
	t->chain_ins = a->ins;
	builder_put(&t->chain, a->data);
	return SW_OK;
}

enum token_outcome token_command(
    struct token *t, struct bytes raw, uint64_t now, struct builder *reply)
{
	struct apdu a;
	enum status_word sw = SW_OK;

	builder_reset(reply);
	t->now = now;
	t->counts.apdus++;
	drop(t);
	if (apdu_parse(raw, &a) != ERR_OK || (a.extended && !t->options.extended))
		sw = SW_WRONG_LENGTH;
	else if (a.ins == INS_GET_RESPONSE && a.cla == 0) {
		if (t->rest_at < t->rest.len)
			give_rest(t, a.answer, reply);
		else
			answer(reply, SW_CONDITIONS);
		return TOKEN_ANSWER;
	} else if ((a.cla & ~CLA_CHAIN) != 0)
		sw = SW_CLA;
	else if ((a.cla & CLA_CHAIN) != 0 && !t->options.chaining)
		sw = SW_CHAINING;
	else
		sw = take_piece(t, &a);
	if (sw != SW_OK || (a.cla & CLA_CHAIN) != 0) {
		answer(reply, sw);
		return TOKEN_ANSWER;
	}
	a.data = builder_view(&t->chain);
	t->pending = a;
	return attempt(t, reply);
}
