/* PINs that are remembered for a time. */
#include "agent/devices_impl.h"

#include <stddef.h>

#include "proto/base/clock.h"

const struct blob *device_pin(const struct device *d)
{
	return d->pin.len != 0 ? &d->pin : NULL;
}

void device_pin_forget(struct device *d)
{
	timer_cancel(d->all->loop, &d->pin_end);
	blob_clear(&d->pin);
}

static void pin_end(struct timer *t)
{
	device_pin_forget((struct device *)(void *)((char *)t - offsetof(struct device, pin_end)));
}

/*
 * Without a watch another one could be plugged in in its place unseen.  Which device a library
 * takes is not known at all, and a wrong PIN would cost that one a try.
 */
static bool is_watched(const struct device *d)
{
	return d->slot >= 0 && (!d->gone && d->all->watch != NULL && !d->all->fresh);
}

void device_pin_keep(struct device *d, struct bytes pin, uint32_t seconds)
{
	struct loop *l = d->all->loop;
	enum err e =
	    pin.len == 0 || pin.len > FIDO_PIN_MOST || seconds == 0 || d->sealed || !is_watched(d)
		? ERR_LIMIT
		: ERR_OK;

	d->pin_end.due = pin_end;
	if (e == ERR_OK)
		e = timer_arm(l, &d->pin_end, clock_now() + (uint64_t)seconds * 1000);
	if (e == ERR_OK)
		e = blob_copy(&d->pin, pin);
	if (e != ERR_OK)
		device_pin_forget(d);
}

static void forget_and_seal(struct device *d)
{
	device_pin_forget(d);
	d->sealed = d->holder != NULL;
}

void devices_forget_pins(struct devices *ds)
{
	for (size_t i = 0; i < ds->count; i++)
		forget_and_seal(ds->here[i]);
	for (struct device *d = ds->libraries; d != NULL; d = d->next)
		forget_and_seal(d);
}
