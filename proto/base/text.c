#include "proto/base/text.h"

#include <stdio.h>
#include <string.h>

/* The longest escape, \u{10FFFF}, and its NUL; the compiler counts eight digits. */
enum { UNIT_ROOM = 16 };

static bool continuation(struct bytes s, size_t i)
{
	return i < s.len && (s.data[i] & 0xc0) == 0x80;
}

/* How many bytes a character that starts with this byte has; 0 for none. */
static size_t lead_length(uint8_t c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

/* The character at the front of s, and its length; 0 when it is not UTF-8 (RFC 3629, section 4). */
static size_t decode(struct bytes s, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = lead_length(s.data[0]);
	uint32_t c;

	if (n <= 1) {
		*code = s.data[0];
		return n;
	}
	c = s.data[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (!continuation(s, i))
			return 0;
		c = c << 6 | (s.data[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return n;
}

struct range {
	uint32_t first;
	uint32_t last;
};

/* Characters above ASCII that change how the text around them looks. */
static bool misleading(uint32_t c)
{
	static const struct range ranges[] = {
	    {0x0080, 0x009f}, /* C1 controls */
	    {0x061c, 0x061c}, /* Arabic letter mark */
	    {0x200e, 0x200f}, /* left-to-right and right-to-left mark */
	    {0x2028, 0x2029}, /* line and paragraph separator */
	    {0x202a, 0x202e}, /* bidirectional embeddings and overrides */
	    {0x2066, 0x2069}, /* bidirectional isolates */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	}
	return false;
}

/* One character of s as it is to be shown; returns how many bytes of s it was. */
static size_t unit_escape(struct bytes s, const char *also, char unit[UNIT_ROOM])
{
	uint32_t c = 0;
	size_t n = decode(s, &c);

	if (n == 0 || c < 0x20 || c == 0x7f || (c < 0x80 && strchr(also, (int)c) != NULL)) {
		snprintf(unit, UNIT_ROOM, "\\x%02x", (unsigned)s.data[0]);
		return 1;
	}
	if (misleading(c)) {
		snprintf(unit, UNIT_ROOM, "\\u{%04X}", (unsigned)c);
		return n;
	}
	memcpy(unit, s.data, n);
	unit[n] = '\0';
	return n;
}

/* also: further characters that are escaped.  Returns the length of what is in out; room is not 0.
 */
static size_t escape(struct bytes src, const char *also, char *out, size_t room)
{
	static const char dots[] = "...";
	char unit[UNIT_ROOM];
	size_t used = 0;
	size_t cut = 0; /* where the dots would still fit */

	while (src.len != 0) {
		size_t taken = unit_escape(src, also, unit);
		size_t n = strlen(unit);

		if (n >= room - used) {
			snprintf(out + cut, room - cut, "%s", dots);
			return strlen(out);
		}
		memcpy(out + used, unit, n);
		used += n;
		if (room - used >= sizeof(dots))
			cut = used;
		src = BYTES(src.data + taken, src.len - taken);
	}
	out[used] = '\0';
	return used;
}

const char *text_escape(struct bytes src, char *out, size_t room)
{
	if (room != 0)
		(void)escape(src, "", out, room);
	return out;
}

const char *text_field(struct bytes src, char *out, size_t room)
{
	if (room != 0)
		(void)escape(src, ";", out, room);
	return out;
}

const char *text_quote(struct bytes src, char *out, size_t room)
{
	size_t n = escape(src, "\";", out + 1, room - 2);

	out[0] = '"';
	out[n + 1] = '"';
	out[n + 2] = '\0';
	return out;
}

static bool is_word(struct bytes s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._+-:/";

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\0' || strchr(plain, s.data[i]) == NULL)
			return false;
	}
	return s.len != 0;
}

const char *text_word(struct bytes src, char *out, size_t room)
{
	return is_word(src) ? text_escape(src, out, room) : text_quote(src, out, room);
}
