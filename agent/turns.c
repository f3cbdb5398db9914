/* Whose turn it is on each device. */
#include "agent/devices_impl.h"

static void line_put(struct turn_line *line, struct turn *t)
{
	t->line = line;
	t->next = NULL;
	t->prev = line->last;
	if (line->last != NULL)
		line->last->next = t;
	else
		line->first = t;
	line->last = t;
}

static void line_drop(struct turn *t)
{
	struct turn_line *line = t->line;

	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		line->first = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	else
		line->last = t->prev;
	t->next = t->prev = NULL;
	t->line = NULL;
}

void turn_take(struct devices *ds, struct turn *t, struct device *const *wants, size_t count)
{
	bool gone = false;

	t->all = ds;
	t->has = false;
	t->passed = 0;
	t->count = 0;
	for (size_t i = 0; i < count && i < FIDO_PATHS_MOST; i++) {
		t->wants[t->count++] = wants[i];
		gone = gone || wants[i]->gone;
	}
	if (gone) {
		t->count = 0;
		line_put(&ds->lost, t);
	} else {
		line_put(&ds->line, t);
		for (size_t i = 0; i < t->count; i++)
			t->wants[i]->wanted += !t->own;
		ds->pending += !t->own;
	}
	devices_tell_soon(ds);
}

/* It wants nothing any more. */
static void give_up(struct turn *t)
{
	struct devices *ds = t->all;

	if (t->line == &ds->line) {
		for (size_t i = 0; i < t->count; i++) {
			t->wants[i]->wanted -= !t->own;
			if (t->wants[i]->holder == t)
				t->wants[i]->holder = NULL;
		}
		ds->pending -= !t->own;
	}
	line_drop(t);
	t->has = false;
	t->count = 0;
}

void turn_leave(struct turn *t)
{
	if (t->line == NULL)
		return;
	give_up(t);
	devices_tell_soon(t->all);
}

void turn_narrow(struct turn *t, struct device *d)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->wants[i] == d)
			continue;
		t->wants[i]->wanted -= !t->own;
		t->wants[i]->holder = NULL;
	}
	t->wants[0] = d;
	t->count = 1;
	devices_tell_soon(t->all);
}

static bool wants(const struct turn *t, const struct device *d)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->wants[i] == d)
			return true;
	}
	return false;
}

void turns_lose(struct device *d)
{
	struct devices *ds = d->all;
	struct turn *next;

	for (struct turn *t = ds->line.first; t != NULL; t = next) {
		next = t->next;
		if (!wants(t, d))
			continue;
		give_up(t);
		line_put(&ds->lost, t);
	}
	devices_tell_soon(ds);
}

void turns_tell_lost(struct devices *ds)
{
	/* Those that come meanwhile are told the next time: each may come again at once. */
	struct turn_line telling = ds->lost;

	ds->lost = (struct turn_line){0};
	for (struct turn *t = telling.first; t != NULL; t = t->next)
		t->line = &ds->telling;
	ds->telling = telling;
	while (ds->telling.first != NULL) {
		struct turn *t = ds->telling.first;

		line_drop(t);
		t->lost(t);
	}
}

/* Does it keep others from its free devices while it waits?  Who wants several does so in the end:
 * else it would wait for ever. */
static bool claims(const struct turn *t)
{
	return t->has || t->count == 1 || t->passed >= TURN_PATIENCE;
}

/* granted goes before those that came earlier and want one of the same. */
static void count_passed(struct devices *ds, const struct turn *granted)
{
	for (struct turn *t = ds->line.first; t != granted; t = t->next) {
		for (size_t i = 0; !t->has && i < granted->count; i++) {
			if (wants(t, granted->wants[i])) {
				t->passed++;
				break;
			}
		}
	}
}

/* The first in line whose devices are all free, and not claimed by one before it. */
static struct turn *next_to_grant(struct devices *ds)
{
	uint64_t mark = ++ds->marks;

	for (struct turn *t = ds->line.first; t != NULL; t = t->next) {
		bool free = !t->has;

		for (size_t i = 0; free && i < t->count; i++)
			free = t->wants[i]->holder == NULL && t->wants[i]->claimed != mark;
		if (free)
			return t;
		for (size_t i = 0; claims(t) && i < t->count; i++)
			t->wants[i]->claimed = mark;
	}
	return NULL;
}

void turns_grant(struct devices *ds)
{
	struct turn *t;

	while (!ds->freed && (t = next_to_grant(ds)) != NULL) {
		count_passed(ds, t);
		t->has = true;
		for (size_t i = 0; i < t->count; i++) {
			t->wants[i]->holder = t;
			t->wants[i]->sealed = false;
		}
		t->granted(t);
	}
}

size_t device_waiting(const struct device *d)
{
	bool others = d->holder != NULL && !d->holder->own;

	return d->wanted - (others ? 1 : 0);
}

size_t devices_pending(const struct devices *ds)
{
	return ds->pending;
}
