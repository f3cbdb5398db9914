/* Pairs of the control protocol as JSON (RFC 8259): an object of strings in one line. */
#include <stdio.h>

#include "add/control.h"

/* Length of the well-formed UTF-8 character at p, or 0 (Unicode 15, table 3-7). */
static size_t utf8_length(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		n = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		n = 3;
		low = p[0] == 0xe0 ? 0xa0 : low;
		high = p[0] == 0xed ? 0x9f : high;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		n = 4;
		low = p[0] == 0xf0 ? 0x90 : low;
		high = p[0] == 0xf4 ? 0x8f : high;
	} else {
		return 0;
	}
	if (left < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	}
	return n;
}

/* One character of a string; returns how many bytes it took. */
static size_t put_character(const uint8_t *p, size_t left)
{
	size_t n;

	if (p[0] == '"' || p[0] == '\\') {
		printf("\\%c", p[0]);
		return 1;
	}
	if (p[0] < 0x20 || p[0] == 0x7f) {
		printf("\\u%04x", p[0]);
		return 1;
	}
	if (p[0] < 0x80) {
		putchar(p[0]);
		return 1;
	}
	n = utf8_length(p, left);
	if (n == 0) {
		fputs("\\ufffd", stdout);
		return 1;
	}
	fwrite(p, 1, n, stdout);
	return n;
}

void json_string(struct bytes text)
{
	putchar('"');
	for (size_t i = 0; i < text.len;)
		i += put_character(text.data + i, text.len - i);
	putchar('"');
}

/* RFC 8259 wants names to be unique, so of pairs with one name the first counts. */
static bool named_before(struct reader pairs, struct bytes name, const uint8_t *here)
{
	struct bytes n, v;

	while (ctl_pair_read(&pairs, &n, &v) == ERR_OK && n.data < here) {
		if (bytes_equal(n, name))
			return true;
	}
	return false;
}

enum err pairs_print_json(struct reader pairs)
{
	struct reader walk = pairs;
	const char *before = "";
	enum err e = ERR_OK;

	putchar('{');
	while (e == ERR_OK && walk.left != 0) {
		struct bytes name, value;

		e = ctl_pair_read(&walk, &name, &value);
		if (e != ERR_OK || named_before(pairs, name, name.data))
			continue;
		fputs(before, stdout);
		json_string(name);
		putchar(':');
		json_string(value);
		before = ",";
	}
	puts("}");
	return e;
}
