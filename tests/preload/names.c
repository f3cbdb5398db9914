/*
 * Loaded into signet-agent with LD_PRELOAD: while the file "hold" is in the folder NAMES_FOLDER,
 * its supervisor stops before it opens a known_hosts file; as long it keeps "looking" there.
 * What it opens is the file "known_hosts" of that folder.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_ROOM = 512, TRIES = 4000 };

static struct {
	char hold[PATH_ROOM], looking[PATH_ROOM], known[PATH_ROOM];
	int (*open)(const char *, int, ...);
} names;

static void wait_here(void)
{
	int fd;

	if (access(names.hold, F_OK) != 0)
		return;
	fd = names.open(names.looking, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	for (int i = 0; i < TRIES && access(names.hold, F_OK) == 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	unlink(names.looking);
}

int open(const char *path, int flags, ...)
{
	const char *end = strrchr(path, '/');
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
	va_end(list);
	if (names.hold[0] != '\0' && end != NULL && strcmp(end, "/known_hosts") == 0) {
		wait_here();
		path = names.known;
	}
	return names.open(path, flags, mode);
}

__attribute__((constructor)) static void start(void)
{
	const char *folder = getenv("NAMES_FOLDER");

	*(void **)&names.open = dlsym(RTLD_NEXT, "open");
	if (names.open == NULL)
		abort();
	if (folder == NULL)
		return;
	snprintf(names.hold, PATH_ROOM, "%s/hold", folder);
	snprintf(names.looking, PATH_ROOM, "%s/looking", folder);
	snprintf(names.known, PATH_ROOM, "%s/known_hosts", folder);
}
