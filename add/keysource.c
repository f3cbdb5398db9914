#include "add/keysource.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "add/show.h"
#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "proto/limits.h"

/* A pipe without a name lives in the kernel's pipe file system; its writer is there already or
 * gone. */
static bool nameless_pipe(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

/* The reason why a file of this kind is not read; NULL when it is. */
static const char *unfit(int fd, mode_t mode)
{
	if (S_ISREG(mode))
		return NULL;
	if (S_ISDIR(mode))
		return strerror(EISDIR);
	if (S_ISFIFO(mode))
		return nameless_pipe(fd)
			   ? NULL
			   : "it is a named pipe; write \"-\" to read a key from standard input";
	return "it is a device or a socket, not a key file";
}

static enum err system_error(struct keysource *k)
{
	k->why = strerror(errno);
	return ERR_SYSTEM;
}

static enum err open_path(struct keysource *k, int *fd)
{
	/* O_NONBLOCK: opening a FIFO or a device must not hang. */
	*fd = open(k->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd == -1 || fstat(*fd, &k->st) == -1)
		return system_error(k);
	k->why = unfit(*fd, k->st.st_mode);
	if (k->why != NULL)
		return ERR_UNSUPPORTED;
	if (fcntl(*fd, F_SETFL, O_RDONLY) == -1)
		return system_error(k);
	return ERR_OK;
}

static enum err read_content(struct keysource *k, int fd, size_t most)
{
	enum err e = fd_read_file(fd, most, &k->content);

	if (e == ERR_SYSTEM)
		return system_error(k);
	if (e == ERR_TOO_LONG)
		e = ERR_FILE_TOO_BIG;
	if (e == ERR_OK && k->content.len == 0)
		e = ERR_FILE_EMPTY;
	if (e != ERR_OK)
		k->why = err_text(e);
	return e;
}

enum err keysource_read(const char *path, struct keysource *out)
{
	return keysource_read_most(path, LIMIT_KEY_FILE, out);
}

enum err keysource_read_most(const char *path, size_t most, struct keysource *out)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = STDIN_FILENO;
	enum err e = ERR_OK;

	*out = (struct keysource){.path = standard ? NULL : path};
	out->name = show_whole(bytes_str(standard ? "(stdin)" : path));
	if (out->name == NULL)
		return ERR_MEMORY;
	if (!standard)
		e = open_path(out, &fd);
	if (e == ERR_OK)
		e = read_content(out, fd, most);
	if (!standard)
		fd_close(&fd);
	return e;
}

void keysource_clear(struct keysource *k)
{
	mem_free(k->name);
	blob_clear(&k->content);
	*k = (struct keysource){0};
}

bool keysource_too_open(const struct keysource *k)
{
	return k->path != NULL && k->st.st_uid == getuid() && (k->st.st_mode & 077) != 0;
}

void keysource_warn_open(const struct keysource *k)
{
	fprintf(stderr,
	    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
	    "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\n"
	    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
	    "Permissions 0%3.3o for '%s' are too open.\n"
	    "It is required that your private key files are NOT accessible by others.\n"
	    "This private key will be ignored.\n"
	    "To keep others out and use it: chmod 600 '%s'\n",
	    (unsigned)(k->st.st_mode & 0777), k->name, k->name);
}
