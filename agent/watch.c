/* The helper that tells what is plugged in, while there is a key to look for. */
#include <stddef.h>

#include "agent/devices_impl.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/limits.h"

enum {
	PAUSE_LEAST = 1000,  /* before a watch that ended is started again, in milliseconds, */
	PAUSE_MOST = 60000,  /* which grows; one that ran for so long begins anew */
	MESSAGES_MOST = 128, /* within MESSAGES_MS: nobody plugs that fast */
	MESSAGES_MS = 10000,
};

static bool same_device(const struct device *d, const struct fido_device *m)
{
	return d->instance == m->instance && bytes_equal(blob_view(&d->path), m->path);
}

/* No two at one path, and none counted twice. */
static bool is_sound(const struct fido_device *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (list[i].instance == list[k].instance ||
			    bytes_equal(list[i].path, list[k].path))
				return false;
		}
	}
	return true;
}

static bool is_listed(const struct device *d, const struct fido_device *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (same_device(d, &list[i]))
			return true;
	}
	return false;
}

static bool is_here(const struct devices *ds, const struct fido_device *m)
{
	for (size_t i = 0; i < ds->count; i++) {
		if (same_device(ds->here[i], m))
			return true;
	}
	return false;
}

/* ERR_MEMORY: not all of them are known now. */
static enum err take_list(struct devices *ds, const struct fido_device *list, size_t count)
{
	enum err e = ERR_OK;

	/* The numbers of an earlier watch say nothing: whatever is there may be another one. */
	for (size_t i = ds->count; i-- > 0;) {
		if (ds->fresh || !is_listed(ds->here[i], list, count))
			device_unplug(ds->here[i]);
	}
	ds->fresh = false;
	for (size_t i = 0; i < count; i++) {
		struct device *d;

		if (is_here(ds, &list[i]))
			continue;
		d = device_plug(ds, &list[i]);
		if (d != NULL)
			device_ask(d);
		else
			e = ERR_MEMORY;
	}
	ds->told = true;
	ds->trouble = ERR_OK;
	devices_changed(ds);
	return e;
}

static bool is_flood(struct devices *ds)
{
	uint64_t now = clock_now();

	if (now - ds->messages_since >= MESSAGES_MS) {
		ds->messages_since = now;
		ds->messages = 0;
	}
	return ++ds->messages > MESSAGES_MOST;
}

static void watch_said(void *ctx, struct bytes message)
{
	struct devices *ds = ctx;
	struct fido_device list[FIDO_PATHS_MOST];
	struct fido_failure failure;
	size_t count;
	enum fido_kind kind;
	enum err e = is_flood(ds) ? ERR_LIMIT : fido_kind_of(message, &kind);

	if (e == ERR_OK && kind == FIDO_FAILED) {
		e = fido_failed_parse(message, &failure);
		call_fail(ds->watch, e == ERR_OK ? failure.why : e);
		return;
	}
	if (e == ERR_OK)
		e = fido_devices_parse(message, list, &count);
	if (e == ERR_OK && !is_sound(list, count))
		e = ERR_REPLY;
	if (e == ERR_OK)
		e = take_list(ds, list, count);
	/* The next watch lists them again. */
	if (e != ERR_OK)
		call_fail(ds->watch, e);
}

static void start_again(struct timer *t)
{
	watch_start((struct devices *)(void *)((char *)t - offsetof(struct devices, watch_again)));
}

/* It is no longer known what is plugged in; what was stays until the next watch tells. */
static void watch_failed(struct devices *ds, enum err why)
{
	uint64_t now = clock_now();

	ds->watch = NULL;
	ds->watch_over = now;
	ds->fresh = true;
	ds->told = true;
	for (size_t i = 0; i < ds->count; i++)
		device_pin_forget(ds->here[i]);
	if (now - ds->watch_started >= PAUSE_MOST)
		ds->pause = PAUSE_LEAST;
	/* Once, not with every try. */
	if (ds->trouble != why)
		log_warn("security keys that are plugged in are not seen: %s; tried again from "
			 "time to time",
		    err_text(why));
	ds->trouble = why;
	ds->watch_again.due = start_again;
	(void)timer_arm(ds->loop, &ds->watch_again, now + ds->pause);
	ds->pause = ds->pause * 2 < PAUSE_MOST ? ds->pause * 2 : PAUSE_MOST;
	devices_changed(ds);
}

static void watch_ended(void *ctx, enum err why)
{
	watch_failed(ctx, why);
}

static const struct call_handler handler = {
    .message = watch_said,
    .ended = watch_ended,
    .most = LIMIT_HELPER_MESSAGE,
};

void watch_start(struct devices *ds)
{
	struct builder b = {0};

	ds->watch_started = clock_now();
	ds->fresh = true;
	if (ds->pause == 0)
		ds->pause = PAUSE_LEAST;
	fido_plain_build(&b, FIDO_WATCH);
	if (builder_error(&b) == ERR_OK)
		ds->watch = call_start(ds->calls, HELPER_FIDO, builder_view(&b), 0, &handler, ds);
	builder_clear(&b);
	if (ds->watch == NULL)
		watch_failed(ds, ERR_MEMORY);
}

void devices_hurry(struct devices *ds)
{
	uint64_t soonest = ds->watch_over + PAUSE_LEAST;

	/* Armed already: this cannot fail. */
	if (ds->watch == NULL && ds->watch_again.slot != 0 && soonest < ds->watch_again.at)
		(void)timer_arm(ds->loop, &ds->watch_again, soonest);
}

void watch_stop(struct devices *ds)
{
	timer_cancel(ds->loop, &ds->watch_again);
	call_abandon(ds->watch, BYTES_NONE);
	ds->watch = NULL;
	ds->told = false;
	ds->trouble = ERR_OK;
	ds->pause = 0;
	while (ds->count != 0)
		device_unplug(ds->here[ds->count - 1]);
}
