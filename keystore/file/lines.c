#include "keystore/file/lines.h"

#include <string.h>

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool split_at(struct bytes *rest, char sep, struct bytes *head)
{
	const uint8_t *at = rest->len != 0 ? memchr(rest->data, sep, rest->len) : NULL;
	size_t n;

	if (at == NULL)
		return false;
	n = (size_t)(at - rest->data);
	*head = BYTES(rest->data, n);
	*rest = BYTES(at + 1, rest->len - n - 1);
	return true;
}

bool line_next(struct bytes *rest, struct bytes *line)
{
	if (rest->len == 0)
		return false;
	if (!split_at(rest, '\n', line)) {
		*line = *rest;
		*rest = BYTES_NONE;
	}
	if (line->len != 0 && line->data[line->len - 1] == '\r')
		line->len--;
	return true;
}

struct bytes line_trimmed(struct bytes line)
{
	while (line.len != 0 && is_blank(line.data[line.len - 1]))
		line.len--;
	return line;
}

bool line_after(struct bytes line, const char *prefix, struct bytes *after)
{
	size_t n = strlen(prefix);

	if (line.len < n || memcmp(line.data, prefix, n) != 0)
		return false;
	*after = BYTES(line.data + n, line.len - n);
	return true;
}

struct bytes text_without_bom(struct bytes file)
{
	struct bytes after;

	return line_after(file, "\xef\xbb\xbf", &after) ? after : file;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

enum err hex_decode(struct bytes text, uint8_t *out, size_t n)
{
	if (text.len != 2 * n)
		return ERR_FORMAT;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text.data[2 * i]);
		int low = hex_digit(text.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return ERR_FORMAT;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return ERR_OK;
}
