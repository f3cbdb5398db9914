#include "agent/setup/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/setup/place.h"
#include "proto/base/fdio.h"

bool file_read(const char *path, struct blob *out)
{
	/* What is no regular file (a FIFO in place of a start file) must not keep us waiting. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	bool well;

	if (fd < 0)
		return false;
	well = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       fd_read_file(fd, FILES_MOST, out) == ERR_OK;
	fd_close(&fd);
	return well;
}

bool line_next(struct bytes *rest, struct bytes *line)
{
	const uint8_t *end;
	size_t n;

	if (rest->len == 0)
		return false;
	end = memchr(rest->data, '\n', rest->len);
	n = end != NULL ? (size_t)(end - rest->data) : rest->len;
	*line = BYTES(rest->data, n);
	n += end != NULL;
	*rest = BYTES(rest->data + n, rest->len - n);
	return true;
}

struct bytes bytes_trim(struct bytes b)
{
	while (b.len > 0 && (b.data[0] == ' ' || b.data[0] == '\t'))
		b = BYTES(b.data + 1, b.len - 1);
	while (b.len > 0 && strchr(" \t\r", b.data[b.len - 1]) != NULL && b.data[b.len - 1] != 0)
		b.len--;
	return b;
}

bool bytes_hold(struct bytes b, const char *word)
{
	return b.len > 0 && memmem(b.data, b.len, word, strlen(word)) != NULL;
}

bool bytes_begin(struct bytes b, const char *word)
{
	size_t n = strlen(word);

	return b.len >= n && memcmp(b.data, word, n) == 0;
}

bool file_write(const char *path, struct bytes content, mode_t mode)
{
	struct path made;
	int fd, why;

	if (!path_set(&made, "%s.XXXXXX", path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	fd = mkostemp(made.text, O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fd_write_all(fd, content, -1) == ERR_OK && fchmod(fd, mode) == 0 && fsync(fd) == 0 &&
	    rename(made.text, path) == 0) {
		fd_close(&fd);
		return true;
	}
	why = errno;
	(void)unlink(made.text);
	fd_close(&fd);
	errno = why;
	return false;
}
