/* Reading the files that a person names, of whatever kind they turn out to be. */
#ifndef SIGNET_ADD_KEYSOURCE_H
#define SIGNET_ADD_KEYSOURCE_H

#include <sys/stat.h>

#include "proto/base/bytes.h"

/* A file that was read.  path is the caller's memory. */
struct keysource {
	const char *path; /* NULL for standard input */
	char *name;       /* for messages: the path escaped, or "(stdin)"; own memory (mem_free) */
	struct blob content; /* wiping memory */
	struct stat st;
	const char *why; /* after an error: the reason, a constant string or strerror()'s */
};

/*
 * Read the file at path, "-" being standard input.  Regular files and pipes that have no name (as a
 * shell's <(command) makes them); never waits for the writer of a FIFO.  On failure out->why says
 * the reason and out->name the file; keysource_clear is due in either case. ERR_SYSTEM (errno is
 * set), ERR_UNSUPPORTED (neither kind of file), ERR_FILE_TOO_BIG, ERR_FILE_EMPTY, ERR_MEMORY.
 */
enum err keysource_read(const char *path, struct keysource *out);

/* The same with another limit than LIMIT_KEY_FILE, in bytes, for files that hold no key. */
enum err keysource_read_most(const char *path, size_t most, struct keysource *out);

void keysource_clear(struct keysource *k);

/* True when it is our own file and others have any right to it: such a private key is not to be
 * used. */
bool keysource_too_open(const struct keysource *k);

/* Say so, with the command that mends it. */
void keysource_warn_open(const struct keysource *k);

#endif
