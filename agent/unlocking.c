#include "agent/unlocking_impl.h"

#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"

#define UNLOCKING_OF(ptr, member)                                                                  \
	((struct unlocking *)(void *)((char *)(ptr)-offsetof(struct unlocking, member)))

/* --- who waits ------------------------------------------------------------------ */

static void unlocking_free(struct unlocking *u)
{
	timer_cancel(u->all->loop, &u->arrival);
	u->all->pending--;
	blob_clear(&u->identity);
	blob_clear(&u->purpose);
	mem_free(u);
}

static void join(struct opening *o, struct unlocking *u)
{
	u->of = o;
	u->prev = o->last;
	if (o->last != NULL)
		o->last->next = u;
	else
		o->first = u;
	o->last = u;
}

static void take_out(struct unlocking *u)
{
	struct opening *o = u->of;

	if (u->prev != NULL)
		u->prev->next = u->next;
	else
		o->first = u->next;
	if (u->next != NULL)
		u->next->prev = u->prev;
	else
		o->last = u->prev;
	u->of = NULL;
	u->next = u->prev = NULL;
}

/* It waits for nothing any more. */
static void answer(struct unlocking *u, enum err result, enum unlock_how how)
{
	if (result != ERR_OK)
		log_info("a key is not unlocked for pid %lu: %s", (unsigned long)u->pid,
		    err_text(result));
	u->done(u->ctx, result, how);
	unlocking_free(u);
}

/* May it still be unlocked for this one? */
static enum err permitted(const struct unlocking *u)
{
	const struct unlockings *us = u->all;

	if (u->revoked)
		return ERR_RELOCKED;
	if (lock_is_on(us->lock))
		return ERR_LOCKED;
	if (session_is_locked(us->session))
		return ERR_SCREEN;
	if (u->forwarded && !(*us->config)->unlock_forwarded)
		return ERR_UNLOCK_FORWARDED;
	return u->allowed(u->ctx);
}

/* --- one file ------------------------------------------------------------------- */

static void opening_free(struct opening *o)
{
	struct opening **at = &o->all->first;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	blob_clear(&o->path);
	blob_clear(&o->public);
	blob_clear(&o->comment);
	blob_clear(&o->told);
	blob_clear(&o->passphrase);
	blob_clear(&o->wire);
	key_unref(o->key);
	mem_free(o);
}

static bool drop(struct opening *o)
{
	if (o->first != NULL || o->telling)
		return false;
	if (opening_stop(o))
		opening_free(o);
	return true;
}

bool opening_weed(struct opening *o)
{
	const struct unlocking *asks = o->first;
	struct unlocking *next;

	o->telling = true;
	for (struct unlocking *u = o->first; u != NULL; u = next) {
		enum err e = permitted(u);

		next = u->next;
		if (e == ERR_OK)
			continue;
		take_out(u);
		answer(u, e, o->how);
	}
	o->telling = false;
	if (drop(o))
		return false;
	if (o->first != asks)
		opening_ask_anew(o);
	return true;
}

void opening_finish(struct opening *o, enum err result)
{
	struct unlocking *u;

	(void)opening_stop(o);
	o->telling = true;
	while ((u = o->first) != NULL) {
		take_out(u);
		answer(u, result, o->how);
	}
	opening_free(o);
}

void opening_refuse_first(struct opening *o, enum err why)
{
	struct unlocking *u = o->first;

	take_out(u);
	o->telling = true;
	answer(u, why, o->how);
	o->telling = false;
	if (!drop(o))
		opening_ask_anew(o);
}

void opening_doubt(struct opening *o, enum err why)
{
	files_doubt(o->all->files, blob_view(&o->path));
	opening_finish(o, why);
}

void opening_policy(const struct opening *o, struct config_policy *out)
{
	const struct config *c = *o->all->config;
	const struct key_facts facts = {
	    .file = blob_view(&o->path), .comment = blob_view(&o->comment), .print = o->print};

	config_policy(c, &facts, out);
	if (out->keyring == KEYRING_RULE_UNSET)
		out->keyring = c->keyring;
}

static struct opening *find(const struct unlockings *us, const struct identity *id)
{
	struct opening *o = us->first;

	while (o != NULL && (!bytes_equal(blob_view(&o->path), id->rules.file) ||
				!bytes_equal(blob_view(&o->public), key_blob(id->key))))
		o = o->next;
	return o;
}

static struct opening *opening_new(struct unlockings *us, const struct identity *id)
{
	struct opening *o = mem_alloc(sizeof(*o));
	enum err e;

	if (o == NULL)
		return NULL;
	*o = (struct opening){.all = us, .looked_up = ERR_CANCELLED, .timer.due = opening_start};
	o->next = us->first;
	us->first = o;
	memccpy(o->print, id->print, '\0', sizeof(o->print) - 1);
	e = blob_copy(&o->path, id->rules.file);
	if (e == ERR_OK)
		e = blob_copy(&o->public, key_blob(id->key));
	if (e == ERR_OK)
		e = blob_copy(&o->comment, id->comment);
	if (e == ERR_OK)
		e = timer_arm(us->loop, &o->timer, clock_now());
	if (e == ERR_OK)
		return o;
	opening_free(o);
	return NULL;
}

/* What need not be asked of anybody. */
static enum err check(const struct unlocking *u, const struct identity *id)
{
	enum err e = permitted(u);

	if (e == ERR_OK && id == NULL)
		e = ERR_NOT_FOUND;
	if (e == ERR_OK && key_type(id->key)->family == FAMILY_DSA && !u->all->options->allow_dss)
		e = ERR_KEY_TYPE_OFF;
	return e;
}

static void arrive(struct timer *timer)
{
	struct unlocking *u = UNLOCKING_OF(timer, arrival);
	const struct identity *id = store_find(u->all->store, blob_view(&u->identity));
	enum err e = check(u, id);
	struct opening *o;

	/* Unlocked meanwhile, or added by hand. */
	if (e != ERR_OK || !key_is_locked(id->key)) {
		answer(u, e, UNLOCK_PLAIN);
		return;
	}
	o = find(u->all, id);
	if (o == NULL)
		o = opening_new(u->all, id);
	if (o != NULL)
		join(o, u);
	else
		answer(u, ERR_MEMORY, UNLOCK_PLAIN);
}

/* --- what is allowed no longer -------------------------------------------------- */

static void review(struct task *task)
{
	struct unlockings *us =
	    (struct unlockings *)(void *)((char *)task - offsetof(struct unlockings, review));
	struct opening *next;

	us->review_posted = false;
	if (lock_is_on(us->lock) || session_is_locked(us->session))
		reminders_end(us, BYTES_NONE);
	for (struct opening *o = us->first; o != NULL; o = next) {
		next = o->next;
		(void)opening_weed(o);
	}
}

void unlockings_review(struct unlockings *us)
{
	if (us->review_posted || (us->first == NULL && us->reminders == NULL))
		return;
	us->review_posted = true;
	us->review.run = review;
	loop_post(us->loop, &us->review);
}

void unlockings_revoke(struct unlockings *us)
{
	for (struct opening *o = us->first; o != NULL; o = o->next) {
		for (struct unlocking *u = o->first; u != NULL; u = u->next)
			u->revoked = true;
	}
	unlockings_review(us);
}

size_t unlockings_count(const struct unlockings *us)
{
	return us->pending;
}

/* --- beginning ------------------------------------------------------------------ */

struct unlocking *unlocking_begin(struct unlockings *us, const struct unlock_request *request,
    void (*done)(void *ctx, enum err result, enum unlock_how how), void *ctx)
{
	struct unlocking *u = mem_alloc(sizeof(*u));
	enum err e;

	if (u == NULL)
		return NULL;
	*u = (struct unlocking){.all = us,
	    .pid = request->pid,
	    .started = request->started,
	    .forwarded = request->forwarded,
	    .allowed = request->allowed,
	    .done = done,
	    .ctx = ctx,
	    .arrival.due = arrive};
	us->pending++;
	e = blob_copy(&u->identity, request->identity);
	if (e == ERR_OK)
		e = blob_copy(&u->purpose, request->purpose);
	/* Not from within this call: it may be refused at once. */
	if (e == ERR_OK)
		e = timer_arm(us->loop, &u->arrival, clock_now());
	if (e == ERR_OK)
		return u;
	unlocking_free(u);
	return NULL;
}

void unlocking_cancel(struct unlocking *u)
{
	struct opening *o = u != NULL ? u->of : NULL;
	bool asked = o != NULL && o->first == u;

	if (o != NULL)
		take_out(u);
	if (u != NULL)
		unlocking_free(u);
	if (o != NULL && !drop(o) && asked)
		opening_ask_anew(o);
}
