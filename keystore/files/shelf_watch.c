/* What changes in the key directories. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "keystore/files/shelf.h"

enum {
	CHANGES = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
		  IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
	ABOVE = IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ATTRIB | IN_DELETE_SELF |
		IN_MOVE_SELF | IN_ONLYDIR,
	SELF = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT,
};

/* All directories above that are there: one that is held open here, or by anybody, does not say
 * itself that it was removed. */
static void watch_above(struct shelf *s, const char *path)
{
	char above[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(above))
		return;
	memcpy(above, path, len + 1);
	while (len > 1) {
		while (len > 1 && above[len - 1] != '/')
			len--;
		if (len > 1)
			len--;
		above[len] = '\0';
		(void)inotify_add_watch(s->above, above, ABOVE);
	}
}

void place_follow(struct place *p)
{
	char *real = realpath(p->path, NULL);

	if (real != NULL) {
		free(p->real);
		p->real = real;
	}
}

void place_watch_above(struct shelf *s, struct place *p)
{
	watch_above(s, p->path);
	/* A link: what it leads to can be removed, too. */
	if (p->real != NULL && strcmp(p->real, p->path) != 0)
		watch_above(s, p->real);
}

void place_watch(struct shelf *s, struct place *p)
{
	int old = p->watch;

	p->watch = p->fd < 0 ? -1 : inotify_add_watch(s->notify, p->path, CHANGES);
	if (old >= 0 && old != p->watch)
		(void)inotify_rm_watch(s->notify, old);
}

static void place_heard(struct shelf *s, struct place *p, const struct inotify_event *event)
{
	char path[PATH_MAX];
	size_t len = strlen(p->path);

	/* Of the directory itself; its own permissions change without a name. */
	if ((event->mask & SELF) != 0 || event->len == 0) {
		p->dirty = true;
		return;
	}
	if (len + 1 + strlen(event->name) >= sizeof(path))
		return;
	memcpy(path, p->path, len);
	path[len] = '/';
	strcpy(path + len + 1, event->name); /* measured above */
	shelf_touch(s, path);
}

/* One read's events; false when there are none. */
static bool next_events(int fd, char *room, size_t size, ssize_t *n)
{
	do
		*n = read(fd, room, size);
	while (*n < 0 && errno == EINTR);
	return *n > 0;
}

bool shelf_heard(struct shelf *s)
{
	char room[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool news = false;
	ssize_t n;

	while (next_events(s->notify, room, sizeof(room), &n)) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event =
			    (const struct inotify_event *)(const void *)(room + at);

			for (size_t i = 0; i < s->folders.n; i++) {
				struct place *p = &s->places[i];

				if ((event->mask & IN_Q_OVERFLOW) != 0)
					p->dirty = true;
				else if (p->watch == event->wd)
					place_heard(s, p, event);
			}
			news = true;
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
	return news;
}

/* Is name a component of path? */
static bool is_part(const char *path, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = path; at != NULL && (at = strchr(at, '/')) != NULL;) {
		at++;
		if (strncmp(at, name, len) == 0 && (at[len] == '/' || at[len] == '\0'))
			return true;
	}
	return false;
}

/* Of what lies beside them only changes of permissions, of directories themselves, have no name. */
static bool above_heard(struct shelf *s, const struct inotify_event *event)
{
	bool news = false;

	for (size_t i = 0; i < s->folders.n; i++) {
		struct place *p = &s->places[i];

		if (event->len != 0 && !is_part(p->path, event->name) &&
		    (p->real == NULL || !is_part(p->real, event->name)))
			continue;
		p->dirty = true;
		news = true;
	}
	return news;
}

bool shelf_heard_above(struct shelf *s)
{
	char room[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool news = false;
	ssize_t n;

	while (next_events(s->above, room, sizeof(room), &n)) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event =
			    (const struct inotify_event *)(const void *)(room + at);

			news = above_heard(s, event) || news;
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
	return news;
}
