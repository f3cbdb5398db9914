#include "tokens/card/tlv.h"

enum { LENGTH_BYTES_MOST = 4, TAG_BYTES_MOST = 3 };

static enum err read_tag(struct reader *r, uint8_t first, uint32_t *out)
{
	uint32_t tag = first;
	uint8_t byte = 0x80;

	if ((first & 0x1f) != 0x1f) {
		*out = tag;
		return ERR_OK;
	}
	for (unsigned n = 1; (byte & 0x80) != 0; n++) {
		if (n == TAG_BYTES_MOST || reader_u8(r, &byte) != ERR_OK)
			return ERR_FORMAT;
		tag = tag << 8 | byte;
	}
	*out = tag;
	return ERR_OK;
}

static enum err read_length(struct reader *r, size_t *out)
{
	uint8_t first, byte;
	size_t n = 0;

	if (reader_u8(r, &first) != ERR_OK)
		return ERR_FORMAT;
	if (first < 0x80) {
		*out = first;
		return ERR_OK;
	}
	/* 80, a length that is not told, is none that cards use. */
	if (first == 0x80 || (first & 0x7f) > LENGTH_BYTES_MOST)
		return ERR_FORMAT;
	for (unsigned i = 0; i < (first & 0x7fu); i++) {
		if (reader_u8(r, &byte) != ERR_OK)
			return ERR_FORMAT;
		n = n << 8 | byte;
	}
	*out = n;
	return ERR_OK;
}

enum err tlv_next(struct reader *r, struct tlv *out)
{
	struct reader at = *r;
	struct tlv t;
	uint8_t first;
	size_t n;

	do {
		if (reader_u8(&at, &first) != ERR_OK)
			return ERR_NOT_FOUND;
	} while (first == 0x00 || first == 0xff);
	if (read_tag(&at, first, &t.tag) != ERR_OK || read_length(&at, &n) != ERR_OK ||
	    reader_take(&at, n, &t.value) != ERR_OK)
		return ERR_FORMAT;
	*r = at;
	*out = t;
	return ERR_OK;
}

enum err tlv_find(struct bytes b, uint32_t tag, struct bytes *out)
{
	struct reader r = reader_of(b);
	struct tlv t;
	enum err e;

	while ((e = tlv_next(&r, &t)) == ERR_OK) {
		if (t.tag == tag) {
			*out = t.value;
			return ERR_OK;
		}
	}
	return e;
}

enum err tlv_find_sized(struct bytes b, uint32_t tag, size_t n, struct bytes *out)
{
	struct bytes value;
	enum err e = tlv_find(b, tag, &value);

	if (e == ERR_OK && value.len != n)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		*out = value;
	return e;
}

/* An INTEGER that is positive. */
static enum err read_magnitude(struct reader *r, size_t most, struct bytes *out)
{
	struct tlv t;

	if (tlv_next(r, &t) != ERR_OK || t.tag != 0x02 || t.value.len == 0 ||
	    (t.value.data[0] & 0x80) != 0)
		return ERR_FORMAT;
	while (t.value.len != 0 && t.value.data[0] == 0)
		t.value = BYTES(t.value.data + 1, t.value.len - 1);
	if (t.value.len == 0 || t.value.len > most)
		return ERR_FORMAT;
	*out = t.value;
	return ERR_OK;
}

enum err tlv_ecdsa(struct bytes der, size_t field, struct bytes *r, struct bytes *s)
{
	struct reader whole = reader_of(der), in;
	struct bytes a, b;
	struct tlv t;

	if (tlv_next(&whole, &t) != ERR_OK || t.tag != 0x30 || reader_end(&whole) != ERR_OK)
		return ERR_FORMAT;
	in = reader_of(t.value);
	if (read_magnitude(&in, field, &a) != ERR_OK || read_magnitude(&in, field, &b) != ERR_OK ||
	    reader_end(&in) != ERR_OK)
		return ERR_FORMAT;
	*r = a;
	*s = b;
	return ERR_OK;
}
