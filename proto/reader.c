#include "proto/reader.h"

#include <string.h>

struct reader reader_of(struct bytes b)
{
	return (struct reader){b.data, b.len};
}

struct bytes reader_rest(const struct reader *r)
{
	return BYTES(r->p, r->left);
}

/* The one place that compares a length with what is left. */
enum err reader_take(struct reader *r, size_t n, struct bytes *out)
{
	if (n > r->left)
		return ERR_TRUNCATED;
	*out = BYTES(r->p, n);
	if (n != 0)
		r->p += n;
	r->left -= n;
	return ERR_OK;
}

enum err reader_u8(struct reader *r, uint8_t *out)
{
	struct bytes b;
	enum err e = reader_take(r, 1, &b);

	if (e == ERR_OK)
		*out = b.data[0];
	return e;
}

enum err reader_bool(struct reader *r, bool *out)
{
	uint8_t byte;
	enum err e = reader_u8(r, &byte);

	if (e == ERR_OK)
		*out = byte != 0;
	return e;
}

static uint32_t load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

enum err reader_u32(struct reader *r, uint32_t *out)
{
	struct bytes b;
	enum err e = reader_take(r, 4, &b);

	if (e == ERR_OK)
		*out = load_u32(b.data);
	return e;
}

enum err reader_u64(struct reader *r, uint64_t *out)
{
	struct bytes b;
	enum err e = reader_take(r, 8, &b);

	if (e == ERR_OK)
		*out = (uint64_t)load_u32(b.data) << 32 | load_u32(b.data + 4);
	return e;
}

enum err reader_string(struct reader *r, struct bytes *out)
{
	struct reader ahead = *r;
	uint32_t n;
	enum err e = reader_u32(&ahead, &n);

	if (e == ERR_OK)
		e = reader_take(&ahead, n, out);
	if (e == ERR_OK)
		*r = ahead;
	return e;
}

enum err reader_text(struct reader *r, struct bytes *out)
{
	struct reader ahead = *r;
	struct bytes b;
	enum err e = reader_string(&ahead, &b);

	if (e != ERR_OK)
		return e;
	if (b.len != 0 && memchr(b.data, '\0', b.len) != NULL)
		return ERR_TEXT;
	*r = ahead;
	*out = b;
	return ERR_OK;
}

enum err reader_mpint(struct reader *r, struct bytes *out)
{
	struct reader ahead = *r;
	struct bytes b;
	enum err e = reader_string(&ahead, &b);

	if (e != ERR_OK)
		return e;
	if (b.len != 0 && (b.data[0] & 0x80) != 0)
		return ERR_NUMBER;
	if (b.len != 0 && b.data[0] == 0) {
		if (b.len == 1 || (b.data[1] & 0x80) == 0)
			return ERR_NUMBER;
		b = BYTES(b.data + 1, b.len - 1);
	}
	*r = ahead;
	*out = b;
	return ERR_OK;
}

/* What was read ahead, if it is not over the limit. */
static enum err settle(
    struct reader *r, const struct reader *ahead, struct bytes b, size_t most, struct bytes *out)
{
	if (b.len > most)
		return ERR_LIMIT;
	*r = *ahead;
	*out = b;
	return ERR_OK;
}

enum err reader_string_most(struct reader *r, size_t most, struct bytes *out)
{
	struct reader ahead = *r;
	struct bytes b;
	enum err e = reader_string(&ahead, &b);

	return e == ERR_OK ? settle(r, &ahead, b, most, out) : e;
}

enum err reader_text_most(struct reader *r, size_t most, struct bytes *out)
{
	struct reader ahead = *r;
	struct bytes b;
	enum err e = reader_text(&ahead, &b);

	return e == ERR_OK ? settle(r, &ahead, b, most, out) : e;
}

enum err reader_u32_most(struct reader *r, uint32_t most, uint32_t *out)
{
	struct reader ahead = *r;
	uint32_t n;
	enum err e = reader_u32(&ahead, &n);

	if (e == ERR_OK && n > most)
		e = ERR_LIMIT;
	if (e != ERR_OK)
		return e;
	*r = ahead;
	*out = n;
	return ERR_OK;
}

enum err reader_nested(struct reader *r, struct reader *out)
{
	struct bytes b;
	enum err e = reader_string(r, &b);

	if (e == ERR_OK)
		*out = reader_of(b);
	return e;
}

enum err reader_end(const struct reader *r)
{
	return r->left == 0 ? ERR_OK : ERR_SURPLUS;
}
