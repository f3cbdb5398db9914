#include <stdlib.h>
#include <string.h>

#include "tests/support/agent_client.h"

void wire_raw(struct wire *w, const void *p, size_t n)
{
	if (n == 0)
		return;
	w->data = realloc(w->data, w->len + n);
	assert_non_null(w->data);
	memcpy(w->data + w->len, p, n);
	w->len += n;
}

void wire_u8(struct wire *w, uint8_t v)
{
	wire_raw(w, &v, 1);
}

void wire_u32(struct wire *w, uint32_t v)
{
	const uint8_t b[4] = {
	    (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	wire_raw(w, b, sizeof(b));
}

void wire_string(struct wire *w, const void *p, size_t n)
{
	wire_u32(w, (uint32_t)n);
	wire_raw(w, p, n);
}

void wire_text(struct wire *w, const char *s)
{
	wire_string(w, s, strlen(s));
}

void wire_mpint(struct wire *w, const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n > 0 && *b == 0) {
		b++;
		n--;
	}
	bool pad = n > 0 && (*b & 0x80) != 0;
	wire_u32(w, (uint32_t)(n + pad));
	if (pad)
		wire_u8(w, 0);
	wire_raw(w, b, n);
}

void wire_free(struct wire *w)
{
	free(w->data);
	*w = (struct wire){0};
}

void wire_frame(struct wire *stream, const struct wire *body)
{
	wire_string(stream, body->data, body->len);
}

uint32_t wire_get_u32(const struct wire *w, size_t *pos)
{
	assert_true(*pos <= w->len && w->len - *pos >= 4);
	const uint8_t *b = w->data + *pos;
	*pos += 4;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

struct wire wire_get_string(const struct wire *w, size_t *pos)
{
	uint32_t n = wire_get_u32(w, pos);

	assert_true(w->len - *pos >= n);
	struct wire view = {w->data + *pos, n};
	*pos += n;
	return view;
}

bool wire_equal(const struct wire *a, const struct wire *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

bool wire_is_text(const struct wire *w, const char *s)
{
	return w->len == strlen(s) && memcmp(w->data, s, w->len) == 0;
}
