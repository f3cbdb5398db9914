#include "keystore/files/learnt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/log.h"
#include "proto/builder.h"
#include "proto/filesmsg.h"
#include "proto/keyblob.h"

#define FILE_NAME "learnt"
#define FRESH     "learnt.new"
#define MAGIC     "signet-learnt-1"

enum { PRINT_MOST = 127 };

struct row {
	struct blob path, print, public; /* of path and print: text */
};

/* The rows are in the order in which they were learnt; the oldest makes room. */
struct learnt {
	int dir;
	struct row rows[LEARNT_MOST];
	size_t n;
};

static void row_clear(struct row *r)
{
	blob_clear(&r->path);
	blob_clear(&r->print);
	blob_clear(&r->public);
}

static void drop(struct learnt *l, size_t i)
{
	row_clear(&l->rows[i]);
	memmove(&l->rows[i], &l->rows[i + 1], (l->n - i - 1) * sizeof(l->rows[0]));
	l->n--;
	l->rows[l->n] = (struct row){0};
}

/* Nothing, or a row; rows of one path replace each other. */
static enum err put(struct learnt *l, struct bytes path, struct bytes print, struct bytes public)
{
	struct row row = {0};
	enum err e = blob_copy(&row.path, path);

	if (e == ERR_OK)
		e = blob_copy(&row.print, print);
	if (e == ERR_OK)
		e = blob_copy(&row.public, public);
	if (e != ERR_OK) {
		row_clear(&row);
		return e;
	}
	for (size_t i = l->n; i-- > 0;) {
		if (bytes_equal(blob_view(&l->rows[i].path), path))
			drop(l, i);
	}
	if (l->n == LEARNT_MOST)
		drop(l, 0);
	l->rows[l->n++] = row;
	return ERR_OK;
}

/* --- its file: strings: MAGIC, and path, print, public of each row ------------- */

static enum err read_row(struct reader *r, struct learnt *l)
{
	struct bytes path, print, public;
	struct pubkey key;
	enum err e = reader_text_most(r, FILES_PATH_MOST, &path);

	if (e == ERR_OK && !files_path_good(path))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text_most(r, PRINT_MOST, &print);
	if (e == ERR_OK)
		e = reader_string_most(r, FILES_PUBLIC_MOST, &public);
	if (e == ERR_OK)
		e = pubkey_parse(public, &key);
	return e == ERR_OK ? put(l, path, print, public) : e;
}

static enum err read_rows(struct learnt *l, struct bytes content)
{
	struct reader r = reader_of(content);
	struct bytes magic;
	enum err e = reader_string(&r, &magic);

	if (e == ERR_OK && !bytes_is(magic, MAGIC))
		e = ERR_VERSION;
	for (size_t n = 0; e == ERR_OK && r.left != 0; n++)
		e = n < LEARNT_MOST ? read_row(&r, l) : ERR_LIMIT;
	return e;
}

static void forget_all(struct learnt *l)
{
	while (l->n != 0)
		row_clear(&l->rows[--l->n]);
}

static void load(struct learnt *l)
{
	struct blob content = {0};
	struct stat st;
	int fd =
	    openat(l->dir, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	enum err e = ERR_FORMAT;

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if (st.st_uid != geteuid())
			e = ERR_FILE_OWNER;
		else if ((st.st_mode & 022) != 0)
			e = ERR_FILE_OPEN;
		else
			e = fd_read_file(fd, LEARNT_FILE_MOST, &content);
	}
	fd_close(&fd);
	if (e == ERR_OK)
		e = read_rows(l, blob_view(&content));
	blob_clear(&content);
	if (e == ERR_OK)
		return;
	forget_all(l);
	log_warn("what was learnt of key files (signet/" FILE_NAME
		 " in the state directory) is not used: %s; adding such a key once more with "
		 "signet-add makes it anew",
	    err_text(e));
}

static enum err write_fresh(const struct learnt *l, struct bytes content)
{
	int fd;
	enum err e = ERR_SYSTEM;

	(void)unlinkat(l->dir, FRESH, 0);
	fd = openat(
	    l->dir, FRESH, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return ERR_SYSTEM;
	if (write(fd, content.data, content.len) == (ssize_t)content.len && fsync(fd) == 0 &&
	    renameat(l->dir, FRESH, l->dir, FILE_NAME) == 0)
		e = ERR_OK;
	fd_close(&fd);
	if (e != ERR_OK)
		(void)unlinkat(l->dir, FRESH, 0);
	return e;
}

static enum err save(struct learnt *l)
{
	struct builder b = {0};
	enum err e;

	if (l->dir < 0)
		return ERR_SYSTEM;
	for (;;) {
		builder_reset(&b);
		builder_cstring(&b, MAGIC);
		for (size_t i = 0; i < l->n; i++) {
			builder_string(&b, blob_view(&l->rows[i].path));
			builder_string(&b, blob_view(&l->rows[i].print));
			builder_string(&b, blob_view(&l->rows[i].public));
		}
		if (b.len <= LEARNT_FILE_MOST || l->n == 0)
			break;
		drop(l, 0);
	}
	e = builder_error(&b);
	if (e == ERR_OK)
		e = write_fresh(l, builder_view(&b));
	builder_clear(&b);
	return e;
}

/* --- the rest ------------------------------------------------------------------ */

/* Make what is missing of path, a component after the other, for us alone. */
static int make_directory(char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (char *p = path + 1; fd < 0 && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(path, S_IRWXU);
		*p = '/';
	}
	if (fd >= 0)
		return fd;
	(void)mkdir(path, S_IRWXU);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_directory(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char path[PATH_MAX];
	int n;

	if (state != NULL && state[0] == '/')
		n = snprintf(path, sizeof(path), "%s/signet", state);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, sizeof(path), "%s/.local/state/signet", home);
	else
		return -1;
	return n < 0 || (size_t)n >= sizeof(path) ? -1 : make_directory(path);
}

struct learnt *learnt_open(void)
{
	struct learnt *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->dir = open_directory();
	if (l->dir >= 0)
		load(l);
	else
		log_warn("the state directory cannot be made (%m): public halves of PEM keys are "
			 "not remembered beyond this login");
	return l;
}

void learnt_close(struct learnt *l)
{
	if (l == NULL)
		return;
	forget_all(l);
	fd_close(&l->dir);
	free(l);
}

int learnt_directory(const struct learnt *l)
{
	return l->dir;
}

struct bytes learnt_find(const struct learnt *l, const char *path, const char *print)
{
	for (size_t i = 0; i < l->n; i++) {
		if (bytes_is(blob_view(&l->rows[i].path), path) &&
		    bytes_is(blob_view(&l->rows[i].print), print))
			return blob_view(&l->rows[i].public);
	}
	return BYTES_NONE;
}

enum err learnt_set(struct learnt *l, const char *path, const char *print, struct bytes public)
{
	enum err e = ERR_OK;

	if (bytes_equal(learnt_find(l, path, print), public))
		return ERR_OK;
	if (public.len != 0)
		e = put(l, bytes_str(path), bytes_str(print), public);
	for (size_t i = l->n; public.len == 0 && i-- > 0;) {
		if (bytes_is(blob_view(&l->rows[i].path), path))
			drop(l, i);
	}
	return e == ERR_OK ? save(l) : e;
}
