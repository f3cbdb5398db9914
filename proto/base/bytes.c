#include "proto/base/bytes.h"

#include <string.h>

#include "proto/base/mem.h"

struct bytes bytes_str(const char *s)
{
	return BYTES(s, strlen(s));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_is(struct bytes b, const char *s)
{
	return bytes_equal(b, bytes_str(s));
}

uint64_t bytes_hash(uint64_t h, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		h = (h ^ b.data[i]) * UINT64_C(0x100000001b3);
	return h;
}

struct bytes blob_view(const struct blob *b)
{
	return BYTES(b->data, b->len);
}

enum err blob_copy(struct blob *b, struct bytes src)
{
	uint8_t *fresh = mem_alloc(src.len + 1);

	if (fresh == NULL)
		return ERR_MEMORY;
	if (src.len != 0)
		memcpy(fresh, src.data, src.len);
	mem_free(b->data);
	b->data = fresh;
	b->len = src.len;
	return ERR_OK;
}

void blob_clear(struct blob *b)
{
	mem_free(b->data);
	b->data = NULL;
	b->len = 0;
}

struct blob blob_move(struct blob *b)
{
	struct blob moved = *b;

	b->data = NULL;
	b->len = 0;
	return moved;
}
