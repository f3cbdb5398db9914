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

static bool is_among(const struct range *ranges, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	}
	return false;
}

#define AMONG(ranges, c) is_among(ranges, sizeof(ranges) / sizeof(ranges[0]), c)

/*
 * Characters above ASCII that change how the text around them looks, or are not seen at all: two
 * texts that look the same should be the same (Default_Ignorable_Code_Point and Bidi_Control of the
 * Unicode Character Database, and blanks that are no spaces).
 */
static bool misleading(uint32_t c)
{
	static const struct range ranges[] = {
	    {0x0080, 0x009f},   /* C1 controls */
	    {0x00ad, 0x00ad},   /* soft hyphen */
	    {0x034f, 0x034f},   /* combining grapheme joiner */
	    {0x061c, 0x061c},   /* Arabic letter mark */
	    {0x115f, 0x1160},   /* Hangul fillers */
	    {0x17b4, 0x17b5},   /* Khmer vowels that are not shown */
	    {0x180b, 0x180f},   /* Mongolian selectors */
	    {0x200b, 0x200f},   /* zero width, left-to-right and right-to-left mark */
	    {0x2028, 0x2029},   /* line and paragraph separator */
	    {0x202a, 0x202e},   /* bidirectional embeddings and overrides */
	    {0x2060, 0x206f},   /* word joiner, bidirectional isolates, deprecated controls */
	    {0x2800, 0x2800},   /* Braille without dots */
	    {0x3164, 0x3164},   /* Hangul filler */
	    {0xfe00, 0xfe0f},   /* variation selectors */
	    {0xfeff, 0xfeff},   /* zero width no-break space */
	    {0xffa0, 0xffa0},   /* Hangul filler */
	    {0xfff0, 0xfffb},   /* annotations */
	    {0x1bca0, 0x1bca3}, /* shorthand controls */
	    {0x1d173, 0x1d17a}, /* musical controls */
	    {0xe0000, 0xe0fff}, /* tags, more variation selectors */
	};

	return AMONG(ranges, c);
}

/* Marks that are put on the character before: a few are writing, a stack covers other lines. */
static bool combining(uint32_t c)
{
	static const struct range ranges[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x1ab0, 0x1aff},
	    {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe20, 0xfe2f}};

	return AMONG(ranges, c);
}

/* What passes for the quotation mark that ends a quoted text, and spaces that push it away. */
static bool unquotable(uint32_t c)
{
	static const struct range ranges[] = {
	    {0x00a0, 0x00a0}, /* spaces */
	    {0x02ba, 0x02ba}, /* double primes and accents */
	    {0x02dd, 0x02dd},
	    {0x02ee, 0x02ee},
	    {0x02f6, 0x02f6},
	    {0x05f4, 0x05f4}, /* gershayim */
	    {0x1680, 0x1680},
	    {0x1cd3, 0x1cd3},
	    {0x2000, 0x200a},
	    {0x201c, 0x201f}, /* double quotation marks */
	    {0x202f, 0x202f},
	    {0x2033, 0x2034},
	    {0x2036, 0x2037},
	    {0x205f, 0x205f},
	    {0x275d, 0x275e},
	    {0x3000, 0x3000},
	    {0x3003, 0x3003},
	    {0x301d, 0x301f},
	    {0xff02, 0xff02},
	    {0x1f676, 0x1f678},
	};

	return AMONG(ranges, c);
}

/* A text as it is being shown: what is escaped depends on what stands before. */
struct shown {
	const char *also; /* further characters that are escaped */
	bool quoted;
	unsigned marks; /* on the character before */
	bool space;     /* the character before is one */
};

enum { MARKS_MOST = 2 };

/* Programs of desktops take what looks like a tag or an entity for one. */
#define MARKUP "<&"

static bool is_escaped(struct shown *s, uint32_t c, bool first)
{
	bool mark = combining(c);
	/* A run of spaces makes a line of its own where a window breaks it. */
	bool again = s->quoted && c == ' ' && s->space;

	s->marks = mark ? s->marks + 1 : 0;
	s->space = c == ' ';
	return again || misleading(c) || (mark && (first || s->marks > MARKS_MOST)) ||
	       (s->quoted && unquotable(c));
}

/* One character of s as it is to be shown; returns how many bytes of s it was. */
static size_t unit_escape(struct bytes s, struct shown *state, bool first, char unit[UNIT_ROOM])
{
	uint32_t c = 0;
	size_t n = decode(s, &c);

	if (n == 0 || c < 0x20 || c == 0x7f || (c < 0x80 && strchr(state->also, (int)c) != NULL)) {
		snprintf(unit, UNIT_ROOM, "\\x%02x", (unsigned)s.data[0]);
		state->marks = 0;
		state->space = false;
		return 1;
	}
	if (is_escaped(state, c, first)) {
		snprintf(unit, UNIT_ROOM, c < 0x80 ? "\\x%02x" : "\\u{%04X}", (unsigned)c);
		return n;
	}
	memcpy(unit, s.data, n);
	unit[n] = '\0';
	return n;
}

/* Nothing in it has to be looked at twice, as in nearly every text: it is shown as it is. */
static bool is_plain(struct bytes s, const struct shown *state)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.data[i];

		if (c < 0x20 || c > 0x7e || (c == ' ' && state->quoted) ||
		    (*state->also != '\0' && strchr(state->also, c) != NULL))
			return false;
	}
	return s.len != 0;
}

/* Returns the length of what is in out; room is not 0. */
static size_t escape(struct bytes src, struct shown state, char *out, size_t room)
{
	static const char dots[] = "...";
	char unit[UNIT_ROOM];
	size_t used = 0;
	size_t cut = 0; /* where the dots would still fit */

	if (src.len < room && is_plain(src, &state)) {
		memcpy(out, src.data, src.len);
		out[src.len] = '\0';
		return src.len;
	}
	while (src.len != 0) {
		size_t taken = unit_escape(src, &state, used == 0, unit);
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
		(void)escape(src, (struct shown){.also = ""}, out, room);
	return out;
}

const char *text_shown(struct bytes src, char *out, size_t room)
{
	if (room != 0)
		(void)escape(src, (struct shown){.also = MARKUP}, out, room);
	return out;
}

const char *text_field(struct bytes src, char *out, size_t room)
{
	if (room != 0)
		(void)escape(src, (struct shown){.also = ";"}, out, room);
	return out;
}

const char *text_quote(struct bytes src, char *out, size_t room)
{
	struct shown state = {.also = "\";" MARKUP, .quoted = true};
	size_t n = escape(src, state, out + 1, room - 2);

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
