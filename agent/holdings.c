/* Which keys each device holds: asking it, and what is known of a key. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "agent/devices_impl.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/limits.h"

enum {
	BUCKETS_FIRST = 64,
	TRIES_MOST = 5, /* with pauses of 1, 2, 4 and 8 seconds between them */
	PAUSE_MS = 1000,
};

/* What a device need not be asked, because it follows from what is known of it. */
enum verdict { ASK, LATER, SAY_NO, SAY_HIDDEN };

/* --- keys ------------------------------------------------------------------------------------ */

static struct held_key **chain_of(const struct devices *ds, const struct key *key)
{
	struct key_sk t;
	uint64_t h;

	key_sk(key, &t);
	h = bytes_hash(bytes_hash(BYTES_HASH_START, key_blob(key)), t.handle);
	return &ds->table[(size_t)(h ^ h >> 32) & (ds->buckets - 1)];
}

/* The application lies in the blob. */
static bool same_key(const struct key *a, const struct key *b)
{
	struct key_sk s, t;

	if (!bytes_equal(key_blob(a), key_blob(b)))
		return false;
	key_sk(a, &s);
	key_sk(b, &t);
	return bytes_equal(s.handle, t.handle) && s.flags == t.flags;
}

static struct held_key *find(const struct devices *ds, const struct key *key)
{
	struct held_key *k = ds->keys != 0 ? *chain_of(ds, key) : NULL;

	while (k != NULL && !same_key(k->key, key))
		k = k->same_hash;
	return k;
}

static void chain_put(const struct devices *ds, struct held_key *k)
{
	struct held_key **chain = chain_of(ds, k->key);

	k->same_hash = *chain;
	*chain = k;
}

/* Room for one more; chains just grow longer where there is no memory for a wider table. */
static enum err widen(struct devices *ds)
{
	size_t buckets = ds->buckets == 0 ? BUCKETS_FIRST : ds->buckets * 2;
	struct held_key **table;

	if (ds->keys < ds->buckets)
		return ERR_OK;
	table = calloc(buckets, sizeof(struct held_key *));
	if (table == NULL)
		return ds->buckets == 0 ? ERR_MEMORY : ERR_OK;
	free(ds->table);
	ds->table = table;
	ds->buckets = buckets;
	for (struct held_key *k = ds->first_key; k != NULL; k = k->next)
		chain_put(ds, k);
	return ERR_OK;
}

static void key_append(struct devices *ds, struct held_key *k)
{
	k->prev = ds->last_key;
	if (ds->last_key != NULL)
		ds->last_key->next = k;
	else
		ds->first_key = k;
	ds->last_key = k;
	ds->keys++;
	chain_put(ds, k);
}

static void key_drop(struct devices *ds, struct held_key *k)
{
	struct held_key **at = chain_of(ds, k->key);

	while (*at != k)
		at = &(*at)->same_hash;
	*at = k->same_hash;
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		ds->first_key = k->next;
	if (k->next != NULL)
		k->next->prev = k->prev;
	else
		ds->last_key = k->prev;
	ds->keys--;
	key_unref(k->key);
	free(k);
}

enum err devices_key_added(struct devices *ds, struct key *key)
{
	struct held_key *k = find(ds, key);

	if (k != NULL) {
		k->count++;
		return ERR_OK;
	}
	if (widen(ds) != ERR_OK)
		return ERR_MEMORY;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return ERR_MEMORY;
	k->key = key_ref(key);
	k->count = 1;
	key_append(ds, k);
	if (ds->keys == 1 && !ds->wanted)
		watch_start(ds);
	for (size_t i = 0; i < ds->count; i++) {
		if (ds->here[i]->to_ask == NULL)
			ds->here[i]->to_ask = k;
		device_ask(ds->here[i]);
	}
	return ERR_OK;
}

static void forget_key(struct device *d, const struct held_key *k)
{
	if (d->to_ask == k)
		d->to_ask = k->next;
	for (size_t i = 0; i < d->probe.count; i++) {
		if (d->probe.asked[i] == k)
			d->probe.asked[i] = NULL;
	}
}

void devices_key_removed(struct devices *ds, struct key *key)
{
	struct held_key *k = find(ds, key);

	if (k == NULL || --k->count != 0)
		return;
	for (size_t i = 0; i < ds->count; i++)
		forget_key(ds->here[i], k);
	key_drop(ds, k);
	if (ds->keys == 0 && !ds->wanted)
		watch_stop(ds);
}

void devices_want(struct devices *ds, bool wanted)
{
	if (ds->wanted == wanted)
		return;
	ds->wanted = wanted;
	if (ds->keys == 0 && wanted)
		watch_start(ds);
	else if (ds->keys == 0)
		watch_stop(ds);
	for (size_t i = 0; i < ds->count; i++)
		device_ask(ds->here[i]);
}

void holdings_clear(struct devices *ds)
{
	while (ds->first_key != NULL)
		key_drop(ds, ds->first_key);
}

enum presence devices_presence(const struct devices *ds, const struct key *key)
{
	const struct held_key *k = find(ds, key);
	enum presence p = PRESENCE_ABSENT;

	if (k == NULL)
		return PRESENCE_ABSENT;
	if (!ds->told)
		return PRESENCE_UNKNOWN;
	for (size_t i = 0; i < ds->count; i++) {
		switch (k->answer[ds->here[i]->slot]) {
		case ANSWER_YES:
			return PRESENCE_HERE;
		case ANSWER_NO:
			break;
		default:
			p = PRESENCE_UNKNOWN;
		}
	}
	return p;
}

static size_t collect(const struct devices *ds, const struct held_key *k, enum answer wanted,
    struct device **out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < ds->count && n < room; i++) {
		if (k->answer[ds->here[i]->slot] == wanted)
			out[n++] = ds->here[i];
	}
	return n;
}

bool device_holds(const struct device *d, const struct key *key)
{
	const struct held_key *k = find(d->all, key);

	return d->slot >= 0 && !d->gone && k != NULL && k->answer[d->slot] == ANSWER_YES;
}

size_t devices_holding(const struct devices *ds, const struct key *key, struct device **out,
    size_t room, bool *settled)
{
	const struct held_key *k = find(ds, key);
	struct device *one;
	size_t n;

	*settled = k == NULL || (ds->told && collect(ds, k, ANSWER_NONE, &one, 1) == 0);
	if (k == NULL)
		return 0;
	n = collect(ds, k, ANSWER_YES, out, room);
	return n != 0 ? n : collect(ds, k, ANSWER_HIDDEN, out, room);
}

/* --- asking a device ------------------------------------------------------------------------- */

static enum fido_algorithm algorithm_of(const struct key *key)
{
	return key_type(key)->family == FAMILY_SK_ED25519 ? FIDO_ED25519 : FIDO_ECDSA;
}

static enum verdict judge(const struct device *d, const struct held_key *k)
{
	uint32_t can = d->info.abilities;
	struct key_sk t;

	key_sk(k->key, &t);
	if (algorithm_of(k->key) == FIDO_ED25519 && !d->info_known)
		return LATER;
	if (algorithm_of(k->key) == FIDO_ED25519 && (can & FIDO_CAN_CTAP2) == 0)
		return SAY_NO;
	if ((t.flags & FIDO_VERIFY) == 0)
		return ASK;
	if (!d->info_known)
		return LATER;
	return (can & (FIDO_HAS_PIN | FIDO_HAS_UV)) != 0 ? SAY_HIDDEN : SAY_NO;
}

static bool is_open(const struct device *d, const struct held_key *k)
{
	return k->answer[d->slot] == ANSWER_NONE;
}

static void say(struct device *d, struct held_key *k, enum verdict v)
{
	k->answer[d->slot] = v == SAY_NO ? ANSWER_NO : ANSWER_HIDDEN;
	devices_changed(d->all);
}

/* What can be said at once, from to_ask on until the first that it must be asked about. */
static void say_what_follows(struct device *d)
{
	for (; d->to_ask != NULL; d->to_ask = d->to_ask->next) {
		struct held_key *k = d->to_ask;
		enum verdict v;

		if (!is_open(d, k))
			continue;
		v = judge(d, k);
		if (v == ASK || v == LATER)
			break;
		say(d, k, v);
	}
}

static bool is_being_asked(const struct device *d)
{
	return d->probe.turn.line != NULL || d->probe.again.slot != 0;
}

/* Only what it is. */
static bool is_of_interest(const struct device *d)
{
	return d->all->wanted && !d->info_known && !d->probe.given_up;
}

bool device_has_told(const struct device *d)
{
	return (d->info_known || d->probe.given_up) && d->to_ask == NULL && !is_being_asked(d);
}

void device_ask(struct device *d)
{
	if (d->gone || is_being_asked(d))
		return;
	say_what_follows(d);
	if (d->to_ask != NULL || is_of_interest(d))
		turn_take(d->all, &d->probe.turn, &d, 1);
}

/* As many as may be asked about; what follows from what is known is said on the way. */
static void choose_keys(struct device *d)
{
	struct probe *p = &d->probe;

	p->count = 0;
	for (struct held_key *k = d->to_ask; k != NULL && p->count < p->most; k = k->next) {
		enum verdict v = is_open(d, k) ? judge(d, k) : LATER;

		if (v == ASK)
			p->asked[p->count++] = k;
		else if (v != LATER)
			say(d, k, v);
	}
}

static void build_question(const struct device *d, struct builder *b)
{
	const struct probe *p = &d->probe;
	size_t mark;

	fido_probe_open(b, blob_view(&d->path), (uint32_t)p->count, &mark);
	for (size_t i = 0; i < p->count; i++) {
		const struct key *key = p->asked[i]->key;
		struct fido_credential c = {.algorithm = algorithm_of(key)};
		struct key_sk t;

		key_sk(key, &t);
		c.application = t.application;
		c.handle = t.handle;
		c.flags = t.flags;
		fido_credential_put(b, &c);
	}
	fido_probe_close(b, mark);
}

/* It may hold none of those that are left. */
static void give_up(struct device *d, enum err why)
{
	log_warn("the security key %s could not be asked which keys it holds: %s",
	    d->name.len != 0 ? (const char *)d->name.data : "without a name", err_text(why));
	for (; d->to_ask != NULL; d->to_ask = d->to_ask->next) {
		if (is_open(d, d->to_ask))
			d->to_ask->answer[d->slot] = ANSWER_NO;
	}
	d->probe.tries = 0;
	d->probe.given_up = true;
	devices_changed(d->all);
}

static void again(struct timer *t)
{
	device_ask((struct device *)(void *)((char *)t - offsetof(struct device, probe.again)));
}

static void failed(struct device *d, enum err why)
{
	struct probe *p = &d->probe;

	if (why == ERR_TIMEOUT && p->count > 1)
		p->most = p->count / 2;
	p->count = 0;
	p->tries++;
	p->again.due = again;
	if (p->tries >= TRIES_MOST ||
	    timer_arm(d->all->loop, &p->again,
		clock_now() + ((uint64_t)PAUSE_MS << (p->tries - 1))) != ERR_OK)
		give_up(d, why);
}

static void take_answers(struct device *d, const struct fido_info *info, struct bytes held)
{
	struct probe *p = &d->probe;

	d->info = *info;
	d->info_known = true;
	for (size_t i = 0; i < p->count; i++) {
		static const uint8_t answers[] = {
		    [FIDO_HELD_NO] = ANSWER_NO,
		    [FIDO_HELD_YES] = ANSWER_YES,
		    [FIDO_HELD_HIDDEN] = ANSWER_HIDDEN,
		};

		if (p->asked[i] != NULL)
			p->asked[i]->answer[d->slot] = answers[held.data[i]];
	}
	p->count = 0;
	p->tries = 0;
	p->answered = true;
	devices_changed(d->all);
}

static void probe_said(void *ctx, struct bytes message)
{
	struct device *d = ctx;
	struct probe *p = &d->probe;
	struct fido_failure failure;
	struct fido_info info;
	struct bytes held;
	enum fido_kind kind;
	enum err e = fido_kind_of(message, &kind);

	if (e == ERR_OK && kind == FIDO_FAILED) {
		e = fido_failed_parse(message, &failure);
		call_fail(p->call, e == ERR_OK ? failure.why : e);
		return;
	}
	if (e == ERR_OK)
		e = fido_probed_parse(message, &info, &held);
	if (e == ERR_OK && held.len != p->count)
		e = ERR_REPLY;
	if (e != ERR_OK) {
		call_fail(p->call, e);
		return;
	}
	take_answers(d, &info, held);
	call_end(p->call, BYTES_NONE);
}

static void probe_ended(void *ctx, enum err why)
{
	struct device *d = ctx;
	struct probe *p = &d->probe;

	p->call = NULL;
	turn_leave(&p->turn);
	if (!p->answered)
		failed(d, why);
	device_ask(d);
	if (d->all->wanted && device_has_told(d))
		devices_changed(d->all);
}

static const struct call_handler handler = {
    .message = probe_said,
    .ended = probe_ended,
    .most = LIMIT_HELPER_MESSAGE,
    .once = true,
};

static void probe_granted(struct turn *t)
{
	struct device *d =
	    (struct device *)(void *)((char *)t - offsetof(struct device, probe.turn));
	struct probe *p = &d->probe;
	struct builder b = {0};

	choose_keys(d);
	say_what_follows(d);
	p->answered = false;
	if (p->count == 0 && d->info_known) {
		turn_leave(t); /* those that were to be asked about are gone */
		return;
	}
	build_question(d, &b);
	if (builder_error(&b) == ERR_OK)
		p->call = call_start(
		    d->all->calls, HELPER_FIDO, builder_view(&b), LIMIT_DEVICE_MS, &handler, d);
	builder_clear(&b);
	if (p->call == NULL)
		probe_ended(d, ERR_MEMORY);
}

/* The device is pulled out, which ends this from another side. */
static void probe_lost(struct turn *t)
{
	(void)t;
}

void device_begin(struct device *d)
{
	for (struct held_key *k = d->all->first_key; k != NULL; k = k->next)
		k->answer[d->slot] = ANSWER_NONE;
	d->to_ask = d->all->first_key;
	d->probe.most = PROBE_MOST;
	d->probe.turn = (struct turn){.granted = probe_granted, .lost = probe_lost, .own = true};
}

void device_ask_no_more(struct device *d)
{
	struct probe *p = &d->probe;

	timer_cancel(d->all->loop, &p->again);
	turn_leave(&p->turn);
	call_abandon(p->call, BYTES_NONE);
	p->call = NULL;
	p->count = 0;
	d->to_ask = NULL;
}
