/* The configuration's syntax: lines to words, words to values, by one table of keywords. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/config_words.h"
#include "proto/base/text.h"

enum { LINE_ROOM = 1024, SHOWN = 128 };

void config_wrong(struct config_parse *p, const char *format, ...)
{
	char what[LINE_ROOM];
	struct config_mistake m = {.path = p->c->path, .line = p->line, .what = what};
	va_list args;

	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	p->good = false;
	p->to->tell(p->to->ctx, &m);
}

/* --- words --------------------------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\f';
}

static void skip_blanks(struct bytes *line)
{
	while (line->len != 0 && is_blank(line->data[0]))
		*line = BYTES(line->data + 1, line->len - 1);
}

static uint8_t take_byte(struct bytes *line)
{
	uint8_t c = line->data[0];

	*line = BYTES(line->data + 1, line->len - 1);
	return c;
}

/* The next word; a backslash takes a quotation mark or a backslash as it is.  False at the end of
 * the line, and for a mistake, which was told. */
static bool next_word(struct config_parse *p, struct bytes *line, struct builder *out)
{
	bool quoted = false;

	skip_blanks(line);
	if (line->len == 0 || line->data[0] == '#')
		return false;
	while (line->len != 0 && (quoted || !is_blank(line->data[0]))) {
		uint8_t c = take_byte(line);

		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c == '\\' && line->len != 0 && (line->data[0] == '"' || line->data[0] == '\\'))
			c = take_byte(line);
		builder_u8(out, c);
	}
	if (quoted)
		config_wrong(p, "a quotation mark is left open; put one more at the value's end");
	else if (builder_view(out).len > CONFIG_WORD_MOST)
		config_wrong(
		    p, "a value is longer than %u bytes; make it shorter", CONFIG_WORD_MOST);
	else
		return true;
	return false;
}

/* False for a line with a mistake, which was told. */
static bool split(struct config_parse *p, struct bytes line, struct words *out)
{
	bool was_good = p->good, mistake;
	struct builder word = {0};
	enum err e = ERR_OK;

	p->good = true;
	while (e == ERR_OK && p->good && next_word(p, &line, &word)) {
		if (out->n == CONFIG_WORDS_MOST)
			config_wrong(p, "the line has more than %u values; take some away",
			    CONFIG_WORDS_MOST);
		e = builder_error(&word);
		if (e == ERR_OK)
			e = words_add(out, builder_view(&word));
		builder_reset(&word);
	}
	if (e != ERR_OK || builder_error(&word) != ERR_OK)
		config_wrong(p, "%s", err_text(ERR_MEMORY));
	builder_clear(&word);
	mistake = !p->good;
	p->good = was_good && !mistake;
	return !mistake;
}

/* "Keyword value", "Keyword=value", "Keyword = value". */
static struct bytes split_keyword(struct bytes *line)
{
	struct bytes word = BYTES(line->data, 0);

	while (word.len < line->len && !is_blank(line->data[word.len]) &&
	       line->data[word.len] != '=' && line->data[word.len] != '"')
		word.len++;
	*line = BYTES(line->data + word.len, line->len - word.len);
	skip_blanks(line);
	if (line->len != 0 && line->data[0] == '=')
		*line = BYTES(line->data + 1, line->len - 1);
	return word;
}

/* --- keywords ------------------------------------------------------------------------------ */

/* Changes from one to the other: letters put in, left out, replaced. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], n = strlen(b);

	if (n >= sizeof(row) / sizeof(row[0]) || strlen(a) > 2 * n)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t corner = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			bool same = strncasecmp(&a[i], &b[j], 1) == 0;
			size_t replaced = corner + !same, least;

			corner = row[j + 1];
			least = corner < row[j] ? corner : row[j];
			row[j + 1] = least + 1 < replaced ? least + 1 : replaced;
		}
	}
	return row[n];
}

/* Whatever it was, what it was to restrict is restricted; nearest: what it seems to be. */
static void lose_line(struct config_parse *p, const struct config_keyword *nearest)
{
	p->unsure = true; /* for which there has to be a block */
	if (nearest != NULL && nearest->starts)
		nearest->take(p, nearest, NULL);
}

static void unknown(struct config_parse *p, const char *name)
{
	const struct config_keyword *nearest = NULL;
	size_t least = strlen(name) / 3 + 1;
	char shown[SHOWN];

	for (const struct config_keyword *k = config_keywords; k->name != NULL; k++) {
		size_t d = distance(name, k->name);

		if (d <= least && (nearest == NULL || d < least)) {
			nearest = k;
			least = d;
		}
	}
	text_quote(bytes_str(name), shown, sizeof(shown));
	if (nearest != NULL)
		config_wrong(p, "there is no keyword %s; did you mean %s?", shown, nearest->name);
	else
		config_wrong(p,
		    "there is no keyword %s; see signet-config(5) for those there are, or take the "
		    "line away",
		    shown);
	/* One in quotation marks, perhaps. */
	p->confirm_all = p->confirm_all || name[0] == '\0';
	lose_line(p, nearest);
}

static const char *where(unsigned sections)
{
	return sections == SECTION_KEY    ? "a Key line"
	       : sections == SECTION_VIEW ? "a View line"
					  : "a Key or View line";
}

/* There is such a keyword, elsewhere. */
static void misplaced(struct config_parse *p, const char *name, unsigned sections)
{
	if ((sections & SECTION_GLOBAL) != 0)
		config_wrong(p,
		    "%s is no keyword of %s block; move it above the first Key or View line", name,
		    p->section == SECTION_KEY ? "a Key" : "a View");
	else if (p->section == SECTION_GLOBAL)
		config_wrong(p, "%s belongs to a block; move it below %s", name, where(sections));
	else
		config_wrong(
		    p, "%s is no keyword of this block; move it below %s", name, where(sections));
	if (p->section == SECTION_GLOBAL && (sections & SECTION_KEY) != 0)
		p->confirm_all = true;
	lose_line(p, NULL);
}

static const struct config_keyword *find(struct config_parse *p, const char *name)
{
	const struct config_keyword *other = NULL;
	unsigned sections = 0;

	for (const struct config_keyword *k = config_keywords; k->name != NULL; k++) {
		if (strcasecmp(k->name, name) != 0)
			continue;
		if ((k->sections & p->section) != 0)
			return k;
		other = k;
		sections |= k->sections;
	}
	if (other != NULL)
		misplaced(p, other->name, sections);
	else
		unknown(p, name);
	return NULL;
}

/* Of what has one value the first holds.  now: from here on it was seen. */
static bool seen(struct config_parse *p, const struct config_keyword *k, bool now)
{
	uint64_t bit = UINT64_C(1) << (k - config_keywords);
	uint64_t *bits = p->section == SECTION_GLOBAL ? &p->seen : &p->seen_in_block;

	if (now)
		*bits |= bit;
	return (*bits & bit) != 0;
}

/* Mistakes are told; the value is not taken. */
static void look_at(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	struct config_key key = {.line = p->line};
	struct config_view view = {.line = p->line};
	struct config_parse other = *p;

	other.c = config_new(p->home);
	if (other.c == NULL) {
		config_no_memory(p);
		return;
	}
	other.c->path = p->c->path;
	other.key = &key;
	other.view = &view;
	k->take(&other, k, values);
	p->good = other.good;
	other.c->path = NULL;
	config_free(other.c);
	config_key_clear(&key);
	config_view_clear(&view);
}

/* values NULL: there was a mistake, which was told. */
static void take_line(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	bool was_good = p->good;

	if (k->starts || k->list) {
		k->take(p, k, values);
	} else if (seen(p, k, false)) {
		if (values != NULL)
			look_at(p, k, values);
	} else {
		p->good = values != NULL;
		k->take(p, k, values);
		(void)seen(p, k, p->good || k->strict != 0);
		p->good = p->good && was_good;
	}
}

static bool count_fits(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	if (values->n == 0)
		config_wrong(p, "%s has no value; write %s behind it", k->name, k->wants);
	else if (values->n > 1 && !k->many)
		config_wrong(
		    p, "%s has more than one value; write %s behind it", k->name, k->wants);
	else
		return true;
	return false;
}

static const struct config_keyword *block_named(const char *name)
{
	for (const struct config_keyword *k = config_keywords; k->name != NULL; k++) {
		if (k->starts && strcasecmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

static void one_line(struct config_parse *p, struct bytes line)
{
	struct bytes word;
	struct words values = {0}, names = {0};
	const struct config_keyword *k = NULL;
	bool good;

	skip_blanks(&line);
	if (line.len == 0 || line.data[0] == '#')
		return;
	good = memchr(line.data, '\0', line.len) == NULL;
	if (!good)
		config_wrong(p, "the line has a NUL byte in it; write it anew");
	word = split_keyword(&line);
	if (words_add(&names, word) != ERR_OK)
		config_no_memory(p);
	else if (word.len != strlen(names.list[0]))
		lose_line(p, block_named(names.list[0]));
	else
		k = find(p, names.list[0]);
	if (k != NULL) {
		p->keyword_line = p->line;
		good = good && split(p, line, &values) && count_fits(p, k, &values);
		take_line(p, k, good ? &values : NULL);
	}
	words_clear(&values);
	words_clear(&names);
}

bool config_parse(
    struct config *c, struct bytes text, const char *home, const struct config_teller *to)
{
	struct config_parse p = {
	    .c = c, .home = home, .to = to, .good = true, .section = SECTION_GLOBAL};

	/* Some editors put a mark of their encoding before the first line. */
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		text = BYTES(text.data + 3, text.len - 3);
	if (text.len > CONFIG_MOST) {
		config_wrong(
		    &p, "the file is bigger than %u KiB; is it the right one?", CONFIG_MOST / 1024);
		return false;
	}
	while (text.len != 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t n = end != NULL ? (size_t)(end - text.data) : text.len;
		struct bytes line = BYTES(text.data, n);

		p.line++;
		text = BYTES(text.data + n + (end != NULL), text.len - n - (end != NULL));
		if (line.len != 0 && line.data[line.len - 1] == '\r')
			line.len--;
		one_line(&p, line);
	}
	config_end_block(&p);
	if (p.confirm_all && config_confirm_all(c) != ERR_OK)
		config_no_memory(&p);
	return p.good;
}
