/*
 * Files that lie directly in the key directories, opened so that nothing outside of them is read:
 * a link is followed only where it ends inside one of them, nothing but a regular file is opened,
 * and none blockingly.
 */
#ifndef SIGNET_FOLDER_H
#define SIGNET_FOLDER_H

#include <sys/stat.h>

#include "proto/base/bytes.h"

/* The key directories: absolute paths, without a slash at the end.  Views. */
struct folders {
	const char *const *paths;
	size_t n;
};

/* In which of them does path lie directly?  f->n: in none.  *name: of the file, a view of path. */
size_t folder_of(const struct folders *f, const char *path, const char **name);

/*
 * Open name (one component) of the directory dir for reading; *fd is the caller's to close, *st is
 * of what was opened.  ERR_FILE_GONE: there is none; ERR_FILE_FORMAT: no regular file;
 * ERR_FILE_OUTSIDE: a link that leads out; ERR_FILE_OWNER, ERR_FILE_OPEN: it may not be read, and
 * belongs to another or to us; ERR_SYSTEM with errno.
 */
enum err folder_open_name(
    const struct folders *f, int dir, const char *name, int *fd, struct stat *st);

/* Would ssh-add take a private key from it?  ERR_FILE_OWNER, ERR_FILE_OPEN. */
enum err folder_check_private(const struct stat *st);

/*
 * The content of a private key file, with all these checks; path: absolute.  ERR_FILE_OUTSIDE also
 * for a path that lies in no key directory; ERR_FILE_TOO_BIG over LIMIT_KEY_FILE, ERR_FILE_EMPTY,
 * ERR_MEMORY.
 */
enum err folder_open(const char *const *paths, size_t n, const char *path, struct blob *content);

#endif
