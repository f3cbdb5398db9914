#include "tests/virtual/card/applet.h"

#include <string.h>

enum {
	CLA_CHAIN = 0x10,
	CLA_FIDO = 0x80,
	INS_SELECT = 0xa4,
	INS_GET_RESPONSE = 0xc0,
	INS_MSG = 0x10,
	INS_STILL = 0x11, /* NFCCTAP_GETRESPONSE */
	INS_CONTROL = 0x12,
	P1_KEEPALIVE = 0x80,
	P1_CANCEL = 0x11,
	P1_END = 0x01,
	STATUS_PROCESSING = 1,
	STATUS_UP_NEEDED = 2,
	HOLD_MS = 100, /* a client that takes keep-alives gets one after so long */
	CHAIN_MAX = 1 << 16,
};

static const uint8_t aid[] = {0xa0, 0x00, 0x00, 0x06, 0x47, 0x2f, 0x00, 0x01};

/* Whoever asked is not there any more. */
static void drop(struct applet *p, uint64_t now)
{
	if (p->busy) {
		authenticator_cancel(p->authenticator);
		(void)authenticator_step(p->authenticator, now);
	}
	p->busy = p->wanted = false;
}

void applet_reset(struct applet *p, uint64_t now)
{
	drop(p, now);
	p->selected = false;
	builder_reset(&p->chain);
	builder_reset(&p->rest);
	p->rest_at = 0;
}

void applet_clear(struct applet *p)
{
	builder_clear(&p->chain);
	builder_clear(&p->rest);
}

static enum applet_outcome refuse(struct builder *reply, enum status_word sw)
{
	builder_reset(reply);
	apdu_put_status(reply, sw);
	return APPLET_ANSWER;
}

/* The next piece of the answer, and how much is left. */
static enum applet_outcome give_rest(struct applet *p, size_t most, struct builder *reply)
{
	const size_t left = p->rest.len - p->rest_at;
	const size_t n = left < most ? left : most;
	const size_t after = left - n;

	builder_put(reply, BYTES(p->rest.data + p->rest_at, n));
	p->rest_at += n;
	apdu_put_status(reply, after == 0 ? SW_OK : after > 255 ? SW_MORE : SW_MORE + (int)after);
	return APPLET_ANSWER;
}

static enum applet_outcome give(
    struct applet *p, size_t most, struct bytes data, struct builder *reply)
{
	builder_reset(&p->rest);
	builder_put(&p->rest, data);
	p->rest_at = 0;
	return give_rest(p, most, reply);
}

/* The authenticator's answer: of CTAP2 data, of U2F data and a status word. */
static enum applet_outcome finish(struct applet *p, struct builder *reply)
{
	struct bytes answer = authenticator_response(p->authenticator);

	p->busy = p->wanted = false;
	if (p->u2f) {
		const uint8_t *sw = answer.data + answer.len - 2;

		/* Nothing at all is no answer of a card. */
		if (answer.len < 2)
			return refuse(reply, SW_FAILED);
		if (sw[0] << 8 != SW_OK || sw[1] != 0)
			return refuse(reply, sw[0] << 8 | sw[1]);
		answer.len -= 2;
	}
	return give(p, p->most, answer, reply);
}

enum applet_outcome applet_step(struct applet *p, uint64_t now, struct builder *reply)
{
	if (!p->busy || !p->wanted)
		return APPLET_IDLE;
	switch (authenticator_step(p->authenticator, now)) {
	case AUTHENTICATOR_GONE:
		return APPLET_GONE;
	case AUTHENTICATOR_WAITING:
		if (!p->keepalive || now - p->held < HOLD_MS)
			return APPLET_BUSY;
		builder_u8(reply, STATUS_UP_NEEDED);
		break;
	case AUTHENTICATOR_WORKING:
		if (!p->keepalive || now - p->held < HOLD_MS)
			return APPLET_BUSY;
		builder_u8(reply, STATUS_PROCESSING);
		break;
	default:
		return finish(p, reply);
	}
	p->wanted = false;
	apdu_put_status(reply, SW_KEEPALIVE);
	return APPLET_ANSWER;
}

static enum applet_outcome start(struct applet *p, const struct apdu *a,
    enum authenticator_protocol protocol, struct bytes command, uint64_t now, struct builder *reply)
{
	p->u2f = protocol == AUTHENTICATOR_U2F;
	p->keepalive = !p->u2f && (a->p1 & P1_KEEPALIVE) != 0;
	p->busy = p->wanted = true;
	p->held = now;
	p->most = a->answer;
	authenticator_begin(p->authenticator, protocol, command, now);
	builder_reset(&p->chain);
	return applet_step(p, now, reply);
}

/* U2F reads whole APDUs: one of what came in pieces. */
static enum applet_outcome start_u2f(
    struct applet *p, const struct apdu *a, uint64_t now, struct builder *reply)
{
	struct builder whole = {0};
	enum applet_outcome outcome;

	builder_put(&whole, BYTES(((uint8_t[]){a->cla, a->ins, a->p1, a->p2, 0}), 5));
	if (p->chain.len > 0) {
		builder_u8(&whole, (uint8_t)(p->chain.len >> 8));
		builder_u8(&whole, (uint8_t)p->chain.len);
		builder_put(&whole, builder_view(&p->chain));
	}
	builder_put(&whole, BYTES("\0", 2));
	outcome = start(p, a, AUTHENTICATOR_U2F, builder_view(&whole), now, reply);
	builder_clear(&whole);
	return outcome;
}

static enum applet_outcome select_applet(
    struct applet *p, const struct apdu *a, struct builder *reply)
{
	const struct authenticator_options *o = authenticator_options(p->authenticator);

	if (a->p1 != 4)
		return refuse(reply, SW_WRONG_P1P2);
	p->selected = bytes_equal(a->data, BYTES(aid, sizeof aid));
	if (!p->selected)
		return refuse(reply, SW_FILE_NOT_FOUND);
	return give(p, a->answer, bytes_str(o->u2f ? "U2F_V2" : "FIDO_2_0"), reply);
}

/* The client asks again, or has enough. */
static enum applet_outcome still(
    struct applet *p, const struct apdu *a, uint64_t now, struct builder *reply)
{
	if (!p->busy)
		return refuse(reply, SW_CONDITIONS);
	if (a->p1 == P1_CANCEL)
		authenticator_cancel(p->authenticator);
	p->wanted = true;
	p->held = now;
	p->most = a->answer;
	return applet_step(p, now, reply);
}

static enum applet_outcome fido_command(
    struct applet *p, const struct apdu *a, uint64_t now, struct builder *reply)
{
	enum status_word sw = SW_INS;

	if (a->ins == INS_MSG && authenticator_options(p->authenticator)->ctap2)
		return start(p, a, AUTHENTICATOR_CTAP2, builder_view(&p->chain), now, reply);
	if (a->ins == INS_CONTROL)
		sw = a->p1 == P1_END ? SW_OK : SW_WRONG_P1P2;
	builder_reset(&p->chain);
	return refuse(reply, sw);
}

enum applet_outcome applet_command(
    struct applet *p, struct bytes raw, uint64_t now, struct builder *reply)
{
	struct apdu a;

	builder_reset(reply);
	if (apdu_parse(raw, &a) != ERR_OK)
		return refuse(reply, SW_WRONG_LENGTH);
	if (a.ins == INS_GET_RESPONSE && (a.cla & ~CLA_FIDO) == 0)
		return p->rest_at < p->rest.len ? give_rest(p, a.answer, reply)
						: refuse(reply, SW_CONDITIONS);
	if (a.cla == CLA_FIDO && a.ins == INS_STILL)
		return still(p, &a, now, reply);
	drop(p, now);
	if (a.cla == 0 && a.ins == INS_SELECT)
		return select_applet(p, &a, reply);
	if (!p->selected)
		return refuse(reply, SW_INS);
	if (p->chain.len + a.data.len > CHAIN_MAX)
		return refuse(reply, SW_WRONG_LENGTH);
	builder_put(&p->chain, a.data);
	if ((a.cla & CLA_CHAIN) != 0)
		return refuse(reply, SW_OK);
	if (a.cla == CLA_FIDO)
		return fido_command(p, &a, now, reply);
	return start_u2f(p, &a, now, reply);
}
