#include "agent/session.h"

#include <stddef.h>

#include "agent/configured.h"
#include "agent/core.h"
#include "agent/dispatch.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/limits.h"
#include "proto/sessionmsg.h"

enum {
	PAUSE_LEAST = 1000,  /* before a helper that ended is started again, in milliseconds, */
	PAUSE_MOST = 60000,  /* which grows; one that ran for so long begins anew */
	MESSAGES_MOST = 128, /* within MESSAGES_MS: no person locks and unlocks that fast */
	MESSAGES_MS = 10000,
};

/* --- what keys do ---------------------------------------------------------------- */

/* As on SIGUSR1, but for what files offer. */
static void drop_others(struct core *core)
{
	struct identity *next;

	decision_record(core, NULL, &(struct decision){.what = DECISION_REMOVE_ALL});
	for (struct identity *id = store_first(core->store); id != NULL; id = next) {
		next = id->next;
		if (id->rules.file.len == 0)
			store_remove(core->store, id);
	}
	offers_end_all(&core->offers, NULL);
	core_offer_tokens(core);
}

static void hold(struct core *core)
{
	core->lock.held = true;
	token_additions_end(core, ERR_SCREEN);
	devices_forget_pins(core->devices);
	modules_forget_pins(core->modules);
}

/* Whoever waits for something looks again whether it may go on. */
static void review(struct core *core)
{
	consent_forget(&core->consents, NULL);
	unlockings_review(&core->unlockings);
	touches_review(&core->touches);
	tokensigns_review(&core->tokensigns);
	offers_review(&core->offers);
	residents_review(&core->residents);
}

static void obey(struct core *core, enum config_event event)
{
	if (event >= EVENT_LOCK)
		hold(core);
	if (event >= EVENT_RELOCK)
		store_relock_all(core->store);
	if (event >= EVENT_DROP)
		drop_others(core);
	review(core);
}

static const char *event_words(enum config_event event)
{
	switch (event) {
	case EVENT_RELOCK:
		return "keys of files are locked again";
	case EVENT_LOCK:
		return "keys of files are locked again, and nobody signs or lists";
	case EVENT_DROP:
		return "keys of files are locked again, and all others removed";
	case EVENT_NOTHING:
		break;
	}
	return "keys stay as they are";
}

/* --- what is heard --------------------------------------------------------------- */

static void screen_locked(struct session *s)
{
	struct core *core = s->core;

	s->locked = true;
	log_info("the screen is locked: nobody is asked, and %s",
	    event_words(core->config->on_screen_lock));
	decision_record(core, NULL, &(struct decision){.what = DECISION_SCREEN_LOCK});
	prompts_screen(&core->prompts, true);
	keyring_screen(&core->keyring, true);
	obey(core, core->config->on_screen_lock);
}

static void screen_unlocked(struct session *s)
{
	struct core *core = s->core;

	s->locked = false;
	log_info("the screen is unlocked");
	decision_record(core, NULL, &(struct decision){.what = DECISION_SCREEN_UNLOCK});
	prompts_screen(&core->prompts, false);
	keyring_screen(&core->keyring, false);
	residents_review(&core->residents);
}

static void sleep_comes(struct session *s)
{
	struct core *core = s->core;
	struct builder b = {0};

	log_info("the machine goes to sleep: %s", event_words(core->config->on_sleep));
	decision_record(core, NULL, &(struct decision){.what = DECISION_SLEEP});
	if (core->config->on_sleep != EVENT_NOTHING)
		obey(core, core->config->on_sleep);
	session_slept_build(&b);
	if (s->call != NULL &&
	    (builder_error(&b) != ERR_OK || call_send(s->call, builder_view(&b)) != ERR_OK))
		log_warn("sleep waits for nothing: %s", err_text(ERR_MEMORY));
	builder_clear(&b);
}

/* Neither the screen nor sleep wants anything held any more. */
static void let_go(struct session *s)
{
	struct core *core = s->core;

	if (!core->lock.held || (s->flags & (SESSION_LOCKED | SESSION_SLEEPING)) != 0)
		return;
	core->lock.held = false;
	offers_review(&core->offers);
	residents_review(&core->residents);
}

/* Who sees nothing, as a helper that was just started, takes back nothing that was heard before. */
static void take_state(struct session *s, uint32_t flags)
{
	bool blind = (flags & SESSION_BLIND) != 0;
	bool locked = (flags & SESSION_LOCKED) != 0 || (blind && s->locked);
	bool slept = (s->flags & SESSION_SLEEPING) != 0 && !s->fresh;

	s->fresh = false;
	s->flags = flags;
	s->trouble = ERR_OK;
	if (locked && !s->locked)
		screen_locked(s);
	if ((flags & SESSION_SLEEPING) != 0 && !slept)
		sleep_comes(s);
	if (!locked && s->locked)
		screen_unlocked(s);
	if (!blind)
		let_go(s);
}

static bool is_flood(struct session *s)
{
	uint64_t now = clock_now();

	if (now - s->since >= MESSAGES_MS) {
		s->since = now;
		s->messages = 0;
	}
	return ++s->messages > MESSAGES_MOST;
}

static void helper_said(void *ctx, struct bytes message)
{
	struct session *s = ctx;
	uint32_t flags;
	enum err e = is_flood(s) ? ERR_LIMIT : session_state_parse(message, &flags);

	if (e == ERR_OK)
		take_state(s, flags);
	else
		call_fail(s->call, e);
}

/* --- the helper ------------------------------------------------------------------ */

static void start(struct session *s);

static void start_again(struct timer *t)
{
	start((struct session *)(void *)((char *)t - offsetof(struct session, again)));
}

static void failed(struct session *s, enum err why)
{
	struct loop *loop = s->core->loop;
	uint64_t now = clock_now();

	s->call = NULL;
	if (s->pause == 0 || now - s->started >= PAUSE_MOST)
		s->pause = PAUSE_LEAST;
	/* Once, not with every try. */
	if (s->trouble != why)
		log_warn("the screen's lock is not seen: %s; tried again from time to time%s",
		    err_text(why),
		    s->locked || s->core->lock.held
			? ", and what was locked stays so until the session is seen again"
			: "");
	s->trouble = why;
	s->again.due = start_again;
	(void)timer_arm(loop, &s->again, now + s->pause);
	s->pause = s->pause * 2 < PAUSE_MOST ? s->pause * 2 : PAUSE_MOST;
}

static void helper_ended(void *ctx, enum err why)
{
	failed(ctx, why);
}

static const struct call_handler handler = {
    .message = helper_said,
    .ended = helper_ended,
    .most = LIMIT_HELPER_MESSAGE,
};

static void start(struct session *s)
{
	struct builder b = {0};

	s->started = clock_now();
	s->fresh = true;
	session_watch_build(&b);
	if (builder_error(&b) == ERR_OK)
		s->call = call_start(s->calls, HELPER_SESSION, builder_view(&b), 0, &handler, s);
	builder_clear(&b);
	if (s->call == NULL)
		failed(s, ERR_MEMORY);
}

static void stop(struct session *s)
{
	timer_cancel(s->core->loop, &s->again);
	call_abandon(s->call, BYTES_NONE);
	s->call = NULL;
	s->flags = 0;
	s->pause = 0;
	s->trouble = ERR_OK;
	if (s->locked)
		screen_unlocked(s);
	let_go(s);
}

void session_reload(struct session *s)
{
	const struct config *c = s->core->config;

	s->wanted = core_offers(s->core) || c->on_screen_lock != EVENT_NOTHING ||
		    c->on_sleep != EVENT_NOTHING;
	if (!s->wanted)
		stop(s);
	else if (s->call == NULL && s->again.slot == 0)
		start(s);
	if (s->locked)
		obey(s->core, c->on_screen_lock);
}

const char *session_words(const struct session *s)
{
	bool seen = s->call != NULL && !s->fresh;

	if (!s->wanted)
		return "off";
	if (seen && (s->flags & SESSION_LOGIND) != 0)
		return s->locked ? "locked (logind)" : "unlocked (logind)";
	if (seen && (s->flags & SESSION_SAVER) != 0)
		return s->locked ? "locked (screen saver)" : "unlocked (screen saver)";
	return s->locked ? "locked (not seen any more)" : "not seen";
}
