#include "tests/support/base_test.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

size_t base_heap_in_use(void)
{
#ifdef __GLIBC__
	return mallinfo2().uordblks;
#else
	return 0;
#endif
}

enum { LOOK_EVERY = 5 }; /* milliseconds */

void base_folder_make(char *path)
{
	strcpy(path, "/tmp/sgb.XXXXXX");
	assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* Deep ones, too: musl goes no deeper than it may have folders open. */
void base_folder_remove(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 64, FTW_DEPTH | FTW_PHYS), 0);
}

void base_script(const char *folder, const char *name, const char *body, char *out)
{
	FILE *f;

	snprintf(out, 128, "%s/%s", folder, name);
	f = fopen(out, "we");
	assert_non_null(f);
	assert_true(fprintf(f, "#!/bin/sh\n%s\n", body) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(out, 0755), 0);
}

static bool read_line(const char *path, char *line, size_t room)
{
	FILE *f = fopen(path, "re");
	bool whole;

	if (f == NULL)
		return false;
	whole = fgets(line, (int)room, f) != NULL && strchr(line, '\n') != NULL;
	fclose(f);
	if (whole)
		line[strcspn(line, "\n")] = '\0';
	return whole;
}

bool base_wait_line(const char *path, char *line, size_t room)
{
	for (int waited = 0; waited < BASE_PATIENCE; waited += LOOK_EVERY) {
		if (read_line(path, line, room))
			return true;
		poll(NULL, 0, LOOK_EVERY);
	}
	return false;
}

int base_wait_end(pid_t pid)
{
	int status;

	for (int waited = 0; waited < BASE_PATIENCE; waited += LOOK_EVERY) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return status;
		if (got == -1 && errno != EINTR)
			return -1;
		poll(NULL, 0, LOOK_EVERY);
	}
	return -1;
}

size_t base_open_count(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}
