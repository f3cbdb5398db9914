/*
 * Feed files to a fuzzer once and print TAP: those named, or the fuzzer's corpus
 * (tests/fuzz/corpus/NAME for a program called f_NAME).  A crash ends the program before its plan
 * is fulfilled.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* libFuzzer's optional hook for what a fuzzer sets up once. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/*
 * The input lies in memory of exactly its size, so that the address sanitizer sees a byte too
 * many. /
 */
static bool feed(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0, room = 0, n = 0;

	if (f == NULL)
		return false;
	do {
		size += n;
		if (size == room) {
			room = room * 2 + 4096;
			data = realloc(data, room);
			if (data == NULL)
				abort();
		}
	} while ((n = fread(data + size, 1, room - size, f)) != 0);
	fclose(f);
	data = realloc(data, size != 0 ? size : 1);
	if (data == NULL)
		abort();
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return true;
}

static bool replay(char *const *paths, int n)
{
	bool all = true;

	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		bool ok;

		fflush(stdout);
		ok = feed(paths[i]);
		all = all && ok;
		printf("%s %d - %s%s%s\n", ok ? "ok" : "not ok", i + 1, paths[i], ok ? "" : ": ",
		    ok ? "" : strerror(errno));
	}
	return all;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool replay_corpus(const char *program)
{
	const char *name = strncmp(program, "f_", 2) == 0 ? program + 2 : program;
	char folder[256];
	struct dirent **entries = NULL;
	char **paths;
	int n;
	bool ok;

	snprintf(folder, sizeof(folder), "tests/fuzz/corpus/%s", name);
	n = scandir(folder, &entries, visible, alphasort);
	if (n <= 0) {
		printf("1..1\nnot ok 1 - %s holds no input\n", folder);
		free(entries);
		return false;
	}
	paths = calloc((size_t)n, sizeof(*paths));
	if (paths == NULL)
		abort();
	for (int i = 0; i < n; i++) {
		if (asprintf(&paths[i], "%s/%s", folder, entries[i]->d_name) < 0)
			abort();
		free(entries[i]);
	}
	free(entries);
	ok = replay(paths, n);
	for (int i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
	return ok;
}

int main(int argc, char **argv)
{
	bool ok;

	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	ok = argc > 1 ? replay(argv + 1, argc - 1) : replay_corpus(program_invocation_short_name);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
