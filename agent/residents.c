#include "agent/residents_impl.h"

#include "agent/options.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/limits.h"

enum {
	MOST_ROUNDS = 4, /* while the device is in use by others, */
	BUSY_MS = 1000,  /* with pauses of 1, 2, 4 and 8 seconds */
	PAUSE_LEAST = 5000,
	PAUSE_MOST = 300000,
	SHOWN = 256,
};

static const char *name_of(const struct sighting *s, char shown[SHOWN])
{
	return text_escape(device_name(s->device), shown, SHOWN);
}

static void look(struct task *t);

static void look_soon(struct residents *rs)
{
	if (rs->look_posted)
		return;
	rs->look_posted = true;
	rs->look.run = look;
	loop_post(rs->loop, &rs->look);
}

/* --- one device ------------------------------------------------------------------ */

/* Nothing is under way for it any more; the turn of a helper that runs was left before. */
static void rest(struct sighting *s, enum sight_stage stage)
{
	struct residents *rs = s->all;

	turn_leave(&s->turn);
	timer_cancel(rs->loop, &s->timer);
	prompt_cancel(s->prompt);
	s->prompt = NULL;
	blob_clear(&s->pin);
	s->stage = stage;
	if (rs->at == s)
		rs->at = NULL;
	if (rs->on)
		look_soon(rs);
}

void sight_done(struct sighting *s)
{
	rest(s, SIGHT_DONE);
}

void sight_give_up(struct sighting *s, enum err why)
{
	char shown[SHOWN];

	log_info("the resident keys of the security key %s are not offered until it is plugged in "
		 "again: %s",
	    name_of(s, shown), err_text(why));
	sight_done(s);
}

static void again(struct timer *t)
{
	struct residents *rs =
	    (struct residents *)(void *)((char *)t - offsetof(struct residents, again));

	for (struct sighting *s = rs->first; s != NULL; s = s->next) {
		if (s->away == AWAY_UNSEEN)
			s->away = AWAY_NO;
	}
	look_soon(rs);
}

void sight_postpone(struct sighting *s, enum away away)
{
	struct residents *rs = s->all;

	s->away = away;
	s->rounds = 0;
	rest(s, SIGHT_WAITS);
	if (away != AWAY_UNSEEN || rs->again.slot != 0)
		return;
	if (rs->pause == 0)
		rs->pause = PAUSE_LEAST;
	rs->again.due = again;
	(void)timer_arm(rs->loop, &rs->again, clock_now() + rs->pause);
	rs->pause = rs->pause * 2 < PAUSE_MOST ? rs->pause * 2 : PAUSE_MOST;
}

static void tell_to_end(struct call *c, void (*end)(struct call *c, struct bytes cancel))
{
	struct builder cancel = {0};

	fido_plain_build(&cancel, FIDO_CANCEL);
	end(c, builder_view(&cancel));
	builder_clear(&cancel);
}

static void unlink_sighting(struct sighting *s)
{
	struct sighting **at = &s->all->first;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
}

/* s is dead. */
static void drop(struct sighting *s)
{
	if (s->call != NULL)
		tell_to_end(s->call, call_abandon);
	s->call = NULL;
	unlink_sighting(s);
	rest(s, SIGHT_DONE);
	mem_free(s);
}

/* Whatever is under way for it ends; a helper that runs keeps the device until it is gone. */
static void halt(struct sighting *s)
{
	if (s->stage < SIGHT_LINE || s->stage == SIGHT_DONE)
		return;
	if (s->call == NULL) {
		rest(s, SIGHT_WAITS);
	} else if (!s->ending) {
		s->ending = true;
		blob_clear(&s->pin);
		tell_to_end(s->call, call_end);
	}
}

/* --- the helper ------------------------------------------------------------------ */

static enum err take_keys(struct sighting *s, struct bytes message)
{
	struct residents *rs = s->all;
	struct reader keys;
	uint32_t count;
	char shown[SHOWN];
	enum err e = fido_keys_parse(message, &keys, &count);

	if (e != ERR_OK)
		return e;
	e = known_add(rs, s->device, keys, count, &s->known);
	if (e != ERR_OK)
		return e;
	if (count == 0)
		log_debug("the security key %s keeps no keys for SSH", name_of(s, shown));
	s->owed = true;
	if (s->pin.len != 0 && rs->options->remember_pin != 0)
		device_pin_keep(s->device, blob_view(&s->pin), rs->options->remember_pin);
	return ERR_OK;
}

static void heard(void *ctx, struct bytes message)
{
	struct sighting *s = ctx;
	struct fido_failure failure;
	struct bytes held;
	enum fido_kind kind;
	enum err e = fido_kind_of(message, &kind);

	if (e == ERR_OK && kind == FIDO_FAILED) {
		e = fido_failed_parse(message, &failure);
		if (e == ERR_OK)
			s->info.pin_tries = failure.tries;
		call_fail(s->call, e == ERR_OK ? failure.why : e);
		return;
	}
	if (e == ERR_OK && s->stage == SIGHT_LOOKING)
		e = fido_probed_parse(message, &s->info, &held);
	else if (e == ERR_OK)
		e = take_keys(s, message);
	if (e != ERR_OK) {
		call_fail(s->call, e);
		return;
	}
	s->came = true;
	call_end(s->call, BYTES_NONE);
}

static bool has_keys(const struct fido_info *info)
{
	uint32_t wanted = FIDO_CAN_MANAGE | FIDO_HAS_PIN;

	return (info->abilities & wanted) == wanted;
}

static void busy_over(struct timer *t)
{
	sight_begin(SIGHT_OF(t, timer));
}

static void was_busy(struct sighting *s)
{
	turn_leave(&s->turn);
	s->stage = SIGHT_PAUSE;
	s->timer.due = busy_over;
	if (s->rounds == MOST_ROUNDS ||
	    timer_arm(s->all->loop, &s->timer, clock_now() + ((uint64_t)BUSY_MS << s->rounds)) !=
		ERR_OK)
		sight_postpone(s, AWAY_UNSEEN);
	else
		s->rounds++;
}

/* The PIN was not looked at, or found good. */
static bool clears_pin(enum err why)
{
	return why == ERR_NO_DEVICE || why == ERR_DEVICE_BUSY || why == ERR_CANCELLED;
}

static void failed(struct sighting *s, enum err why)
{
	bool sent = s->stage == SIGHT_READING;

	if (sent && s->kept && !clears_pin(why))
		device_pin_forget(s->device);
	if (sent && why == ERR_PIN && s->info.pin_tries != 0)
		sight_pin_wrong(s);
	else if (why == ERR_DEVICE_BUSY)
		was_busy(s);
	else if (why == ERR_NO_DEVICE || why == ERR_DEVICE_GONE)
		sight_postpone(s, AWAY_UNSEEN); /* it goes, or was only just away */
	else
		sight_give_up(s, why == ERR_PIN ? ERR_PIN_BLOCKED : why);
}

static void ended(void *ctx, enum err why)
{
	struct sighting *s = ctx;

	s->call = NULL;
	if (s->retired) {
		drop(s);
	} else if (s->ending) {
		s->ending = false;
		rest(s, s->known != NULL ? SIGHT_DONE : SIGHT_WAITS);
	} else if (!s->came) {
		failed(s, why);
	} else if (s->stage == SIGHT_READING || !has_keys(&s->info)) {
		sight_done(s);
	} else if (s->info.pin_tries == 0) {
		sight_give_up(s, ERR_PIN_BLOCKED);
	} else {
		s->rounds = 0;
		sight_choose_pin(s);
	}
}

static const struct call_handler handler = {
    .message = heard,
    .ended = ended,
    .most = LIMIT_FIDO_ANSWER,
    .once = true,
};

static void start(
    struct sighting *s, enum sight_stage stage, struct builder *request, unsigned timeout)
{
	s->stage = stage;
	s->came = false;
	if (builder_error(request) == ERR_OK)
		s->call = call_start(
		    s->all->calls, HELPER_FIDO, builder_view(request), timeout, &handler, s);
	builder_clear(request);
	if (s->call == NULL)
		sight_give_up(s, ERR_MEMORY);
}

/* Tries are counted anew: others use the device, too. */
static void granted(struct turn *t)
{
	struct sighting *s = SIGHT_OF(t, turn);
	struct builder b = {0};
	size_t mark;

	fido_probe_open(&b, device_path(s->device), 0, &mark);
	fido_probe_close(&b, mark);
	start(s, SIGHT_LOOKING, &b, LIMIT_DEVICE_MS);
}

void sight_read(struct sighting *s, struct bytes pin)
{
	struct fido_resident m = {.path = device_path(s->device), .pin = pin};
	struct builder b = {0};

	fido_resident_build(&b, &m);
	start(s, SIGHT_READING, &b, LIMIT_TOUCH_MS);
}

/* The listener hears of it, too. */
static void lost(struct turn *t)
{
	(void)t;
}

void sight_begin(struct sighting *s)
{
	s->all->at = s;
	s->stage = SIGHT_LINE;
	s->turn.granted = granted;
	s->turn.lost = lost;
	s->turn.own = true;
	turn_take(s->all->devices, &s->turn, &s->device, 1);
}

/* --- all devices ----------------------------------------------------------------- */

static void meet(struct sighting *s)
{
	char shown[SHOWN];

	if (!device_has_told(s->device))
		return;
	if (!has_keys(device_info(s->device))) {
		log_debug("the security key %s has no PIN, or cannot tell which keys it keeps",
		    name_of(s, shown));
		s->stage = SIGHT_DONE;
		return;
	}
	s->known = known_find(s->all, s->device);
	s->owed = s->known != NULL;
	s->stage = s->known != NULL ? SIGHT_DONE : SIGHT_WAITS;
}

/* Locked, nobody is asked and nothing given. */
static void look(struct task *t)
{
	struct residents *rs =
	    (struct residents *)(void *)((char *)t - offsetof(struct residents, look));

	rs->look_posted = false;
	if (!rs->on || lock_is_on(rs->lock))
		return;
	for (struct sighting *s = rs->first; s != NULL; s = s->next) {
		if (s->retired)
			continue;
		if (s->stage == SIGHT_NEW)
			meet(s);
		if (s->known != NULL && s->owed && s->stage == SIGHT_DONE) {
			s->owed = false;
			known_give(rs, s->known);
		}
		if (s->stage == SIGHT_WAITS && s->away == AWAY_NO && rs->at == NULL &&
		    !rs->prompts->screen_locked)
			sight_begin(s);
	}
}

static bool is_listed(const struct sighting *s, struct device *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == s->device)
			return true;
	}
	return false;
}

static void see(struct residents *rs, struct device *d)
{
	struct sighting **at = &rs->first;

	while (*at != NULL && ((*at)->device != d || (*at)->retired))
		at = &(*at)->next;
	if (*at != NULL)
		return;
	*at = mem_alloc(sizeof(**at));
	if (*at != NULL)
		**at = (struct sighting){.all = rs, .device = d};
}

static void changed(struct device_listener *l)
{
	struct residents *rs =
	    (struct residents *)(void *)((char *)l - offsetof(struct residents, listener));
	struct device *list[FIDO_PATHS_MOST];
	size_t n = devices_list(rs->devices, list);
	struct sighting *next;

	for (struct sighting *s = rs->first; s != NULL; s = next) {
		next = s->next;
		if (!is_listed(s, list, n))
			drop(s);
	}
	for (size_t i = 0; i < n; i++)
		see(rs, list[i]);
	look_soon(rs);
}

static void forget_absence(struct residents *rs)
{
	timer_cancel(rs->loop, &rs->again);
	rs->pause = 0;
	for (struct sighting *s = rs->first; s != NULL; s = s->next)
		s->away = AWAY_NO;
}

static void turn_on(struct residents *rs)
{
	for (struct sighting *s = rs->first; rs->on && s != NULL; s = s->next) {
		if (s->stage == SIGHT_DONE && s->known == NULL) {
			s->stage = SIGHT_NEW;
			s->spent = s->rounds = 0;
			s->remark = SIGHT_FIRST;
		}
	}
	forget_absence(rs);
	if (rs->on) {
		residents_offer_again(rs);
		return;
	}
	rs->on = true;
	rs->listener.changed = changed;
	devices_listen(rs->devices, &rs->listener);
	devices_want(rs->devices, true);
	changed(&rs->listener);
}

static void turn_off(struct residents *rs)
{
	struct sighting *next;

	if (!rs->on)
		return;
	rs->on = false;
	forget_absence(rs);
	devices_unlisten(rs->devices, &rs->listener);
	for (struct sighting *s = rs->first; s != NULL; s = next) {
		next = s->next;
		s->known = NULL;
		s->retired = true;
		halt(s);
		if (s->call == NULL)
			drop(s);
	}
	known_clear(rs, true);
	devices_want(rs->devices, false);
}

void residents_offer(struct residents *rs, bool on)
{
	if (on)
		turn_on(rs);
	else
		turn_off(rs);
}

void residents_offer_again(struct residents *rs)
{
	for (struct sighting *s = rs->first; s != NULL; s = s->next)
		s->owed = s->known != NULL;
	if (rs->on)
		look_soon(rs);
}

void residents_review(struct residents *rs)
{
	if (!rs->on)
		return;
	forget_absence(rs);
	for (struct sighting *s = rs->first; lock_is_on(rs->lock) && s != NULL; s = s->next)
		halt(s);
	look_soon(rs);
}

void residents_clear(struct residents *rs)
{
	forget_absence(rs);
	devices_unlisten(rs->devices, &rs->listener);
	rs->on = false;
	while (rs->first != NULL)
		drop(rs->first);
	known_clear(rs, false);
	devices_want(rs->devices, false);
}
