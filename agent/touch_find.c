/* Which device: the one that holds the key, when it is its turn; or the one that a person touches.
 */
#include "agent/touch_impl.h"

#include "proto/base/clock.h"
#include "proto/limits.h"

enum {
	MOST_ROUNDS = 4, /* devices that disappoint before the request is refused */
	PAUSE_MS = 1000, /* until a device that was gone or busy is looked at again */
	/* For devices to say what they hold.  One may be in use for a touch, or broken: the person
	   is told after this, and it goes on by itself once it has said so. */
	FIND_MS = 2000,
};

static void look_again(struct timer *timer)
{
	struct touch *t = TOUCH_OF(timer, timer);

	t->pausing = false;
	touch_find(t);
}

static bool is_without(const struct touch *t, const struct device *d)
{
	for (size_t i = 0; i < t->without_count; i++) {
		if (t->without[i] == d)
			return true;
	}
	return false;
}

/* Those that may hold the key, but for those that were found not to. */
static size_t candidates(const struct touch *t, struct device **found, bool *settled)
{
	size_t n = devices_holding(t->all->devices, t->key, found, FIDO_PATHS_MOST, settled);
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_without(t, found[i]))
			found[kept++] = found[i];
	}
	return kept;
}

/* Devices that are gone are dead soon, and another may come to lie where they do. */
static void forget_gone(struct touch *t)
{
	struct device *list[FIDO_PATHS_MOST];
	size_t n = devices_list(t->all->devices, list);
	size_t kept = 0;

	for (size_t i = 0; i < t->without_count; i++) {
		size_t k = 0;

		while (k < n && list[k] != t->without[i])
			k++;
		if (k < n)
			t->without[kept++] = t->without[i];
	}
	t->without_count = kept;
}

void touch_devices_changed(struct device_listener *l)
{
	struct touch *t = TOUCH_OF(l, listener);
	struct device *found[FIDO_PATHS_MOST];
	bool settled;

	forget_gone(t);
	/* One that only just disappointed is given its pause; a question stays until it is void. */
	if ((t->stage == TOUCH_FINDING && !t->pausing) ||
	    (t->stage == TOUCH_INSERT && candidates(t, found, &settled) != 0))
		touch_find(t);
	else if (t->stage == TOUCH_INSERT)
		devices_hurry(t->all->devices);
}

static void look_at(struct touch *t, uint64_t when)
{
	t->stage = TOUCH_FINDING;
	t->timer.due = look_again;
	if (timer_arm(t->all->loop, &t->timer, when) != ERR_OK)
		touch_finish(t, ERR_MEMORY, BYTES_NONE);
}

/* A key that shows itself to nobody without a PIN or a touch: only now it is known. */
static bool was_not_there(const struct touch *t)
{
	return t->why == ERR_NO_DEVICE && t->device != NULL && t->without_count < FIDO_PATHS_MOST &&
	       devices_presence(t->all->devices, t->key) != PRESENCE_HERE;
}

void touch_disappointed(struct touch *t)
{
	bool elsewhere = was_not_there(t);

	if (elsewhere)
		t->without[t->without_count++] = t->device;
	turn_leave(&t->turn);
	touch_leave_device(t);
	if (elsewhere) {
		touch_find(t);
	} else if (++t->rounds == MOST_ROUNDS) {
		touch_finish(t, t->why == ERR_DEVICE_GONE ? ERR_NO_DEVICE : t->why, BYTES_NONE);
	} else {
		t->pausing = true;
		look_at(t, clock_now() + PAUSE_MS);
	}
}

static void lost(struct turn *turn)
{
	struct touch *t = TOUCH_OF(turn, turn);

	if (t->stage == TOUCH_ENDING)
		return;
	touch_leave_device(t);
	if (t->call == NULL) {
		touch_find(t);
		return;
	}
	/* The helper sees it too, and may say so first. */
	t->why = ERR_DEVICE_GONE;
	touch_interrupt(t, touch_disappointed);
}

static void choose(struct touch *t)
{
	struct bytes paths[FIDO_PATHS_MOST];
	struct builder b = {0};

	for (size_t i = 0; i < t->turn.count; i++)
		paths[i] = device_path(t->turn.wants[i]);
	fido_choose_build(&b, paths, t->turn.count);
	touch_call(t, &b, TOUCH_CHOOSE);
}

static void granted(struct turn *turn)
{
	struct touch *t = TOUCH_OF(turn, turn);

	if (turn->count > 1) {
		choose(t);
		return;
	}
	t->device = turn->wants[0];
	touch_sign(t);
}

static void line_up(struct touch *t, struct device *const *wants, size_t count)
{
	t->stage = TOUCH_LINE;
	t->find_by = 0;
	t->turn.granted = granted;
	t->turn.lost = lost;
	turn_take(t->all->devices, &t->turn, wants, count);
}

/* Of several that hold the same key, the one with the fewest in line. */
static struct device *shortest_line(struct device *const *devices, size_t count)
{
	struct device *best = devices[0];

	for (size_t i = 1; i < count; i++) {
		if (device_waiting(devices[i]) < device_waiting(best))
			best = devices[i];
	}
	return best;
}

static void find_library(struct touch *t)
{
	struct device *library = devices_provider(t->all->devices, blob_view(&t->provider));

	if (library == NULL)
		touch_finish(t, ERR_MEMORY, BYTES_NONE);
	else
		line_up(t, &library, 1);
}

void touch_find(struct touch *t)
{
	struct devices *ds = t->all->devices;
	struct device *found[FIDO_PATHS_MOST];
	bool settled;
	size_t n;

	touch_quieten(t);
	if (t->provider.len != 0) {
		find_library(t);
		return;
	}
	n = candidates(t, found, &settled);
	if (n != 0 && devices_presence(ds, t->key) == PRESENCE_HERE) {
		found[0] = shortest_line(found, n);
		line_up(t, found, 1);
		return;
	}
	if (t->find_by == 0)
		t->find_by = clock_now() + FIND_MS;
	if (!settled && clock_now() < t->find_by) {
		look_at(t, t->find_by);
	} else if (n != 0) {
		line_up(t, found, n);
	} else {
		t->find_by = 0;
		devices_hurry(ds);
		touch_insert(t);
	}
}

/* The person touched one of several: only that one is needed from here on. */
static void chosen(struct touch *t)
{
	turn_narrow(&t->turn, t->device);
	touch_sign(t);
}

enum err touch_choice_came(struct touch *t, struct bytes message)
{
	struct bytes path;
	enum err e = fido_text_parse(message, FIDO_CHOSEN, &path);

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < t->turn.count; i++) {
		if (bytes_equal(device_path(t->turn.wants[i]), path)) {
			t->device = t->turn.wants[i];
			touch_go_on(t, chosen);
			return ERR_OK;
		}
	}
	return ERR_REPLY;
}
