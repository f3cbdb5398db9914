/* PIN entry on the reader: PC/SC specification, part 10 (secure PIN entry). */
#include "tokens/card/card.h"

#include "tokens/card/tlv.h"

enum {
	GET_FEATURE_REQUEST = 0x42000000 + 3400, /* SCARD_CTL_CODE in pcsc-lite */
	FEATURE_VERIFY_PIN_DIRECT = 0x06,
	FEATURES_ROOM = 256,
	PIN_LEAST = 4,
	INS_VERIFY = 0x20,
};

/* PIN_VERIFY's members, little-endian. */
enum {
	FORMAT_ASCII = 0x82,    /* ASCII digits, counted in bytes, from the left */
	VALIDATE_BY_KEY = 0x02, /* the person ends the entry with the OK key */
	ONE_MESSAGE = 0x01,
	ENGLISH = 0x0409,
};

uint32_t pinpad_find(struct wire *w)
{
	uint8_t buf[FEATURES_ROOM];
	size_t n = sizeof(buf);
	struct reader r;
	uint8_t tag, len;
	uint32_t code;

	if (w->control == NULL ||
	    w->control(w->ctx, GET_FEATURE_REQUEST, BYTES_NONE, buf, &n) != ERR_OK)
		return 0;
	r = reader_of(BYTES(buf, n < sizeof(buf) ? n : sizeof(buf)));
	while (reader_u8(&r, &tag) == ERR_OK && reader_u8(&r, &len) == ERR_OK && len == 4 &&
	       reader_u32(&r, &code) == ERR_OK) {
		if (tag == FEATURE_VERIFY_PIN_DIRECT)
			return code;
	}
	return 0;
}

static void put_le(struct builder *b, uint32_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		builder_u8(b, (uint8_t)(v >> 8 * i));
}

static void build(struct builder *b, const struct card_token *t)
{
	builder_u8(b, 0); /* the reader's own time-outs */
	builder_u8(b, 0);
	builder_u8(b, FORMAT_ASCII);
	builder_u8(b, t->pin_pad); /* the PIN block's length, without one of the PIN in it */
	builder_u8(b, 0);
	builder_u8(b, t->pin_most);
	builder_u8(b, PIN_LEAST);
	builder_u8(b, VALIDATE_BY_KEY);
	builder_u8(b, ONE_MESSAGE);
	put_le(b, ENGLISH, 2);
	builder_u8(b, 0); /* the first message */
	put_le(b, 0, 3);  /* T=1's prologue: the driver's */
	put_le(b, 5u + t->pin_pad, 4);
	builder_u8(b, 0);
	builder_u8(b, INS_VERIFY);
	builder_u8(b, 0);
	builder_u8(b, t->pin_ref);
	builder_u8(b, t->pin_pad);
	for (unsigned i = 0; i < t->pin_pad; i++)
		builder_u8(b, 0xff);
}

enum err pinpad_verify(struct wire *w, const struct card_token *t, uint32_t code)
{
	struct builder b = {0};
	uint8_t reply[APDU_REPLY_MOST];
	size_t n = sizeof(reply);
	enum err e;

	build(&b, t);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = w->control(w->ctx, code, builder_view(&b), reply, &n);
	builder_clear(&b);
	if (e == ERR_OK && n != 2)
		e = ERR_TOKEN;
	if (e == ERR_OK)
		w->sw = (uint16_t)(reply[0] << 8 | reply[1]);
	return e;
}
