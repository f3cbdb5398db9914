#include "keystore/files/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/filesmsg.h"

enum { ENTRIES_MOST = 65536 }; /* of one directory */

static void entry_free(struct entry *e)
{
	scan_clear(&e->scan);
	free(e->path);
	free(e);
}

enum err shelf_open(struct shelf *s, const char *const *paths, size_t n, struct learnt *learnt)
{
	*s = (struct shelf){.folders = {paths, n}, .learnt = learnt, .notify = -1, .above = -1};
	s->places = calloc(n + 1, sizeof(*s->places));
	if (s->places == NULL)
		return ERR_MEMORY;
	for (size_t i = 0; i < n; i++)
		s->places[i] =
		    (struct place){.path = paths[i], .fd = -1, .watch = -1, .dirty = true};
	s->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	s->above = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->notify < 0 || s->above < 0) {
		shelf_close(s);
		return ERR_SYSTEM;
	}
	return ERR_OK;
}

void shelf_close(struct shelf *s)
{
	for (size_t i = 0; s->places != NULL && i < s->folders.n; i++) {
		struct place *p = &s->places[i];

		while (p->n != 0)
			entry_free(p->entries[--p->n]);
		free(p->entries);
		free(p->real);
		fd_close(&p->fd);
	}
	free(s->places);
	s->places = NULL;
	fd_close(&s->notify);
	fd_close(&s->above);
}

/* --- a directory's entries, by name ------------------------------------------- */

static int compare(const char *name, size_t len, const struct entry *e)
{
	int c = strncmp(name, e->name, len);

	return c != 0 ? c : -(int)(e->name[len] != '\0');
}

/* Where it is, or would have to be. */
static size_t slot_of(const struct place *p, const char *name, size_t len, bool *there)
{
	size_t low = 0, high = p->n;

	*there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = compare(name, len, p->entries[middle]);

		if (c == 0) {
			*there = true;
			return middle;
		}
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct entry *place_find(const struct place *p, const char *name, size_t len)
{
	bool there;
	size_t i = slot_of(p, name, len, &there);

	return there ? p->entries[i] : NULL;
}

static struct entry *entry_new(const struct place *p, const char *name)
{
	size_t len = strlen(p->path);
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	if (asprintf(&e->path, "%s/%s", p->path, name) < 0) {
		free(e);
		return NULL;
	}
	e->name = e->path + len + 1;
	return e;
}

/* NULL: no memory, too many, or a path that no message takes. */
static struct entry *place_add(struct place *p, const char *name)
{
	bool there;
	size_t i = slot_of(p, name, strlen(name), &there);
	struct entry *e;

	if (there)
		return p->entries[i];
	if (p->n == ENTRIES_MOST || strlen(p->path) + 1 + strlen(name) > FILES_PATH_MOST)
		return NULL;
	if (p->n == p->room) {
		size_t room = p->room == 0 ? 64 : p->room * 2;
		struct entry **more = realloc(p->entries, room * sizeof(struct entry *));

		if (more == NULL)
			return NULL;
		p->entries = more;
		p->room = room;
	}
	e = entry_new(p, name);
	if (e == NULL)
		return NULL;
	memmove(&p->entries[i + 1], &p->entries[i], (p->n - i) * sizeof(struct entry *));
	p->entries[i] = e;
	p->n++;
	return e;
}

/* --- looking ------------------------------------------------------------------- */

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){
	    .dev = st->st_dev,
	    .ino = st->st_ino,
	    .size = st->st_size,
	    .mode = st->st_mode,
	    .uid = st->st_uid,
	    .modified = st->st_mtim,
	    .changed = st->st_ctim,
	};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mode == b->mode &&
	       a->uid == b->uid && same_time(&a->modified, &b->modified) &&
	       same_time(&a->changed, &b->changed);
}

/* What it is now; a file that is gone is nothing. */
static void entry_look(const struct shelf *s, const struct place *p, struct entry *e)
{
	struct stat st, own;
	struct stamp stamp = {0};

	e->dirty = false;
	if (fstatat(p->fd, e->name, &own, AT_SYMLINK_NOFOLLOW) != 0) {
		e->found = false;
		scan_clear(&e->scan);
		return;
	}
	e->found = true;
	e->link = S_ISLNK(own.st_mode);
	/* What cannot be followed is for scan_file to judge, each time. */
	if (!e->link)
		stamp = stamp_of(&own);
	else if (fstatat(p->fd, e->name, &st, 0) == 0)
		stamp = stamp_of(&st);
	if (stamp.ino != 0 && same_stamp(&stamp, &e->stamp))
		return;
	e->stamp = stamp;
	scan_clear(&e->scan);
	if (stamp.ino == 0 || S_ISREG(stamp.mode))
		scan_file(&s->folders, p->fd, e->name, &e->scan);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted, so that each is put behind the last. */
static char **read_names(int fd, size_t *n)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	char **names = NULL;
	size_t room = 0;
	struct dirent *d;

	*n = 0;
	if (dir == NULL) {
		fd_close(&copy);
		return NULL;
	}
	while (*n < ENTRIES_MOST && (d = readdir(dir)) != NULL) {
		if (*n == room) {
			size_t more = room == 0 ? 64 : room * 2;
			char **fresh = realloc(names, more * sizeof(char *));

			if (fresh == NULL)
				break;
			names = fresh;
			room = more;
		}
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
		    d->d_type != DT_DIR && (names[*n] = strdup(d->d_name)) != NULL)
			(*n)++;
	}
	closedir(dir);
	if (*n != 0)
		qsort(names, *n, sizeof(char *), by_name);
	return names;
}

static void place_read(const struct shelf *s, struct place *p)
{
	size_t n;
	char **names = read_names(p->fd, &n);

	for (size_t i = 0; i < p->n; i++)
		p->entries[i]->found = p->entries[i]->dirty = false;
	for (size_t i = 0; i < n; i++) {
		struct entry *e = place_add(p, names[i]);

		if (e != NULL)
			entry_look(s, p, e);
		free(names[i]);
	}
	free(names);
	for (size_t i = 0; i < p->n; i++) {
		if (!p->entries[i]->found)
			scan_clear(&p->entries[i]->scan);
	}
}

/* Open it where it is not, and say what is wrong with it. */
static void place_visit(struct shelf *s, struct place *p)
{
	bool known = p->fd >= 0 || p->trouble != ERR_OK;
	struct stat named, held;

	if (p->fd >= 0 && (stat(p->path, &named) != 0 || fstat(p->fd, &held) != 0 ||
			      named.st_ino != held.st_ino || named.st_dev != held.st_dev))
		fd_close(&p->fd);
	if (p->fd >= 0 && access(p->path, R_OK | X_OK) == 0) {
		p->trouble = ERR_OK;
		return;
	}
	fd_close(&p->fd);
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->fd >= 0 || errno == EACCES) {
		/* The sandbox was made for those that were there, and says the same of others as
		 * permissions do. */
		if (known && (p->fd >= 0 || p->trouble != ERR_DIRECTORY))
			s->reborn = true;
		p->trouble = p->fd >= 0 ? ERR_OK : ERR_DIRECTORY;
	} else {
		p->trouble =
		    errno == ENOENT || errno == ENOTDIR ? ERR_DIRECTORY_GONE : ERR_DIRECTORY;
	}
}

static void place_look(struct shelf *s, struct place *p)
{
	if (p->dirty) {
		p->dirty = false;
		place_follow(p);
		if (s->guarded)
			place_watch_above(s, p); /* before it is looked for, */
		place_visit(s, p);
		place_watch(s, p); /* and before it is read, so that nothing is missed */
		if (p->fd >= 0)
			place_read(s, p);
	}
	for (size_t i = 0; i < p->n; i++) {
		struct entry *e = p->entries[i];

		if (p->fd < 0) {
			e->found = false;
			e->stamp = (struct stamp){0};
			scan_clear(&e->scan);
		} else if (e->dirty || e->link) {
			entry_look(s, p, e);
		}
	}
}

/* Of those that are gone, what was told was taken back by now. */
static void place_tidy(struct place *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct entry *e = p->entries[i];

		if (!e->found && !e->dirty && e->told == 0)
			entry_free(e);
		else
			p->entries[kept++] = e;
	}
	p->n = kept;
}

void shelf_look(struct shelf *s)
{
	for (size_t i = 0; i < s->folders.n; i++) {
		place_tidy(&s->places[i]);
		place_look(s, &s->places[i]);
	}
}

void shelf_guard(struct shelf *s)
{
	s->guarded = true;
	for (size_t i = 0; i < s->folders.n; i++)
		s->places[i].dirty = true;
}

struct entry *shelf_find(const struct shelf *s, const char *path)
{
	const char *name = NULL;
	size_t i = folder_of(&s->folders, path, &name);

	return i == s->folders.n ? NULL : place_find(&s->places[i], name, strlen(name));
}

void shelf_doubt_all(struct shelf *s)
{
	for (size_t i = 0; i < s->folders.n; i++) {
		struct place *p = &s->places[i];

		p->dirty = true;
		for (size_t k = 0; k < p->n; k++)
			p->entries[k]->stamp = (struct stamp){0};
	}
}

static struct entry *make_dirty(struct shelf *s, const char *path)
{
	const char *name = NULL;
	size_t i = folder_of(&s->folders, path, &name);
	struct entry *e = i == s->folders.n ? NULL : place_add(&s->places[i], name);

	if (e != NULL)
		e->dirty = true;
	return e;
}

void shelf_touch(struct shelf *s, const char *path)
{
	(void)make_dirty(s, path);
}

void shelf_doubt(struct shelf *s, const char *path)
{
	struct entry *e = make_dirty(s, path);

	if (e != NULL)
		e->stamp = (struct stamp){0};
}
