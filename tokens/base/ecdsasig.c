#include "tokens/base/ecdsasig.h"

#include "proto/reader.h"

enum { DER_INTEGER = 0x02, DER_SEQUENCE = 0x30, NUMBER_MOST = 32 };

/* Two such numbers and their heads are shorter than 128 bytes, so lengths have one byte. */
static enum err read_value(struct reader *r, uint8_t tag, struct bytes *out)
{
	uint8_t t, n;

	if (reader_u8(r, &t) != ERR_OK || t != tag || reader_u8(r, &n) != ERR_OK || n >= 0x80 ||
	    reader_take(r, n, out) != ERR_OK)
		return ERR_FORMAT;
	return ERR_OK;
}

static enum err read_number(struct reader *r, struct bytes *out)
{
	struct bytes b;
	enum err e = read_value(r, DER_INTEGER, &b);

	if (e != ERR_OK)
		return e;
	if (b.len == 0 || (b.data[0] & 0x80) != 0)
		return ERR_FORMAT;
	if (b.data[0] == 0) {
		if (b.len == 1 || (b.data[1] & 0x80) == 0)
			return ERR_FORMAT;
		b = BYTES(b.data + 1, b.len - 1);
	}
	if (b.len > NUMBER_MOST)
		return ERR_FORMAT;
	*out = b;
	return ERR_OK;
}

enum err ecdsasig_read(struct bytes der, struct bytes *r, struct bytes *s)
{
	struct reader whole = reader_of(der), inside;
	struct bytes content, first, second;

	if (read_value(&whole, DER_SEQUENCE, &content) != ERR_OK || reader_end(&whole) != ERR_OK)
		return ERR_FORMAT;
	inside = reader_of(content);
	if (read_number(&inside, &first) != ERR_OK || read_number(&inside, &second) != ERR_OK ||
	    reader_end(&inside) != ERR_OK)
		return ERR_FORMAT;
	*r = first;
	*s = second;
	return ERR_OK;
}
