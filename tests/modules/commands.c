/* The commands that p11bad.so follows, read from their file whenever one is looked for. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/modules/p11bad.h"

bool bad_path(const char *variable, const char *ending, char out[BAD_PATH])
{
	const char *named = getenv(variable);
	Dl_info info;
	int n;

	if (named != NULL && *named != '\0') {
		n = snprintf(out, BAD_PATH, "%s", named);
		return n > 0 && n < BAD_PATH;
	}
	if (dladdr((void *)(uintptr_t)bad_path, &info) == 0 || info.dli_fname == NULL)
		return false;
	n = snprintf(out, BAD_PATH, "%s%s", info.dli_fname, ending);
	return n > 0 && n < BAD_PATH;
}

static FILE *open_file(const char *ending, const char *mode)
{
	char path[BAD_PATH], whole[BAD_PATH + 16];

	if (!bad_path("P11BAD_COMMANDS", ".commands", path))
		return NULL;
	snprintf(whole, sizeof(whole), "%s%s", path, ending);
	return fopen(whole, mode);
}

/* Does line begin with this word?  What stands behind it, or NULL. */
static const char *behind(const char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0 || (line[n] != '\0' && line[n] != ' '))
		return NULL;
	return line[n] == ' ' ? line + n + 1 : line + n;
}

/* The next line without its end. */
static bool next_line(FILE *f, char line[BAD_LINE])
{
	if (fgets(line, BAD_LINE, f) == NULL)
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static void append(const char *ending, const char *line)
{
	FILE *f = open_file(ending, "ae");

	if (f == NULL)
		return;
	/* One write: several processes append. */
	setvbuf(f, NULL, _IOFBF, BUFSIZ);
	fprintf(f, "%s\n", line);
	fclose(f);
}

void bad_record(const char *line)
{
	append(".calls", line);
}

/* The line that begins with command and, if it is not NULL, word. */
static bool find(const char *command, const char *word, char line[BAD_LINE], char rest[BAD_LINE])
{
	FILE *f = open_file("", "re");
	const char *at = NULL;

	if (f == NULL)
		return false;
	while (at == NULL && next_line(f, line)) {
		at = behind(line, command);
		if (at != NULL && word != NULL)
			at = behind(at, word);
	}
	fclose(f);
	if (at != NULL)
		snprintf(rest, BAD_LINE, "%s", at);
	return at != NULL;
}

bool bad_told(const char *command, char arg[BAD_LINE])
{
	char line[BAD_LINE], rest[BAD_LINE];

	return find(command, NULL, line, arg != NULL ? arg : rest);
}

/* Was this line followed fewer than most times, by all processes?  Counts this time.  most is text:
 * empty for no end. */
static bool use_up(const char *line, const char *most)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	long left = strtol(most, NULL, 10);
	char other[BAD_LINE];
	FILE *f;

	if (*most == '\0')
		return true;
	pthread_mutex_lock(&lock);
	f = open_file(".used", "re");
	while (f != NULL && next_line(f, other)) {
		if (strcmp(line, other) == 0)
			left--;
	}
	if (f != NULL)
		fclose(f);
	if (left > 0)
		append(".used", line);
	pthread_mutex_unlock(&lock);
	return left > 0;
}

bool bad_told_of(const char *command, const char *word)
{
	char line[BAD_LINE], rest[BAD_LINE];

	return find(command, word, line, rest) && use_up(line, rest);
}

bool bad_told_once(const char *command)
{
	return bad_told_of(command, NULL);
}

void bad_hang(const char *command, const char *function)
{
	char line[BAD_LINE], rest[BAD_LINE];

	if (!bad_told_of(command, function))
		return;
	while (find(command, function, line, rest))
		usleep(10 * 1000);
	bad_record("goes on");
}

CK_RV bad_failure(const char *function)
{
	char line[BAD_LINE], rest[BAD_LINE], *most;
	CK_RV rv;

	if (!find("fail", function, line, rest))
		return CKR_OK;
	rv = strtoul(rest, &most, 0);
	while (*most == ' ')
		most++;
	return use_up(line, most) ? rv : CKR_OK;
}
