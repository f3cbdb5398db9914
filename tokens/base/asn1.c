#include "tokens/base/asn1.h"

enum {
	LONG_FORM = 0x80,
	LENGTH_MOST = 3, /* bytes of a length: no element here is longer than 16 MiB */
};

/* X.690, sections 8.1.3 and 10.1. */
static enum err read_length(struct reader *r, size_t *out)
{
	struct bytes digits;
	size_t n = 0;
	uint8_t first;

	if (reader_u8(r, &first) != ERR_OK)
		return ERR_FORMAT;
	if (first < LONG_FORM) {
		*out = first;
		return ERR_OK;
	}
	if (first == LONG_FORM || first - LONG_FORM > LENGTH_MOST ||
	    reader_take(r, first - LONG_FORM, &digits) != ERR_OK || digits.data[0] == 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < digits.len; i++)
		n = n << 8 | digits.data[i];
	if (n < LONG_FORM)
		return ERR_FORMAT;
	*out = n;
	return ERR_OK;
}

enum err asn1_take(struct reader *r, enum asn1_tag tag, struct bytes *out)
{
	struct reader ahead = *r;
	struct bytes content;
	uint8_t got;
	size_t n;

	if (reader_u8(&ahead, &got) != ERR_OK || got != tag || read_length(&ahead, &n) != ERR_OK ||
	    reader_take(&ahead, n, &content) != ERR_OK)
		return ERR_FORMAT;
	*r = ahead;
	*out = content;
	return ERR_OK;
}

enum err asn1_whole(struct bytes der, enum asn1_tag tag, struct bytes *out)
{
	struct reader r = reader_of(der);
	struct bytes content;

	if (asn1_take(&r, tag, &content) != ERR_OK || reader_end(&r) != ERR_OK)
		return ERR_FORMAT;
	*out = content;
	return ERR_OK;
}

bool asn1_next_is(const struct reader *r, enum asn1_tag tag)
{
	return r->left != 0 && *r->p == tag;
}

/* X.690, section 8.3. */
enum err asn1_uint(struct reader *r, struct bytes *magnitude)
{
	struct reader ahead = *r;
	struct bytes b;

	if (asn1_take(&ahead, ASN1_INTEGER_TAG, &b) != ERR_OK || b.len == 0 ||
	    (b.data[0] & 0x80) != 0)
		return ERR_FORMAT;
	if (b.data[0] == 0) {
		if (b.len > 1 && (b.data[1] & 0x80) == 0)
			return ERR_FORMAT;
		b = BYTES(b.data + 1, b.len - 1);
	}
	*r = ahead;
	*magnitude = b;
	return ERR_OK;
}

enum err asn1_bits(struct bytes content, struct bytes *out)
{
	if (content.len == 0 || content.data[0] != 0)
		return ERR_FORMAT;
	*out = BYTES(content.data + 1, content.len - 1);
	return ERR_OK;
}
