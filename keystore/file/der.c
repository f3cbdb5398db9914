#include "keystore/file/der.h"

/* Long lengths up to four bytes; the shortest form is not insisted on, as OpenSSL does not. */
static enum err read_length(struct reader *r, size_t *out)
{
	uint8_t first, byte;
	size_t n = 0;
	enum err e = reader_u8(r, &first);

	if (e != ERR_OK)
		return e;
	if (first < 0x80) {
		*out = first;
		return ERR_OK;
	}
	if (first == 0x80 || first > 0x84)
		return ERR_FORMAT;
	for (unsigned left = first & 0x7fu; left != 0; left--) {
		e = reader_u8(r, &byte);
		if (e != ERR_OK)
			return e;
		n = n << 8 | byte;
	}
	*out = n;
	return ERR_OK;
}

bool der_next_is(const struct reader *r, enum der_tag tag)
{
	return r->left != 0 && r->p[0] == tag;
}

enum err der_take(struct reader *r, enum der_tag tag, struct bytes *out)
{
	struct reader ahead = *r;
	struct bytes content;
	uint8_t got;
	size_t n;
	enum err e = reader_u8(&ahead, &got);

	if (e == ERR_OK && got != tag)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = read_length(&ahead, &n);
	if (e == ERR_OK)
		e = reader_take(&ahead, n, &content);
	if (e != ERR_OK)
		return e;
	*r = ahead;
	*out = content;
	return ERR_OK;
}

enum err der_enter(struct reader *r, enum der_tag tag, struct reader *out)
{
	struct bytes content;
	enum err e = der_take(r, tag, &content);

	if (e == ERR_OK)
		*out = reader_of(content);
	return e;
}

enum err der_uint(struct reader *r, struct bytes *magnitude)
{
	struct reader ahead = *r;
	struct bytes n;
	enum err e = der_take(&ahead, DER_INTEGER, &n);

	if (e != ERR_OK)
		return e;
	if (n.len == 0 || (n.data[0] & 0x80) != 0)
		return ERR_NUMBER;
	while (n.len != 0 && n.data[0] == 0)
		n = BYTES(n.data + 1, n.len - 1);
	*r = ahead;
	*magnitude = n;
	return ERR_OK;
}

enum err der_u32(struct reader *r, uint32_t *out)
{
	struct reader ahead = *r;
	struct bytes n;
	uint32_t v = 0;
	enum err e = der_uint(&ahead, &n);

	if (e != ERR_OK)
		return e;
	if (n.len > 4)
		return ERR_NUMBER;
	for (size_t i = 0; i < n.len; i++)
		v = v << 8 | n.data[i];
	*r = ahead;
	*out = v;
	return ERR_OK;
}

enum err der_bits(struct bytes content, struct bytes *out)
{
	if (content.len == 0 || content.data[0] != 0)
		return ERR_FORMAT;
	*out = BYTES(content.data + 1, content.len - 1);
	return ERR_OK;
}
