#include "tests/virtual/cbor.h"

enum major { UNSIGNED, NEGATIVE, BYTE_STRING, TEXT, ARRAY, MAP, TAG, SIMPLE };

enum { FALSE_VALUE = 20, TRUE_VALUE = 21, DEEPEST = 6 };

static void put_head(struct builder *b, enum major major, uint64_t n)
{
	const uint8_t type = (uint8_t)(major << 5);

	if (n < 24) {
		builder_u8(b, (uint8_t)(type | n));
	} else if (n <= UINT8_MAX) {
		builder_u8(b, type | 24);
		builder_u8(b, (uint8_t)n);
	} else if (n <= UINT16_MAX) {
		builder_u8(b, type | 25);
		builder_u8(b, (uint8_t)(n >> 8));
		builder_u8(b, (uint8_t)n);
	} else if (n <= UINT32_MAX) {
		builder_u8(b, type | 26);
		builder_u32(b, (uint32_t)n);
	} else {
		builder_u8(b, type | 27);
		builder_u64(b, n);
	}
}

void ctap_cbor_put_int(struct builder *b, int64_t v)
{
	if (v >= 0)
		put_head(b, UNSIGNED, (uint64_t)v);
	else
		put_head(b, NEGATIVE, (uint64_t)(-1 - v));
}

void ctap_cbor_put_bytes(struct builder *b, struct bytes v)
{
	put_head(b, BYTE_STRING, v.len);
	builder_put(b, v);
}

void ctap_cbor_put_text_bytes(struct builder *b, struct bytes v)
{
	put_head(b, TEXT, v.len);
	builder_put(b, v);
}

void ctap_cbor_put_text(struct builder *b, const char *s)
{
	ctap_cbor_put_text_bytes(b, bytes_str(s));
}

void ctap_cbor_put_bool(struct builder *b, bool v)
{
	put_head(b, SIMPLE, v ? TRUE_VALUE : FALSE_VALUE);
}

void ctap_cbor_put_array(struct builder *b, size_t n)
{
	put_head(b, ARRAY, n);
}

void ctap_cbor_put_map(struct builder *b, size_t n)
{
	put_head(b, MAP, n);
}

/* The head of an item; r moves only when all of it is there and in its shortest form. */
static enum err get_head(struct reader *r, enum major *major, uint64_t *value)
{
	struct reader at = *r;
	struct bytes more;
	uint64_t n;
	uint8_t first;
	enum err e = reader_u8(&at, &first);

	if (e != ERR_OK)
		return e;
	n = first & 31;
	if (n > 27)
		return ERR_FORMAT;
	if (n >= 24) {
		const size_t width = (size_t)1 << (n - 24);

		e = reader_take(&at, width, &more);
		if (e != ERR_OK)
			return e;
		n = 0;
		for (size_t i = 0; i < width; i++)
			n = n << 8 | more.data[i];
		if (first >> 5 != SIMPLE && (n < 24 || (width > 1 && n >> (width * 4) == 0)))
			return ERR_NUMBER;
	}
	*major = (enum major)(first >> 5);
	*value = n;
	*r = at;
	return ERR_OK;
}

static enum err get_of(struct reader *r, enum major wanted, uint64_t *value)
{
	struct reader at = *r;
	enum major major;
	uint64_t n;
	const enum err e = get_head(&at, &major, &n);

	if (e != ERR_OK)
		return e;
	if (major != wanted)
		return ERR_FORMAT;
	*value = n;
	*r = at;
	return ERR_OK;
}

enum err ctap_cbor_get_int(struct reader *r, int64_t *out)
{
	struct reader at = *r;
	enum major major;
	uint64_t n;
	const enum err e = get_head(&at, &major, &n);

	if (e != ERR_OK)
		return e;
	if ((major != UNSIGNED && major != NEGATIVE) || n > INT64_MAX)
		return ERR_FORMAT;
	*out = major == UNSIGNED ? (int64_t)n : -1 - (int64_t)n;
	*r = at;
	return ERR_OK;
}

static enum err get_string(struct reader *r, enum major wanted, struct bytes *out)
{
	struct reader at = *r;
	uint64_t n;
	enum err e = get_of(&at, wanted, &n);

	if (e != ERR_OK)
		return e;
	if (n > at.left)
		return ERR_TRUNCATED;
	e = reader_take(&at, (size_t)n, out);
	if (e == ERR_OK)
		*r = at;
	return e;
}

enum err ctap_cbor_get_bytes(struct reader *r, struct bytes *out)
{
	return get_string(r, BYTE_STRING, out);
}

enum err ctap_cbor_get_text(struct reader *r, struct bytes *out)
{
	return get_string(r, TEXT, out);
}

enum err ctap_cbor_get_bool(struct reader *r, bool *out)
{
	struct reader at = *r;
	uint64_t n;
	const enum err e = get_of(&at, SIMPLE, &n);

	if (e != ERR_OK)
		return e;
	if (n != TRUE_VALUE && n != FALSE_VALUE)
		return ERR_FORMAT;
	*out = n == TRUE_VALUE;
	*r = at;
	return ERR_OK;
}

/* A count that the bytes left could hold, one byte an item. */
static enum err get_count(struct reader *r, enum major wanted, size_t *n)
{
	struct reader at = *r;
	uint64_t count;
	const enum err e = get_of(&at, wanted, &count);

	if (e != ERR_OK)
		return e;
	if (count > at.left)
		return ERR_TRUNCATED;
	*n = (size_t)count;
	*r = at;
	return ERR_OK;
}

enum err ctap_cbor_get_array(struct reader *r, size_t *n)
{
	return get_count(r, ARRAY, n);
}

enum err ctap_cbor_get_map(struct reader *r, size_t *n)
{
	return get_count(r, MAP, n);
}

static enum err skip(struct reader *r, unsigned depth)
{
	enum major major;
	struct bytes content;
	uint64_t n;
	enum err e = get_head(r, &major, &n);

	if (e != ERR_OK)
		return e;
	switch (major) {
	case BYTE_STRING:
	case TEXT:
		return n > r->left ? ERR_TRUNCATED : reader_take(r, (size_t)n, &content);
	case ARRAY:
	case MAP:
		if (depth == DEEPEST || n > r->left)
			return ERR_FORMAT;
		for (uint64_t i = 0; e == ERR_OK && i < (major == MAP ? 2 * n : n); i++)
			e = skip(r, depth + 1);
		return e;
	case TAG:
		return ERR_FORMAT;
	default:
		return ERR_OK;
	}
}

enum err ctap_cbor_skip(struct reader *r, struct bytes *raw)
{
	struct reader at = *r;
	const enum err e = skip(&at, 0);

	if (e != ERR_OK)
		return e;
	if (raw != NULL)
		*raw = BYTES(r->p, r->left - at.left);
	*r = at;
	return ERR_OK;
}
