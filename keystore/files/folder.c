#include "keystore/files/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/limits.h"

size_t folder_of(const struct folders *f, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);

	if (slash == NULL || slash[1] == '\0' || strcmp(slash + 1, ".") == 0 ||
	    strcmp(slash + 1, "..") == 0)
		return f->n;
	for (size_t i = 0; i < f->n; i++) {
		if (strlen(f->paths[i]) == len && memcmp(f->paths[i], path, len) == 0) {
			*name = slash + 1;
			return i;
		}
	}
	return f->n;
}

/* Where a descriptor's file is now, whatever it was opened by. */
static bool place_of(int fd, char *out, size_t room)
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, room);
	if (n <= 0 || (size_t)n >= room)
		return false;
	out[n] = '\0';
	return true;
}

static bool is_below(const char *place, const char *folder)
{
	char real[PATH_MAX];
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool below = fd >= 0 && place_of(fd, real, sizeof(real));
	size_t len = below ? strlen(real) : 0;

	fd_close(&fd);
	return below && strncmp(place, real, len) == 0 && place[len] == '/';
}

static bool is_inside(const struct folders *f, int fd)
{
	char place[PATH_MAX];

	if (!place_of(fd, place, sizeof(place)))
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (is_below(place, f->paths[i]))
			return true;
	}
	return false;
}

/* Of openat(2). */
static enum err why_not(int error, const struct stat *st)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP: /* links that end nowhere */
	case ENXIO:
		return ERR_FILE_GONE;
	case EACCES:
	case EPERM:
		return st != NULL && st->st_uid == geteuid() ? ERR_FILE_OPEN : ERR_FILE_OWNER;
	default:
		return ERR_SYSTEM;
	}
}

/* What name is, opened for nothing but to look at it: a link's end, where that is inside. */
static enum err find(const struct folders *f, int dir, const char *name, int *fd, struct stat *st)
{
	int found = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	bool link;

	if (found < 0)
		return why_not(errno, NULL);
	if (fstat(found, st) != 0)
		st->st_mode = 0;
	link = S_ISLNK(st->st_mode);
	if (link) {
		fd_close(&found);
		found = openat(dir, name, O_PATH | O_CLOEXEC);
		/* Where nobody may look, it leads out all the same. */
		if (found < 0)
			return errno == EACCES ? ERR_FILE_OUTSIDE : why_not(errno, NULL);
		if (fstat(found, st) != 0)
			st->st_mode = 0;
	}
	if (!S_ISREG(st->st_mode) || (link && !is_inside(f, found))) {
		fd_close(&found);
		return S_ISREG(st->st_mode) ? ERR_FILE_OUTSIDE : ERR_FILE_FORMAT;
	}
	*fd = found;
	return ERR_OK;
}

enum err folder_open_name(
    const struct folders *f, int dir, const char *name, int *fd, struct stat *st)
{
	struct stat seen, now;
	char self[64];
	int found = -1, opened;
	enum err e = find(f, dir, name, &found, &seen);

	if (e != ERR_OK)
		return e;
	/* What was looked at, and not what has its name now. */
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", found);
	opened = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (opened < 0 && errno == ENOENT) /* no /proc */
		opened =
		    openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	e = opened < 0 ? why_not(errno, &seen) : ERR_OK;
	fd_close(&found);
	if (e == ERR_OK &&
	    (fstat(opened, &now) != 0 || now.st_ino != seen.st_ino || now.st_dev != seen.st_dev))
		e = ERR_FILE_GONE;
	if (e != ERR_OK) {
		fd_close(&opened);
		return e;
	}
	*fd = opened;
	*st = now;
	return ERR_OK;
}

enum err folder_check_private(const struct stat *st)
{
	if (st->st_uid != geteuid())
		return ERR_FILE_OWNER;
	return (st->st_mode & 077) != 0 ? ERR_FILE_OPEN : ERR_OK;
}

static enum err read_all(int fd, struct blob *content)
{
	enum err e = fd_read_file(fd, LIMIT_KEY_FILE, content);

	return e == ERR_TOO_LONG ? ERR_FILE_TOO_BIG : e;
}

enum err folder_open(const char *const *paths, size_t n, const char *path, struct blob *content)
{
	const struct folders f = {paths, n};
	struct stat st;
	const char *name = NULL;
	size_t i = folder_of(&f, path, &name);
	int fd = -1, dir;
	enum err e;

	if (i == n)
		return ERR_FILE_OUTSIDE;
	dir = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return why_not(errno, NULL);
	e = folder_open_name(&f, dir, name, &fd, &st);
	if (e == ERR_OK)
		e = folder_check_private(&st);
	if (e == ERR_OK && st.st_size == 0)
		e = ERR_FILE_EMPTY;
	if (e == ERR_OK)
		e = read_all(fd, content);
	fd_close(&fd);
	fd_close(&dir);
	return e;
}
