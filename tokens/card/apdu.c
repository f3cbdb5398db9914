#include "tokens/card/apdu.h"

enum {
	CHAIN_PART = 255,
	EXTENDED_ANSWER = APDU_REPLY_MOST - 2, /* enough for all; more comes in parts */
	CLA_CHAIN = 0x10,
	INS_GET_RESPONSE = 0xc0,
	INS_SELECT = 0xa4,
};

void wire_clear(struct wire *w)
{
	builder_clear(&w->answer);
}

/* Send what was built; its data are appended to w->answer, its status word is in w->sw. */
static enum err exchange(struct wire *w, struct builder *command)
{
	uint8_t reply[APDU_REPLY_MOST];
	size_t n = sizeof(reply);
	enum err e = builder_error(command);

	if (e == ERR_OK)
		e = w->transmit(w->ctx, builder_view(command), reply, &n);
	builder_clear(command);
	if (e != ERR_OK)
		return e;
	if (n < 2 || n > sizeof(reply) || w->answer.len + n - 2 > APDU_ANSWER_MOST)
		return ERR_TOKEN;
	w->sw = (uint16_t)(reply[n - 2] << 8 | reply[n - 1]);
	builder_put(&w->answer, BYTES(reply, n - 2));
	return builder_error(&w->answer);
}

static void put_header(struct builder *b, uint8_t cla, const struct apdu *a)
{
	builder_u8(b, cla);
	builder_u8(b, a->ins);
	builder_u8(b, a->p1);
	builder_u8(b, a->p2);
}

/* le: bytes wanted, 256 as 0; -1: none. */
static enum err send_short(
    struct wire *w, uint8_t cla, const struct apdu *a, struct bytes data, int le)
{
	struct builder b = {0};

	put_header(&b, cla, a);
	if (data.len != 0) {
		builder_u8(&b, (uint8_t)data.len);
		builder_put(&b, data);
	}
	if (le >= 0 && !(w->t0 && data.len != 0))
		builder_u8(&b, (uint8_t)le);
	else if (w->t0 && data.len == 0)
		builder_u8(&b, 0);
	return exchange(w, &b);
}

static enum err send_extended(struct wire *w, const struct apdu *a)
{
	struct builder b = {0};

	put_header(&b, 0, a);
	builder_u8(&b, 0);
	if (a->data.len != 0) {
		builder_u8(&b, (uint8_t)(a->data.len >> 8));
		builder_u8(&b, (uint8_t)a->data.len);
		builder_put(&b, a->data);
	}
	if (a->answers) {
		builder_u8(&b, EXTENDED_ANSWER >> 8);
		builder_u8(&b, EXTENDED_ANSWER & 0xff);
	}
	return exchange(w, &b);
}

/* All parts but the last are to be answered with 9000 and nothing else. */
static enum err send_chain(struct wire *w, const struct apdu *a)
{
	struct bytes rest = a->data;

	while (rest.len > CHAIN_PART) {
		enum err e = send_short(w, CLA_CHAIN, a, BYTES(rest.data, CHAIN_PART), -1);

		if (e != ERR_OK)
			return e;
		if (w->answer.len != 0)
			return ERR_TOKEN;
		if (w->sw != SW_OK)
			return ERR_OK;
		rest = BYTES(rest.data + CHAIN_PART, rest.len - CHAIN_PART);
	}
	return send_short(w, 0, a, rest, a->answers ? 0 : -1);
}

/* Does it say that it does not know this way to send a command, having done nothing? */
static bool is_refused(const struct wire *w)
{
	return w->sw == 0x6700 || w->sw == 0x6e00 || (w->sw >= 0x6881 && w->sw <= 0x6884);
}

static enum err send_long(struct wire *w, const struct apdu *a)
{
	bool extended = w->extended && !w->t0;
	enum err e = extended ? send_extended(w, a) : send_chain(w, a);

	if (e != ERR_OK || !is_refused(w) || w->t0)
		return e;
	builder_reset(&w->answer);
	return extended ? send_chain(w, a) : send_extended(w, a);
}

static enum err send_once(struct wire *w, const struct apdu *a)
{
	enum err e;

	if (a->data.len > CHAIN_PART)
		return send_long(w, a);
	if (a->long_answer && a->answers && w->extended && !w->t0)
		return send_extended(w, a);
	e = send_short(w, 0, a, a->data, a->answers ? 0 : -1);
	/* "So many bytes, not those you asked for." */
	if (e == ERR_OK && a->answers && w->sw >> 8 == 0x6c && w->answer.len == 0)
		e = send_short(w, 0, a, a->data, w->sw & 0xff);
	return e;
}

/* The parts of an answer that are still to come; each must bring something. */
static enum err gather(struct wire *w)
{
	static const struct apdu more = {.ins = INS_GET_RESPONSE};

	while (w->sw >> 8 == 0x61) {
		size_t before = w->answer.len;
		enum err e = send_short(w, 0, &more, BYTES_NONE, w->sw & 0xff);

		if (e == ERR_OK && w->sw >> 8 == 0x61 && w->answer.len == before)
			e = ERR_TOKEN;
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err apdu_send(struct wire *w, const struct apdu *a)
{
	enum err e;

	builder_clear(&w->answer);
	w->sw = 0;
	if (a->data.len > APDU_COMMAND_MOST)
		return ERR_LIMIT;
	e = send_once(w, a);
	return e == ERR_OK ? gather(w) : e;
}

enum err apdu_ask(struct wire *w, const struct apdu *a)
{
	enum err e = apdu_send(w, a);

	return e == ERR_OK && w->sw != SW_OK ? ERR_NOT_FOUND : e;
}

enum err apdu_select(struct wire *w, struct bytes aid)
{
	return apdu_ask(
	    w, &(struct apdu){.ins = INS_SELECT, .p1 = 0x04, .data = aid, .answers = true});
}
