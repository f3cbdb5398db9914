/*
 * memscan [-f BYTES] PID FILE: look for secrets in a process's memory.
 *
 * FILE has one needle a line, in hex, 8 bytes at least.  -f finds every piece of so many
 * bytes of a needle, too.  Exit status: 0 nothing found, 1 something found, 2 it could not look.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/secret_scan.h"

enum { CLEAN = 0, FOUND = 1, FAILED = 2 };

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

static bool load(struct scan *s, const char *path)
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
			fprintf(
			    stderr, "memscan: %s:%u: not 8 or more bytes in hex\n", path, needles);
	}
	if (f != NULL)
		fclose(f);
	else
		perror(path);
	free(line);
	return ok && needles > 0;
}

int main(int argc, char **argv)
{
	size_t fragment = 0;
	struct scan *s;
	long hits = -1;
	int option;

	while ((option = getopt(argc, argv, "f:")) == 'f')
		fragment = strtoul(optarg, NULL, 10);
	if (option != -1 || argc - optind != 2 || (fragment != 0 && fragment < 8)) {
		fprintf(stderr, "usage: memscan [-f BYTES] PID FILE\n");
		return FAILED;
	}
	s = scan_new(fragment);
	if (s != NULL && load(s, argv[optind + 1])) {
		hits = scan_process(s, (pid_t)strtol(argv[optind], NULL, 10), stdout);
		if (hits < 0)
			fprintf(stderr, "memscan: process %s: its memory cannot be read\n",
			    argv[optind]);
	}
	scan_free(s);
	return hits < 0 ? FAILED : hits > 0 ? FOUND : CLEAN;
}
