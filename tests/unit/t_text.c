#include "tests/support/base_test.h"

#include <string.h>

#include "proto/base/text.h"

struct row {
	const char *in;
	size_t len; /* 0: strlen */
	const char *out;
};

static void rows(void **state)
{
	/* Encodings from the Unicode standard and RFC 3629; U+202E is what hides a file's
	 * extension. */
	static const struct row table[] = {
	    {"", 0, ""},
	    {"plain text ~", 0, "plain text ~"},
	    {"C:\\dir", 0, "C:\\dir"},
	    {"a\0b", 3, "a\\x00b"},
	    {"a\nb\r\tc", 0, "a\\x0ab\\x0d\\x09c"},
	    {"\x1b[2J", 0, "\\x1b[2J"},
	    {"\x7f", 0, "\\x7f"},
	    {"gr\xc3\xbc\xc3\x9f", 0, "gr\xc3\xbc\xc3\x9f"},
	    {"\xe2\x82\xac \xf0\x9f\x94\x91", 0, "\xe2\x82\xac \xf0\x9f\x94\x91"},
	    {"\xc2\x9b", 0, "\\u{009B}"},
	    {"\xc2\x80\xc2\xa0", 0, "\\u{0080}\xc2\xa0"},
	    {"\xe2\x80\xae"
	     "fdp",
		0, "\\u{202E}fdp"},
	    {"\xe2\x80\xaa\xe2\x80\x8e\xe2\x80\x8f", 0, "\\u{202A}\\u{200E}\\u{200F}"},
	    {"\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c", 0, "\\u{2066}\\u{2069}\\u{061C}"},
	    {"\xe2\x80\xa8\xe2\x80\xa9", 0, "\\u{2028}\\u{2029}"},
	    /* Not seen at all: the zero-width ones, a soft hyphen, a filler, a tag, a selector. */
	    {"ro\xe2\x80\x8bot\xe2\x80\x8d\xef\xbb\xbf", 0, "ro\\u{200B}ot\\u{200D}\\u{FEFF}"},
	    {"a\xc2\xad\xe3\x85\xa4\xf3\xa0\x81\x81\xef\xb8\x8f", 0,
		"a\\u{00AD}\\u{3164}\\u{E0041}\\u{FE0F}"},
	    /* Marks: of writing, before any character, and a stack of them. */
	    {"e\xcc\x81\xcc\xa3!", 0, "e\xcc\x81\xcc\xa3!"},
	    {"\xcc\x81z", 0, "\\u{0301}z"},
	    {"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81", 0, "e\xcc\x81\xcc\x81\\u{0301}\\u{0301}"},
	    {"a  b\xe3\x80\x80<c>", 0, "a  b\xe3\x80\x80<c>"},
	    {"\xe2\x80\xa7\xe2\x80\xaf", 0, "\xe2\x80\xa7\xe2\x80\xaf"},
	    /* Not UTF-8: alone, cut short, overlong, a surrogate, above U+10FFFF. */
	    {"\x80", 0, "\\x80"},
	    {"\xff\xfe", 0, "\\xff\\xfe"},
	    {"\xe2\x82", 0, "\\xe2\\x82"},
	    {"\xe2\x82z", 0, "\\xe2\\x82z"},
	    {"\xc0\xaf", 0, "\\xc0\\xaf"},
	    {"\xe0\x80\xaf", 0, "\\xe0\\x80\\xaf"},
	    {"\xf0\x80\x80\xaf", 0, "\\xf0\\x80\\x80\\xaf"},
	    {"\xed\xa0\x80", 0, "\\xed\\xa0\\x80"},
	    {"\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80"},
	    {"\xf4\x8f\xbf\xbd", 0, "\xf4\x8f\xbf\xbd"},
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = table[i].len != 0 ? table[i].len : strlen(table[i].in);

		assert_ptr_equal(text_escape(BYTES(table[i].in, len), out, sizeof(out)), out);
		assert_string_equal(out, table[i].out);
	}
}

static void long_text_is_cut_at_a_character(void **state)
{
	char out[8];

	(void)state;
	assert_string_equal(text_escape(bytes_str("seven77"), out, sizeof(out)), "seven77");
	assert_string_equal(text_escape(bytes_str("eight888"), out, sizeof(out)), "eigh...");
	assert_string_equal(text_escape(bytes_str("abc\xc3\xbcxyz"), out, sizeof(out)), "abc...");
	assert_string_equal(text_escape(bytes_str("ab\nxxxx"), out, sizeof(out)), "ab...");
	assert_string_equal(text_escape(bytes_str("\xe2\x80\xae"), out, sizeof(out)), "...");
}

static void quoted(void **state)
{
	char out[16];

	(void)state;
	assert_string_equal(text_quote(bytes_str("a b"), out, sizeof(out)), "\"a b\"");
	assert_string_equal(text_quote(bytes_str(""), out, sizeof(out)), "\"\"");
	assert_string_equal(text_quote(bytes_str("a\"; b"), out, sizeof(out)), "\"a\\x22\\x3b b\"");
	/* Cut after it was escaped: the last mark is always there. */
	assert_string_equal(
	    text_quote(bytes_str("\"\"\"\"\"\""), out, sizeof(out)), "\"\\x22\\x22...\"");
	assert_string_equal(
	    text_quote(bytes_str("123456789abcdef"), out, sizeof(out)), "\"123456789a...\"");
	assert_string_equal(text_quote(bytes_str("abcdefgh"), out, TEXT_QUOTE_LEAST), "\"ab...\"");
}

/* What would end the quotation for the eye, be markup for a desktop, or begin a line of its own. */
static void quoted_for_good(void **state)
{
	static const char *const rows[][2] = {
	    {"x\xe2\x80\x9d? yes", "\"x\\u{201D}? yes\""},
	    {"x\xef\xbc\x82 y", "\"x\\u{FF02} y\""},
	    {"<br>forwarded: no<!--", "\"\\x3cbr>forwarded: no\\x3c!--\""},
	    {"&lt;b", "\"\\x26lt\\x3bb\""},
	    {"a    b c", "\"a \\x20\\x20\\x20b c\""},
	    {"a\xc2\xa0\xe3\x80\x80z", "\"a\\u{00A0}\\u{3000}z\""},
	    {"\xcc\xb8z", "\"\\u{0338}z\""},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(
		    text_quote(bytes_str(rows[i][0]), out, sizeof(out)), rows[i][1]);
	assert_string_equal(text_shown(bytes_str("YubiKey <b> \"&\""), out, sizeof(out)),
	    "YubiKey \\x3cb> \"\\x26\"");
}

static void only_plain_words_stand_alone(void **state)
{
	static const char *const odd[] = {
	    "", "a b", "a;b", "a,b", "a(b", "a@b", "a\"b", "a\\b", "\xc3\xbc"};
	char out[32];

	(void)state;
	assert_string_equal(
	    text_word(bytes_str("git-1.2_x:/y+"), out, sizeof(out)), "git-1.2_x:/y+");
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		text_word(bytes_str(odd[i]), out, sizeof(out));
		assert_int_equal(out[0], '"');
		assert_int_equal(out[strlen(out) - 1], '"');
	}
	assert_string_equal(text_word(BYTES("a\0b", 3), out, sizeof(out)), "\"a\\x00b\"");
}

/* Nothing is written past the room, whatever it is. */
static void every_room_is_kept(void **state)
{
	static const char text[] = "a\x01\xc3\xbc\xe2\x80\xae\xff long enough for each of them";
	char out[48];

	(void)state;
	for (size_t room = 0; room < sizeof(out); room++) {
		memset(out, '#', sizeof(out));
		text_escape(bytes_str(text), out, room);
		if (room != 0)
			assert_non_null(memchr(out, '\0', room));
		for (size_t i = room; i < sizeof(out); i++)
			assert_int_equal(out[i], '#');
		if (room < TEXT_QUOTE_LEAST)
			continue;
		text_quote(bytes_str(text), out, room);
		assert_non_null(memchr(out, '\0', room));
		for (size_t i = room; i < sizeof(out); i++)
			assert_int_equal(out[i], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows),
	    cmocka_unit_test(long_text_is_cut_at_a_character),
	    cmocka_unit_test(quoted),
	    cmocka_unit_test(quoted_for_good),
	    cmocka_unit_test(only_plain_words_stand_alone),
	    cmocka_unit_test(every_room_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
