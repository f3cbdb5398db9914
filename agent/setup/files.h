/* Small text files. */
#ifndef SIGNET_SETUP_FILES_H
#define SIGNET_SETUP_FILES_H

#include <sys/types.h>

#include "proto/base/bytes.h"

/* At most so much is read of any file. */
enum { FILES_MOST = 1 << 20 };

/* The content; an empty blob when there is no such file or it cannot be read (false). */
bool file_read(const char *path, struct blob *out);

/* The next line, without its end; false after the last. */
bool line_next(struct bytes *rest, struct bytes *line);

/* Without spaces and tabs at both ends. */
struct bytes bytes_trim(struct bytes b);

/* Does the word stand anywhere in it? */
bool bytes_hold(struct bytes b, const char *word);

bool bytes_begin(struct bytes b, const char *word);

/* Put it in place of the file at path, all or nothing.  False with errno. */
bool file_write(const char *path, struct bytes content, mode_t mode);

#endif
