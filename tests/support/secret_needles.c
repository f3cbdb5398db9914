#include "tests/support/secret_needles.h"

#include <stdlib.h>
#include <string.h>

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c | 0x20);

	return at == NULL ? -1 : (int)(at - digits);
}

/* Hex to bytes in place; false when it is no hex. */
static bool unhex(char *line, size_t *n)
{
	size_t length = strcspn(line, "\r\n");

	if (length % 2 != 0)
		return false;
	for (size_t i = 0; i < length; i += 2) {
		const int high = digit(line[i]);
		const int low = digit(line[i + 1]);

		if (high < 0 || low < 0)
			return false;
		line[i / 2] = (char)(high << 4 | low);
	}
	*n = length / 2;
	return true;
}

bool needles_load(struct scan *s, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	size_t n;
	unsigned needles = 0;
	bool ok = f != NULL;

	while (ok && getline(&line, &room, f) > 0) {
		ok = unhex(line, &n) && scan_needle(s, (const uint8_t *)line, n);
		needles++;
		if (!ok)
			fprintf(stderr, "%s:%u: not 8 or more bytes in hex\n", path, needles);
	}
	if (f != NULL)
		fclose(f);
	else
		perror(path);
	free(line);
	return ok && needles > 0;
}
