#include "keystore/base64.h"

enum { NO_DIGIT = 64 };

/*
 * All ones when low <= c <= high, else zero.  Key files are decoded here, so no
 * branch or table index may depend on a character of the text.
 */
static unsigned in_range(unsigned c, unsigned low, unsigned high)
{
	return ((low - 1 - c) & (c - high - 1)) >> 31 ? ~0u : 0;
}

static unsigned digit_value(unsigned c)
{
	unsigned v = 0;
	unsigned known = 0;
	unsigned mask;

	mask = in_range(c, 'A', 'Z');
	v |= mask & (c - 'A');
	known |= mask;
	mask = in_range(c, 'a', 'z');
	v |= mask & (c - 'a' + 26);
	known |= mask;
	mask = in_range(c, '0', '9');
	v |= mask & (c - '0' + 52);
	known |= mask;
	mask = in_range(c, '+', '+');
	v |= mask & 62;
	known |= mask;
	mask = in_range(c, '/', '/');
	v |= mask & 63;
	known |= mask;
	return (v & known) | (~known & NO_DIGIT);
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What was read of the current group of four characters. */
struct group {
	uint32_t bits;
	unsigned digits;
	unsigned padding;
};

static void group_put(struct group *g, struct builder *out)
{
	uint8_t three[3] = {(uint8_t)(g->bits >> 16), (uint8_t)(g->bits >> 8), (uint8_t)g->bits};

	builder_put(out, BYTES(three, 3));
	*g = (struct group){0};
}

static enum err group_end(struct group *g, struct builder *out)
{
	uint8_t two[2];

	if (g->digits == 0)
		return g->padding == 0 ? ERR_OK : ERR_FORMAT;
	if (g->digits == 1 || g->digits + g->padding != 4)
		return ERR_FORMAT;
	g->bits <<= 6 * (4 - g->digits);
	/* Bits that belong to no byte must be zero: else one value had several spellings. */
	if ((g->bits & (g->digits == 2 ? 0xffff : 0xff)) != 0)
		return ERR_FORMAT;
	two[0] = (uint8_t)(g->bits >> 16);
	two[1] = (uint8_t)(g->bits >> 8);
	builder_put(out, BYTES(two, g->digits - 1));
	return ERR_OK;
}

enum err base64_decode(struct bytes text, struct builder *out)
{
	struct group g = {0};
	enum err e;

	for (size_t i = 0; i < text.len; i++) {
		unsigned v;

		if (is_space(text.data[i]))
			continue;
		if (text.data[i] == '=') {
			if (++g.padding > 2)
				return ERR_FORMAT;
			continue;
		}
		v = digit_value(text.data[i]);
		if (v == NO_DIGIT || g.padding != 0)
			return ERR_FORMAT;
		g.bits = g.bits << 6 | v;
		if (++g.digits == 4)
			group_put(&g, out);
	}
	e = group_end(&g, out);
	return e != ERR_OK ? e : builder_error(out);
}

static uint8_t digit_char(unsigned v)
{
	return (uint8_t)((in_range(v, 0, 25) & (v + 'A')) | (in_range(v, 26, 51) & (v - 26 + 'a')) |
			 (in_range(v, 52, 61) & (v - 52 + '0')) | (in_range(v, 62, 62) & '+') |
			 (in_range(v, 63, 63) & '/'));
}

void base64_encode(struct bytes data, struct builder *out)
{
	for (size_t i = 0; i < data.len; i += 3) {
		size_t n = data.len - i < 3 ? data.len - i : 3;
		uint32_t bits = (uint32_t)data.data[i] << 16;
		uint8_t four[4];

		if (n > 1)
			bits |= (uint32_t)data.data[i + 1] << 8;
		if (n > 2)
			bits |= data.data[i + 2];
		for (unsigned k = 0; k < 4; k++)
			four[k] = k <= n ? digit_char(bits >> (18 - 6 * k) & 63) : '=';
		builder_put(out, BYTES(four, 4));
	}
}
