#include "tests/virtual/apdu.h"

#include "proto/reader.h"

static size_t read_number(const uint8_t *p, bool extended)
{
	return extended ? (size_t)p[0] << 8 | p[1] : p[0];
}

enum err apdu_parse(struct bytes raw, struct apdu *out)
{
	struct apdu a = {.answer = SHORT_ANSWER};
	const uint8_t *p = raw.data;
	size_t left;
	size_t width;
	size_t n;

	if (raw.len < 4)
		return ERR_TRUNCATED;
	a.cla = p[0];
	a.ins = p[1];
	a.p1 = p[2];
	a.p2 = p[3];
	p += 4;
	left = raw.len - 4;
	if (left >= 3 && p[0] == 0) {
		a.extended = true;
		p++;
		left--;
	}
	width = a.extended ? 2 : 1;
	if (left > width) {
		n = read_number(p, a.extended);
		p += width;
		left -= width;
		if (n == 0 || n > left)
			return ERR_FORMAT;
		a.data = BYTES(p, n);
		p += n;
		left -= n;
	}
	if (left != 0 && left != width)
		return ERR_FORMAT;
	if (left != 0) {
		n = read_number(p, a.extended);
		a.answer = n != 0 ? n : a.extended ? EXTENDED_ANSWER : SHORT_ANSWER;
	} else if (a.extended) {
		a.answer = EXTENDED_ANSWER;
	}
	*out = a;
	return ERR_OK;
}

void apdu_put_status(struct builder *out, enum status_word sw)
{
	builder_u8(out, (uint8_t)(sw >> 8));
	builder_u8(out, (uint8_t)sw);
}
