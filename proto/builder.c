#include "proto/builder.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/limits.h"

enum {
	FIRST_ROOM = 256,
	/* Beyond any message we build, so that a slip cannot eat the memory. */
	MOST_ROOM = 8 * LIMIT_MESSAGE,
	/* The longest message with its length field, for which the next doubling would be twice too
	   much. */
	MESSAGE_ROOM = LIMIT_MESSAGE + 4,
};

void builder_clear(struct builder *b)
{
	mem_free(b->data);
	*b = (struct builder){0};
}

void builder_reset(struct builder *b)
{
	mem_wipe(b->data, b->len);
	b->len = 0;
	b->error = ERR_OK;
}

enum err builder_error(const struct builder *b)
{
	return b->error;
}

struct bytes builder_view(const struct builder *b)
{
	return BYTES(b->data, b->len);
}

enum err builder_take(struct builder *b, struct blob *out)
{
	enum err e;

	builder_u8(b, 0); /* a blob has a NUL after its last byte */
	e = b->error;
	if (e == ERR_OK) {
		out->data = b->data;
		out->len = b->len - 1;
		b->data = NULL;
	}
	builder_clear(b);
	return e;
}

static bool make_room(struct builder *b, size_t n)
{
	size_t room = b->room != 0 ? b->room : FIRST_ROOM;
	uint8_t *fresh;

	if (b->error != ERR_OK)
		return false;
	if (b->data != NULL && n <= b->room - b->len)
		return true;
	if (n > MOST_ROOM - b->len) {
		b->error = ERR_TOO_LONG;
		return false;
	}
	while (room - b->len < n)
		room *= 2;
	if (room > MESSAGE_ROOM && n <= MESSAGE_ROOM && b->len <= MESSAGE_ROOM - n)
		room = MESSAGE_ROOM;
	fresh = mem_grow(b->data, room);
	if (fresh == NULL) {
		b->error = ERR_MEMORY;
		return false;
	}
	b->data = fresh;
	b->room = room;
	return true;
}

uint8_t *builder_reserve(struct builder *b, size_t n)
{
	uint8_t *place;

	if (!make_room(b, n))
		return NULL;
	place = b->data + b->len;
	b->len += n;
	return place;
}

void builder_put(struct builder *b, struct bytes v)
{
	uint8_t *place = builder_reserve(b, v.len);

	if (place != NULL && v.len != 0)
		memcpy(place, v.data, v.len);
}

void builder_u8(struct builder *b, uint8_t v)
{
	builder_put(b, BYTES(&v, 1));
}

void builder_bool(struct builder *b, bool v)
{
	builder_u8(b, v ? 1 : 0);
}

static void store_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void builder_u32(struct builder *b, uint32_t v)
{
	uint8_t *place = builder_reserve(b, 4);

	if (place != NULL)
		store_u32(place, v);
}

void builder_u64(struct builder *b, uint64_t v)
{
	builder_u32(b, (uint32_t)(v >> 32));
	builder_u32(b, (uint32_t)v);
}

void builder_string(struct builder *b, struct bytes v)
{
	if (v.len > MOST_ROOM) {
		b->error = b->error != ERR_OK ? b->error : ERR_TOO_LONG;
		return;
	}
	builder_u32(b, (uint32_t)v.len);
	builder_put(b, v);
}

void builder_cstring(struct builder *b, const char *s)
{
	builder_string(b, bytes_str(s));
}

void builder_mpint(struct builder *b, struct bytes magnitude)
{
	bool pad;

	while (magnitude.len != 0 && magnitude.data[0] == 0)
		magnitude = BYTES(magnitude.data + 1, magnitude.len - 1);
	pad = magnitude.len != 0 && (magnitude.data[0] & 0x80) != 0;
	builder_u32(b, (uint32_t)magnitude.len + (pad ? 1 : 0));
	if (pad)
		builder_u8(b, 0);
	builder_put(b, magnitude);
}

size_t builder_open(struct builder *b)
{
	size_t mark = b->len;

	builder_u32(b, 0);
	return mark;
}

void builder_u32_at(struct builder *b, size_t offset, uint32_t v)
{
	if (b->error == ERR_OK)
		store_u32(b->data + offset, v);
}

void builder_close(struct builder *b, size_t mark)
{
	builder_u32_at(b, mark, (uint32_t)(b->len - mark - 4));
}
