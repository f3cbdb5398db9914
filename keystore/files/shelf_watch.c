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
	ABOVE = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
	SELF = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT,
};

/* The nearest directory above that is there. */
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
		if (inotify_add_watch(s->above, above, ABOVE) >= 0)
			return;
	}
}

void place_watch(struct shelf *s, struct place *p)
{
	int old = p->watch;

	p->watch = p->fd < 0 ? -1 : inotify_add_watch(s->notify, p->path, CHANGES);
	if (old >= 0 && old != p->watch)
		(void)inotify_rm_watch(s->notify, old);
	if (p->watch < 0)
		watch_above(s, p->path);
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

bool shelf_heard_above(struct shelf *s)
{
	char room[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool news = false;
	ssize_t n;

	while (next_events(s->above, room, sizeof(room), &n))
		news = true;
	for (size_t i = 0; news && i < s->folders.n; i++) {
		if (s->places[i].watch < 0)
			s->places[i].dirty = true;
	}
	return news;
}
