#include "agent/devices_impl.h"

#include <stddef.h>
#include <stdlib.h>

#define DEVICES_OF(ptr, member)                                                                    \
	((struct devices *)(void *)((char *)(ptr)-offsetof(struct devices, member)))

static void device_free(struct device *d)
{
	timer_cancel(d->all->loop, &d->pin_end);
	blob_clear(&d->path);
	blob_clear(&d->name);
	blob_clear(&d->pin);
	free(d);
}

static void tell_listeners(struct devices *ds)
{
	struct device_listener *l = ds->changed ? ds->listeners : NULL;

	ds->changed = false;
	while (l != NULL) {
		ds->next_listener = l->next;
		l->changed(l);
		l = ds->next_listener;
	}
	ds->next_listener = NULL;
}

static void drop_idle_libraries(struct devices *ds)
{
	struct device **at = &ds->libraries;

	while (*at != NULL) {
		struct device *d = *at;

		if (d->wanted == 0) {
			*at = d->next;
			device_free(d);
		} else {
			at = &d->next;
		}
	}
}

static void free_all(struct devices *ds)
{
	while (ds->gone != NULL) {
		struct device *d = ds->gone;

		ds->gone = d->next;
		device_free(d);
	}
	while (ds->libraries != NULL) {
		struct device *d = ds->libraries;

		ds->libraries = d->next;
		device_free(d);
	}
	free(ds->table);
	free(ds);
}

static void tell(struct task *task)
{
	struct devices *ds = DEVICES_OF(task, tell);
	struct device *gone = ds->gone;

	if (ds->freed) {
		free_all(ds);
		return;
	}
	ds->tell_posted = false;
	ds->gone = NULL;
	turns_tell_lost(ds);
	tell_listeners(ds);
	while (gone != NULL) {
		struct device *d = gone;

		gone = d->next;
		device_free(d);
	}
	turns_grant(ds);
	drop_idle_libraries(ds);
}

void devices_tell_soon(struct devices *ds)
{
	if (ds->tell_posted)
		return;
	ds->tell_posted = true;
	loop_post(ds->loop, &ds->tell);
}

void devices_changed(struct devices *ds)
{
	ds->changed = true;
	devices_tell_soon(ds);
}

struct devices *devices_new(struct loop *loop, struct calls *calls)
{
	struct devices *ds = calloc(1, sizeof(*ds));

	if (ds == NULL)
		return NULL;
	ds->loop = loop;
	ds->calls = calls;
	ds->tell.run = tell;
	return ds;
}

void devices_free(struct devices *ds)
{
	if (ds == NULL)
		return;
	watch_stop(ds);
	holdings_clear(ds);
	for (struct device *d = ds->libraries; d != NULL; d = d->next)
		device_pin_forget(d);
	ds->freed = true;
	/* The loop may hold the task. */
	if (!ds->tell_posted)
		free_all(ds);
}

void devices_listen(struct devices *ds, struct device_listener *l)
{
	if (l->listens)
		return;
	l->listens = true;
	l->prev = NULL;
	l->next = ds->listeners;
	if (l->next != NULL)
		l->next->prev = l;
	ds->listeners = l;
}

void devices_unlisten(struct devices *ds, struct device_listener *l)
{
	if (!l->listens)
		return;
	l->listens = false;
	if (ds->next_listener == l)
		ds->next_listener = l->next;
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		ds->listeners = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
}

static struct device *device_new(struct devices *ds, struct bytes path, struct bytes name)
{
	struct device *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	*d = (struct device){.all = ds, .slot = -1};
	if (blob_copy(&d->path, path) == ERR_OK && blob_copy(&d->name, name) == ERR_OK)
		return d;
	device_free(d);
	return NULL;
}

struct device *device_plug(struct devices *ds, const struct fido_device *m)
{
	struct device *d = ds->count < FIDO_PATHS_MOST ? device_new(ds, m->path, m->name) : NULL;
	int slot = 0;

	if (d == NULL)
		return NULL;
	while ((ds->slots >> slot & 1) != 0)
		slot++;
	ds->slots |= UINT32_C(1) << slot;
	d->slot = slot;
	d->instance = m->instance;
	d->transport = m->transport;
	ds->here[ds->count++] = d;
	device_begin(d);
	return d;
}

void device_unplug(struct device *d)
{
	struct devices *ds = d->all;
	size_t i = 0;

	while (ds->here[i] != d)
		i++;
	ds->count--;
	for (; i < ds->count; i++)
		ds->here[i] = ds->here[i + 1];
	ds->slots &= ~(UINT32_C(1) << d->slot);
	d->gone = true;
	d->next = ds->gone;
	ds->gone = d;
	device_pin_forget(d);
	device_ask_no_more(d);
	turns_lose(d);
	devices_changed(ds);
}

struct device *devices_provider(struct devices *ds, struct bytes path)
{
	struct device *d = ds->libraries;

	while (d != NULL && !bytes_equal(blob_view(&d->path), path))
		d = d->next;
	if (d != NULL)
		return d;
	d = device_new(ds, path, path);
	if (d == NULL)
		return NULL;
	d->next = ds->libraries;
	ds->libraries = d;
	devices_tell_soon(ds); /* it goes again unless it is wanted by then */
	return d;
}

enum err devices_trouble(const struct devices *ds)
{
	return ds->trouble;
}

size_t devices_list(const struct devices *ds, struct device *out[FIDO_PATHS_MOST])
{
	for (size_t i = 0; i < ds->count; i++)
		out[i] = ds->here[i];
	return ds->count;
}

struct bytes device_path(const struct device *d)
{
	return blob_view(&d->path);
}

struct bytes device_name(const struct device *d)
{
	return blob_view(&d->name);
}

enum fido_transport device_transport(const struct device *d)
{
	return d->transport;
}

const struct fido_info *device_info(const struct device *d)
{
	return &d->info;
}
