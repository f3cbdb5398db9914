#include "agent/store.h"

#include <stdlib.h>
#include <string.h>

#include "keystore/fingerprint.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/limits.h"

enum { FIRST_BUCKETS = 64 };

/*
 * Invariants: buckets is a power of two and at least count; each identity is in
 * the list first..last once and in the chain of its hash once.
 */
struct store {
	struct loop *loop;
	struct identity *first, *last;
	struct identity **table;
	size_t buckets, count;
	uint64_t last_number;
	struct store_watcher watcher;
};

struct store *store_new(struct loop *l)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = l;
	s->buckets = FIRST_BUCKETS;
	s->table = calloc(s->buckets, sizeof(*s->table));
	if (s->table == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void store_free(struct store *s)
{
	free(s->table);
	free(s);
}

void store_watch(struct store *s, const struct store_watcher *w)
{
	s->watcher = *w;
}

static enum err tell_added(const struct store *s, struct key *key, const struct rules *rules)
{
	return s->watcher.added != NULL ? s->watcher.added(s->watcher.ctx, key, rules) : ERR_OK;
}

static void tell_removed(const struct store *s, struct key *key, const struct rules *rules)
{
	if (s->watcher.removed != NULL)
		s->watcher.removed(s->watcher.ctx, key, rules);
}

static void tell_change(const struct store *s, const struct identity *id)
{
	if (s->watcher.changed != NULL)
		s->watcher.changed(s->watcher.ctx, id);
}

size_t store_count(const struct store *s)
{
	return s->count;
}

struct identity *store_first(const struct store *s)
{
	return s->first;
}

/* Whoever could provoke collisions may add keys anyway, and LIMIT_KEYS bounds a chain. */
static size_t hash_of(struct bytes blob)
{
	uint64_t h = bytes_hash(BYTES_HASH_START, blob);

	return (size_t)(h ^ h >> 32);
}

static struct identity **chain_of(const struct store *s, struct bytes blob)
{
	return &s->table[hash_of(blob) & (s->buckets - 1)];
}

struct identity *store_find(const struct store *s, struct bytes blob)
{
	struct identity *id = *chain_of(s, blob);

	while (id != NULL && !bytes_equal(id->blob, blob))
		id = id->same_hash;
	return id;
}

static void chain_put(const struct store *s, struct identity *id)
{
	struct identity **chain = chain_of(s, id->blob);

	id->same_hash = *chain;
	*chain = id;
}

static void chain_drop(const struct store *s, const struct identity *id)
{
	struct identity **at = chain_of(s, id->blob);

	while (*at != id)
		at = &(*at)->same_hash;
	*at = id->same_hash;
}

/* More buckets when the table is full; without memory the chains just grow longer. */
static void widen(struct store *s)
{
	struct identity **table;

	if (s->count < s->buckets)
		return;
	table = calloc(s->buckets * 2, sizeof(*table));
	if (table == NULL)
		return;
	free(s->table);
	s->table = table;
	s->buckets *= 2;
	for (struct identity *id = s->first; id != NULL; id = id->next)
		chain_put(s, id);
}

/* Public bytes live in ordinary memory, so that they take none of the locked kind. */
static enum err keep(struct bytes *place, struct bytes src)
{
	uint8_t *copy = malloc(src.len + 1);

	if (copy == NULL)
		return ERR_MEMORY;
	if (src.len != 0)
		memcpy(copy, src.data, src.len);
	*place = BYTES(copy, src.len);
	return ERR_OK;
}

static void forget(struct bytes *place)
{
	free((void *)(uintptr_t)place->data);
	*place = BYTES_NONE;
}

static void forget_rules(struct rules *rules)
{
	forget(&rules->destinations);
	forget(&rules->provider);
	forget(&rules->place);
	forget(&rules->file);
	free((void *)(uintptr_t)rules->known_file);
	rules->known_file = NULL;
}

/* What is listed of a plain key is kept once, in the key. */
static enum err keep_blob(struct identity *id, const struct key *key, struct bytes blob)
{
	if (!bytes_equal(key_blob(key), blob))
		return keep(&id->blob, blob);
	id->blob = key_blob(key);
	id->blob_is_keys = true;
	return ERR_OK;
}

/* The same blob, whatever key comes next. */
static enum err prepare_for(struct identity *id, const struct key *key)
{
	struct bytes fresh;
	enum err e;

	if (!id->blob_is_keys || bytes_equal(key_blob(key), id->blob))
		return ERR_OK;
	e = keep(&fresh, id->blob);
	if (e != ERR_OK)
		return e;
	id->blob = fresh;
	id->blob_is_keys = false;
	return ERR_OK;
}

/* Takes the reference; prepare_for was called. */
static void set_key(struct identity *id, struct key *key)
{
	struct key *old = id->key;

	id->key = key;
	if (id->blob_is_keys)
		id->blob = key_blob(key);
	key_unref(old);
}

/* A file's key without a comment has its path for one, which is kept once. */
static enum err copy_comment(struct bytes *out, struct bytes comment, const struct rules *rules)
{
	if (rules->file.len != 0 && bytes_equal(comment, rules->file))
		return ERR_OK;
	return keep(out, comment);
}

static void forget_comment(struct identity *id)
{
	if (!id->comment_is_file)
		forget(&id->comment);
}

/* Of copy_comment, once the rules are set. */
static void set_comment(struct identity *id, struct bytes copy)
{
	id->comment_is_file = copy.data == NULL;
	id->comment = id->comment_is_file ? id->rules.file : copy;
}

static void identity_free(struct identity *id)
{
	if (!id->blob_is_keys)
		forget(&id->blob);
	key_unref(id->key);
	forget_comment(id);
	forget_rules(&id->rules);
	free(id);
}

static uint64_t idle_end(const struct rules *rules, uint64_t active)
{
	return rules->key.idle == 0 ? 0 : active + (uint64_t)rules->key.idle * 1000;
}

uint64_t store_idle_end(const struct identity *id)
{
	return idle_end(&id->rules, id->active);
}

/* The earlier of the ends that the rules set; 0: none. */
static uint64_t end_of(const struct rules *rules, uint64_t active)
{
	uint64_t idle = idle_end(rules, active);

	if (rules->expires == 0 || idle == 0)
		return rules->expires + idle;
	return rules->expires < idle ? rules->expires : idle;
}

/*
 * A use moves the end of the idle time but not the timer, which would cost a system call for each
 * signature: the timer that comes too early is set again.
 */
static void expired(struct timer *t)
{
	struct identity *id =
	    (struct identity *)(void *)((char *)t - offsetof(struct identity, expiry));
	uint64_t now = clock_now();
	uint64_t end = end_of(&id->rules, id->active);

	if (end > now && timer_arm(id->store->loop, t, end) == ERR_OK)
		return;
	log_info("%s: %s",
	    id->rules.expires != 0 && id->rules.expires <= now
		? "a key's lifetime is over"
		: "a key was not used for its idle time",
	    id->rules.file.len != 0 ? "locked" : "removed");
	if (id->rules.file.len != 0)
		(void)store_relock(id);
	else
		store_remove(id->store, id);
}

/* Copies of what is not empty. */
static enum err keep_rules(struct rules *out, const struct rules *rules)
{
	enum err e = ERR_OK;

	*out = *rules;
	out->destinations = out->provider = out->place = out->file = BYTES_NONE;
	out->known_file = NULL;
	if (rules->destinations.len != 0)
		e = keep(&out->destinations, rules->destinations);
	if (e == ERR_OK && rules->provider.len != 0)
		e = keep(&out->provider, rules->provider);
	if (e == ERR_OK && rules->place.len != 0)
		e = keep(&out->place, rules->place);
	if (e == ERR_OK && rules->file.len != 0)
		e = keep(&out->file, rules->file);
	if (e == ERR_OK && rules->known_file != NULL) {
		out->known_file = strdup(rules->known_file);
		e = out->known_file != NULL ? ERR_OK : ERR_MEMORY;
	}
	return e;
}

/* For id with this key from now on.  What the rules were goes to *old, the caller's to forget. */
static enum err set_rules(
    struct identity *id, const struct key *key, const struct rules *rules, struct rules *old)
{
	struct rules fresh;
	uint64_t now = rules->key.idle != 0 ? clock_now() : 0;
	uint64_t end = key_is_locked(key) ? 0 : end_of(rules, now);
	enum err e = keep_rules(&fresh, rules);

	if (e == ERR_OK && end != 0)
		e = timer_arm(id->store->loop, &id->expiry, end);
	if (e != ERR_OK) {
		forget_rules(&fresh);
		return e;
	}
	if (end == 0)
		timer_cancel(id->store->loop, &id->expiry);
	*old = id->rules;
	id->rules = fresh;
	id->active = now;
	return ERR_OK;
}

static enum err replace(
    struct identity *id, struct key *key, struct bytes comment, const struct rules *rules)
{
	struct bytes fresh = BYTES_NONE;
	struct rules old;
	enum err e = copy_comment(&fresh, comment, rules);

	if (e == ERR_OK)
		e = prepare_for(id, key);
	if (e == ERR_OK)
		e = set_rules(id, key, rules, &old);
	if (e != ERR_OK) {
		forget(&fresh);
		return e;
	}
	forget_comment(id);
	set_comment(id, fresh);
	tell_removed(id->store, id->key, &old);
	forget_rules(&old);
	set_key(id, key);
	tell_change(id->store, id);
	return ERR_OK;
}

/* A key without a fingerprint is still a key. */
static void make_print(struct identity *id)
{
	char print[FINGERPRINT_ROOM];

	if (fingerprint(id->blob, FINGERPRINT_SHA256, print) == ERR_OK)
		memccpy(id->print, print, '\0', sizeof(id->print) - 1);
}

static void append(struct store *s, struct identity *id)
{
	id->prev = s->last;
	if (s->last != NULL)
		s->last->next = id;
	else
		s->first = id;
	s->last = id;
	s->count++;
	chain_put(s, id);
	widen(s);
}

static enum err insert(struct store *s, struct key *key, struct bytes blob, struct bytes comment,
    const struct rules *rules)
{
	struct identity *id;
	struct bytes copy = BYTES_NONE;
	struct rules none;
	enum err e;

	if (s->count >= LIMIT_KEYS)
		return ERR_LIMIT;
	id = calloc(1, sizeof(*id));
	if (id == NULL)
		return ERR_MEMORY;
	id->store = s;
	id->expiry.due = expired;
	e = keep_blob(id, key, blob);
	if (e == ERR_OK)
		e = copy_comment(&copy, comment, rules);
	make_print(id);
	if (e == ERR_OK)
		e = set_rules(id, key, rules, &none);
	if (e != ERR_OK) {
		forget(&copy);
		identity_free(id);
		return e;
	}
	set_comment(id, copy);
	id->key = key;
	id->number = ++s->last_number;
	id->added = clock_wall();
	append(s, id);
	return ERR_OK;
}

enum err store_put(struct store *s, struct key *key, struct bytes blob, struct bytes comment,
    const struct rules *rules)
{
	struct identity *id = store_find(s, blob);
	enum err e = tell_added(s, key, rules);

	if (e != ERR_OK)
		return e;
	e = id != NULL ? replace(id, key, comment, rules) : insert(s, key, blob, comment, rules);
	if (e != ERR_OK)
		tell_removed(s, key, rules);
	return e;
}

enum err store_move(struct identity *id, struct bytes place)
{
	struct rules old = id->rules;
	struct bytes fresh = BYTES_NONE;
	enum err e = keep(&fresh, place);

	if (e != ERR_OK)
		return e;
	id->rules.place = fresh;
	e = tell_added(id->store, id->key, &id->rules);
	if (e != ERR_OK) {
		id->rules = old;
		forget(&fresh);
		return e;
	}
	tell_removed(id->store, id->key, &old);
	forget(&old.place);
	return ERR_OK;
}

/* The key of an identity is another one now, of which tell_added was told; its rules are the same
 * but for their ends. */
static void exchange(struct identity *id, struct key *key)
{
	tell_removed(id->store, id->key, &id->rules);
	set_key(id, key);
}

/* When an unlocked key is to be locked again; 0: never. */
static uint64_t unlocked_until(const struct rules *rules, uint32_t relock, uint64_t now)
{
	uint64_t seconds = relock;

	if (seconds == 0 || (rules->relock != 0 && rules->relock < seconds))
		seconds = rules->relock;
	if (seconds == 0 || (rules->lifetime != 0 && rules->lifetime < seconds))
		seconds = rules->lifetime;
	return seconds == 0 ? 0 : now + seconds * 1000;
}

enum err store_unlock(struct identity *id, struct key *key, uint32_t relock)
{
	uint64_t now = clock_now();
	uint64_t expires = unlocked_until(&id->rules, relock, now), end;
	enum err e;

	if (!bytes_equal(key_blob(id->key), key_blob(key)))
		return ERR_KEY_MISMATCH;
	e = tell_added(id->store, key, &id->rules);
	if (e != ERR_OK)
		return e;
	id->rules.expires = expires;
	end = end_of(&id->rules, now);
	if (end != 0 && timer_arm(id->store->loop, &id->expiry, end) != ERR_OK) {
		id->rules.expires = 0;
		tell_removed(id->store, key, &id->rules);
		return ERR_MEMORY;
	}
	id->active = now;
	exchange(id, key);
	return ERR_OK;
}

enum err store_relock(struct identity *id)
{
	struct key *locked;
	enum err e;

	if (id->rules.file.len == 0 || key_is_locked(id->key))
		return ERR_OK;
	e = key_locked(key_blob(id->key), &locked);
	if (e == ERR_OK) {
		e = tell_added(id->store, locked, &id->rules);
		if (e != ERR_OK)
			key_unref(locked);
	}
	if (e != ERR_OK) {
		store_remove(id->store, id);
		return e;
	}
	timer_cancel(id->store->loop, &id->expiry);
	id->rules.expires = 0;
	tell_change(id->store, id);
	exchange(id, locked);
	return ERR_OK;
}

void store_relock_all(struct store *s)
{
	struct identity *next;

	for (struct identity *id = s->first; id != NULL; id = next) {
		next = id->next;
		(void)store_relock(id);
	}
}

void store_empty(struct store *s)
{
	struct identity *next;

	for (struct identity *id = s->first; id != NULL; id = next) {
		next = id->next;
		if (id->rules.file.len != 0)
			(void)store_relock(id);
		else
			store_remove(s, id);
	}
}

void store_used(struct identity *id)
{
	id->uses++;
	id->last_use = clock_wall();
	if (id->rules.key.idle != 0)
		id->active = clock_now();
}

static void unlist(struct store *s, const struct identity *id)
{
	if (id->prev != NULL)
		id->prev->next = id->next;
	else
		s->first = id->next;
	if (id->next != NULL)
		id->next->prev = id->prev;
	else
		s->last = id->prev;
}

void store_place(struct identity *id, struct identity *after)
{
	struct store *s = id->store;

	if (id->prev == after || id == after)
		return;
	unlist(s, id);
	id->prev = after;
	id->next = after != NULL ? after->next : s->first;
	if (id->next != NULL)
		id->next->prev = id;
	else
		s->last = id;
	if (after != NULL)
		after->next = id;
	else
		s->first = id;
}

static void drop(struct store *s, struct identity *id)
{
	timer_cancel(s->loop, &id->expiry);
	chain_drop(s, id);
	unlist(s, id);
	s->count--;
	tell_removed(s, id->key, &id->rules);
	identity_free(id);
}

void store_remove(struct store *s, struct identity *id)
{
	tell_change(s, id);
	drop(s, id);
}

void store_remove_all(struct store *s)
{
	tell_change(s, NULL);
	while (s->first != NULL)
		drop(s, s->first);
}
