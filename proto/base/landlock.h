/* Shutting this process off from files, TCP, abstract sockets and others' signals: Landlock. */
#ifndef SIGNET_LANDLOCK_H
#define SIGNET_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/err.h"

/* A directory, by its path, or by its descriptor where that is NULL, and all that is below; or a
 * file by its path. */
struct landlock_room {
	const char *path;
	int fd;
	bool writable; /* files can be made, written and removed there, too */
	bool file;     /* to be read */
};

/*
 * From now on nothing but these can be read, no file be started, and nothing written
 * but where it says so; and, as far as the kernel knows how, with all no TCP be used, no abstract
 * socket be connected to, and nobody outside be signalled.  For this thread and those that it
 * starts.  What is not there is passed over, and not readable when it comes.
 * ERR_UNSUPPORTED on a kernel without Landlock; ERR_SYSTEM with errno.
 */
enum err landlock_shut(const struct landlock_room *rooms, size_t n, bool all);

#endif
