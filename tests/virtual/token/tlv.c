#include "tests/virtual/token/tlv.h"

static void put_big_endian(struct builder *out, size_t v)
{
	size_t width = 1;

	while (width < sizeof v && v >> 8 * width != 0)
		width++;
	while (width-- > 0)
		builder_u8(out, (uint8_t)(v >> 8 * width));
}

void tlv_put(struct builder *out, uint32_t tag, struct bytes value)
{
	put_big_endian(out, tag);
	if (value.len > 0xffff)
		builder_u8(out, 0x83);
	else if (value.len > 0xff)
		builder_u8(out, 0x82);
	else if (value.len > 0x7f)
		builder_u8(out, 0x81);
	put_big_endian(out, value.len);
	builder_put(out, value);
}

void tlv_put_u8(struct builder *out, uint32_t tag, uint8_t value)
{
	tlv_put(out, tag, BYTES(&value, 1));
}

static enum err read_tag(struct reader *in, uint32_t *out)
{
	uint8_t byte;
	enum err e = reader_u8(in, &byte);

	*out = byte;
	if (e != ERR_OK || (byte & 0x1f) != 0x1f)
		return e;
	do {
		e = reader_u8(in, &byte);
		if (e != ERR_OK || *out > 0xffff)
			return ERR_FORMAT;
		*out = *out << 8 | byte;
	} while ((byte & 0x80) != 0);
	return ERR_OK;
}

static enum err read_length(struct reader *in, size_t *out)
{
	uint8_t byte;
	enum err e = reader_u8(in, &byte);
	unsigned width = byte & 0x7f;

	*out = byte;
	if (e != ERR_OK || (byte & 0x80) == 0)
		return e;
	if (width == 0 || width > 3)
		return ERR_FORMAT;
	for (*out = 0; width > 0; width--) {
		e = reader_u8(in, &byte);
		if (e != ERR_OK)
			return e;
		*out = *out << 8 | byte;
	}
	return ERR_OK;
}

enum err value_next(struct reader *in, uint32_t *tag, struct bytes *value)
{
	struct reader r = *in;
	size_t n;
	enum err e = read_tag(&r, tag);

	if (e == ERR_OK)
		e = read_length(&r, &n);
	if (e == ERR_OK)
		e = reader_take(&r, n, value);
	if (e == ERR_OK)
		*in = r;
	return e;
}

bool value_find(struct bytes in, uint32_t tag, struct bytes *value)
{
	struct reader r = reader_of(in);
	uint32_t found;

	while (value_next(&r, &found, value) == ERR_OK)
		if (found == tag)
			return true;
	return false;
}
