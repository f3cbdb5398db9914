/* The identities held: order, replacement, many of them, lifetimes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agent/store.h"
#include "keystore/crypto.h"
#include "proto/base/clock.h"
#include "proto/limits.h"
#include "tests/support/keys_ssh.h"

enum { THOUSANDS = 5000 };

/* cmocka's group setup has no other way to hand it on: one real key, stored under many blobs. */
static struct key *key;

struct world {
	struct loop *loop;
	struct store *store;
};

/* The loop and the store live as long as the program, as in the agent. */
static struct world world;

static int setup(void **state)
{
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	store_remove_all(w->store);
	clock_replace(NULL, NULL);
	return store_count(w->store) == 0 && store_first(w->store) == NULL ? 0 : -1;
}

static struct bytes name(char *room, unsigned i)
{
	return BYTES(room, (size_t)sprintf(room, "blob %u", i));
}

static enum err put(struct store *s, unsigned i, const char *comment, const struct rules *rules)
{
	static const struct rules none;
	char room[32];
	enum err e = store_put(
	    s, key_ref(key), name(room, i), bytes_str(comment), rules != NULL ? rules : &none);

	if (e != ERR_OK)
		key_unref(key);
	return e;
}

static struct identity *find(const struct store *s, unsigned i)
{
	char room[32];

	return store_find(s, name(room, i));
}

/* The numbers of the blobs, in the order of the list; backwards it must be the same. */
static void assert_order(const struct store *s, const unsigned *expected, size_t n)
{
	struct identity *id = store_first(s), *last = NULL;
	char room[32];

	assert_int_equal(store_count(s), n);
	for (size_t i = 0; i < n; i++) {
		assert_non_null(id);
		assert_true(bytes_equal(id->blob, name(room, expected[i])));
		assert_ptr_equal(id->prev, last);
		last = id;
		id = id->next;
	}
	assert_null(id);
}

static void test_order_is_that_of_addition(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(put(w->store, i, "c", NULL), ERR_OK);
	assert_order(w->store, (const unsigned[]){0, 1, 2, 3, 4}, 5);
	store_remove(w->store, find(w->store, 2));
	store_remove(w->store, find(w->store, 0));
	store_remove(w->store, find(w->store, 4));
	assert_order(w->store, (const unsigned[]){1, 3}, 2);
	assert_null(find(w->store, 2));
	assert_int_equal(put(w->store, 2, "c", NULL), ERR_OK);
	assert_order(w->store, (const unsigned[]){1, 3, 2}, 3);
}

static void test_identities_can_be_placed(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(put(w->store, i, "c", NULL), ERR_OK);
	store_place(find(w->store, 3), NULL);
	assert_order(w->store, (const unsigned[]){3, 0, 1, 2}, 4);
	store_place(find(w->store, 0), find(w->store, 2));
	assert_order(w->store, (const unsigned[]){3, 1, 2, 0}, 4);
	store_place(find(w->store, 1), find(w->store, 3));
	store_place(find(w->store, 3), NULL);
	assert_order(w->store, (const unsigned[]){3, 1, 2, 0}, 4);
	store_remove(w->store, find(w->store, 0));
	store_remove(w->store, find(w->store, 3));
	assert_order(w->store, (const unsigned[]){1, 2}, 2);
}

static void test_replacing_keeps_the_place_and_changes_the_rules(void **state)
{
	struct world *w = *state;
	struct rules strict = {.key.confirm = CONFIRM_ALWAYS, .expires = clock_now() + 3600000};
	struct identity *id;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(put(w->store, i, "before", NULL), ERR_OK);
	id = find(w->store, 1);
	assert_int_equal(put(w->store, 1, "after", &strict), ERR_OK);
	assert_ptr_equal(find(w->store, 1), id);
	assert_order(w->store, (const unsigned[]){0, 1, 2}, 3);
	assert_true(bytes_is(id->comment, "after"));
	assert_int_equal(id->rules.key.confirm, CONFIRM_ALWAYS);
	assert_int_not_equal(id->expiry.slot, 0);
	/* Without rules again: no trace of the earlier ones is left. */
	assert_int_equal(put(w->store, 1, "", NULL), ERR_OK);
	assert_true(key_rules_none(&id->rules.key));
	assert_int_equal(id->rules.expires, 0);
	assert_int_equal(id->expiry.slot, 0);
	assert_int_equal(id->comment.len, 0);
	assert_true(bytes_is(find(w->store, 0)->comment, "before"));
}

static void test_blob_and_comment_are_copies(void **state)
{
	struct world *w = *state;
	char blob[] = "a blob", comment[] = "a comment";
	const struct rules none = {0};

	assert_int_equal(
	    store_put(w->store, key_ref(key), bytes_str(blob), bytes_str(comment), &none), ERR_OK);
	memset(blob, 'x', sizeof(blob) - 1);
	memset(comment, 'x', sizeof(comment) - 1);
	assert_non_null(store_find(w->store, bytes_str("a blob")));
	assert_true(bytes_is(store_first(w->store)->comment, "a comment"));
	assert_null(store_find(w->store, bytes_str("a blo")));
	assert_null(store_find(w->store, bytes_str("a blob ")));
	assert_null(store_find(w->store, BYTES_NONE));
}

static void test_thousands_are_found_and_removed(void **state)
{
	struct world *w = *state;
	struct identity *id;
	unsigned left = 0;

	for (unsigned i = 0; i < THOUSANDS; i++)
		assert_int_equal(put(w->store, i, "c", NULL), ERR_OK);
	for (unsigned i = 0; i < THOUSANDS; i += 3)
		store_remove(w->store, find(w->store, i));
	for (unsigned i = 0; i < THOUSANDS; i++) {
		id = find(w->store, i);
		assert_true((id == NULL) == (i % 3 == 0));
		left += id != NULL;
	}
	assert_int_equal(store_count(w->store), left);
	id = store_first(w->store);
	for (unsigned i = 0; i < THOUSANDS; i++) {
		if (i % 3 == 0)
			continue;
		assert_ptr_equal(id, find(w->store, i));
		id = id->next;
	}
	assert_null(id);
}

static void test_limit_holds_for_new_keys_only(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < LIMIT_KEYS; i++)
		assert_int_equal(put(w->store, i, "", NULL), ERR_OK);
	assert_int_equal(put(w->store, LIMIT_KEYS, "one too many", NULL), ERR_LIMIT);
	assert_int_equal(store_count(w->store), LIMIT_KEYS);
	assert_int_equal(put(w->store, 7, "replaced", NULL), ERR_OK);
	store_remove(w->store, find(w->store, 0));
	assert_int_equal(put(w->store, LIMIT_KEYS, "now", NULL), ERR_OK);
}

/* The loop's clock, set by the tests; each look moves it on, so that a loop always ends. */
static uint64_t fake_now;

static uint64_t fake_clock(void)
{
	return ++fake_now;
}

static void stop(struct timer *t)
{
	loop_stop(world.loop);
	t->due = NULL;
}

/* The loop can be run once only: it stays stopped. */
static void expire_until(uint64_t until)
{
	struct timer end = {.due = stop};

	assert_int_equal(timer_arm(world.loop, &end, until), ERR_OK);
	loop_run(world.loop);
}

static void test_each_key_goes_at_its_time(void **state)
{
	struct world *w = *state;
	struct rules rules = {.expires = 1000};

	fake_now = 1;
	clock_replace(fake_clock, NULL);
	assert_int_equal(put(w->store, 0, "for ever", NULL), ERR_OK);
	assert_int_equal(put(w->store, 1, "until 1000", &rules), ERR_OK);
	rules.expires = 500;
	assert_int_equal(put(w->store, 2, "until 500", &rules), ERR_OK);
	rules.expires = 400;
	assert_int_equal(put(w->store, 3, "until 400, and removed before", &rules), ERR_OK);
	assert_int_equal(put(w->store, 4, "until 400, but then for ever", &rules), ERR_OK);
	assert_int_equal(put(w->store, 5, "until 400, but then until 9000", &rules), ERR_OK);
	store_remove(w->store, find(w->store, 3));
	assert_int_equal(put(w->store, 4, "for ever", NULL), ERR_OK);
	rules.expires = 9000;
	assert_int_equal(put(w->store, 5, "until 9000", &rules), ERR_OK);
	expire_until(700);
	assert_order(w->store, (const unsigned[]){0, 1, 4, 5}, 4);
}

/* What the listener heard: blobs of identities, "all" for NULL. */
static char heard[128];

static void hear(void *ctx, const struct identity *id)
{
	struct bytes what = id != NULL ? id->blob : bytes_str("all");

	assert_ptr_equal(ctx, heard);
	/* What changes is there still. */
	if (id != NULL)
		assert_ptr_equal(store_find(world.store, id->blob), id);
	assert_true(strlen(heard) + what.len + 2 < sizeof(heard));
	strncat(heard, (const char *)what.data, what.len);
	strcat(heard, ".");
}

static void test_changes_are_told(void **state)
{
	struct world *w = *state;
	struct rules short_lived = {.expires = 2000};

	fake_now = 1;
	clock_replace(fake_clock, NULL);
	heard[0] = '\0';
	store_watch(w->store, &(struct store_watcher){.changed = hear, .ctx = heard});
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(put(w->store, i, "c", NULL), ERR_OK);
	assert_string_equal(heard, "");
	assert_int_equal(put(w->store, 1, "again", NULL), ERR_OK);
	assert_string_equal(heard, "blob 1.");
	store_remove(w->store, find(w->store, 0));
	assert_string_equal(heard, "blob 1.blob 0.");
	assert_int_equal(put(w->store, 3, "c", &short_lived), ERR_OK);
	expire_until(2500);
	assert_string_equal(heard, "blob 1.blob 0.blob 3.");
	store_remove_all(w->store);
	assert_string_equal(heard, "blob 1.blob 0.blob 3.all.");
	store_watch(w->store, &(struct store_watcher){0});
}

/*
 * A loop and a store of their own, for a loop is run once only: keys that are used now and then, on
 * the real clock.  The loop ends when key 1 has gone.
 */
struct idling {
	struct world w;
	struct timer use;
	uint64_t every, begun, last_use;
	unsigned uses;
};

static struct idling idling;

static void use(struct timer *t)
{
	struct identity *id = find(idling.w.store, 1);

	if (id == NULL) {
		loop_stop(idling.w.loop);
		return;
	}
	if (idling.uses != 0) {
		idling.uses--;
		store_used(id);
		idling.last_use = clock_now();
	}
	assert_int_equal(timer_arm(idling.w.loop, t, clock_now() + idling.every), ERR_OK);
}

/* Key 0 is never used, key 1 for a time longer than its idle time, key 2 has an end that comes
 * first. */
static void test_a_key_that_is_not_used_goes(void **state)
{
	struct rules idle = {.key.idle = 1};
	struct identity *id;
	uint64_t now;

	(void)state;
	idling = (struct idling){.every = 100, .uses = 18, .use.due = use, .begun = clock_now()};
	idling.w.loop = loop_new();
	idling.w.store = store_new(idling.w.loop);
	assert_int_equal(put(idling.w.store, 0, "never used", &idle), ERR_OK);
	assert_int_equal(put(idling.w.store, 1, "used", &idle), ERR_OK);
	idle.expires = clock_now() + 200;
	idle.key.idle = 600;
	assert_int_equal(put(idling.w.store, 2, "ends before", &idle), ERR_OK);
	assert_int_equal(put(idling.w.store, 3, "for ever", NULL), ERR_OK);
	id = find(idling.w.store, 1);
	assert_int_equal(store_idle_end(id), id->active + 1000);
	assert_int_equal(store_idle_end(find(idling.w.store, 3)), 0);
	assert_int_equal(timer_arm(idling.w.loop, &idling.use, clock_now()), ERR_OK);
	loop_run(idling.w.loop);
	now = clock_now();
	/* Key 1 went last, its idle time after its last use; on a slow machine it may have gone
	 * early. */
	assert_order(idling.w.store, (const unsigned[]){3}, 1);
	assert_true(now >= idling.last_use + 1000);
	assert_true(idling.uses == 0 || now >= idling.begun + 1000);
	store_remove_all(idling.w.store);
}

/* The moments themselves, on a clock that the test sets: each look moves it by one. */
static void test_idle_time_restarts_with_each_use(void **state)
{
	struct world *w = *state;
	struct rules idle = {.key.idle = 1, .expires = 5000};
	struct identity *id;

	fake_now = 1000;
	clock_replace(fake_clock, NULL);
	assert_int_equal(put(w->store, 0, "idle", &idle), ERR_OK);
	id = find(w->store, 0);
	assert_in_range(id->expiry.at, 2001, 2003);
	fake_now = 1900;
	store_used(id);
	assert_in_range(
	    id->expiry.at, 2001, 2003); /* a use costs no system call: the timer stays */
	assert_in_range(store_idle_end(id), 2901, 2903);
	fake_now = 2001;
	id->expiry.due(&id->expiry); /* and sets itself again */
	assert_ptr_equal(find(w->store, 0), id);
	assert_in_range(id->expiry.at, 2901, 2903);
	fake_now = 4700;
	store_used(id);
	id->expiry.due(&id->expiry);
	assert_int_equal(id->expiry.at, 5000); /* the lifetime ends it all the same */
	fake_now = 5000;
	store_used(id);
	id->expiry.due(&id->expiry);
	assert_null(find(w->store, 0));
}

static int group_setup(void **state)
{
	struct builder wire = {0};
	struct keys_dir dir;

	(void)state;
	if (crypto_start() != ERR_OK)
		return -1;
	keys_dir_make(&dir);
	keys_generate(&dir, "key", "-t ed25519", &wire);
	key = keys_import(&wire);
	builder_clear(&wire);
	keys_dir_remove(&dir);
	world.loop = loop_new();
	world.store = world.loop == NULL ? NULL : store_new(world.loop);
	return world.store != NULL ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(key);
	return 0;
}

/* --- the watcher */

struct watched {
	char events[64]; /* + and - */
	struct key *held[8];
	size_t count; /* of those held */
	const struct store *store;
	bool refuses;
};

static void note(struct watched *w, const char *event)
{
	assert_true(strlen(w->events) + 1 < sizeof(w->events));
	strcat(w->events, event);
}

static enum err watch_added(void *ctx, struct key *k, const struct rules *rules)
{
	struct watched *w = ctx;

	if (w->refuses)
		return ERR_MEMORY;
	note(w, rules->provider.len != 0 ? "L+" : "+");
	w->held[w->count++] = key_ref(k);
	return ERR_OK;
}

/* The key is still good, whatever becomes of it next; one that is removed is found no more. */
static void watch_removed(void *ctx, struct key *k, const struct rules *rules)
{
	struct watched *w = ctx;
	size_t i = 0;

	if (rules->provider.len != 0)
		note(w, "L");
	note(w, find(w->store, 1) == NULL ? "-" : "~");
	while (i < w->count && w->held[i] != k)
		i++;
	assert_true(i < w->count);
	key_unref(w->held[i]);
	w->held[i] = w->held[--w->count];
}

static void test_the_watcher_is_told(void **state)
{
	struct world *w = *state;
	struct watched seen = {.store = w->store};
	struct store_watcher watcher = {
	    .added = watch_added, .removed = watch_removed, .ctx = &seen};
	struct rules soon = {.expires = clock_now() + 1000};
	struct rules through = {.provider = bytes_str("/lib/of.so")};

	store_watch(w->store, &watcher);
	assert_int_equal(put(w->store, 1, "", NULL), ERR_OK);
	assert_string_equal(seen.events, "+");
	/* The new one first, so that a key that stays is not let go in between. */
	assert_int_equal(put(w->store, 1, "", &soon), ERR_OK);
	assert_string_equal(seen.events, "++~");
	fake_now = soon.expires;
	clock_replace(fake_clock, NULL);
	find(w->store, 1)->expiry.due(&find(w->store, 1)->expiry);
	assert_string_equal(seen.events, "++~-");
	assert_int_equal(put(w->store, 1, "", NULL), ERR_OK);
	store_remove(w->store, find(w->store, 1));
	assert_string_equal(seen.events, "++~-+-");
	assert_int_equal(put(w->store, 2, "", NULL), ERR_OK);
	assert_int_equal(put(w->store, 3, "", NULL), ERR_OK);
	store_remove_all(w->store);
	assert_string_equal(seen.events, "++~-+-++--");
	assert_int_equal(seen.count, 0);
	/* Each with the library of its own time. */
	seen.events[0] = '\0';
	assert_int_equal(put(w->store, 1, "", &through), ERR_OK);
	assert_int_equal(put(w->store, 1, "", NULL), ERR_OK);
	assert_int_equal(put(w->store, 1, "", &through), ERR_OK);
	store_remove_all(w->store);
	assert_string_equal(seen.events, "L++L~L+~L-");
	store_watch(w->store, &(struct store_watcher){0});
}

/* What cannot be watched is not listed, and what is listed already stays as it was. */
static void test_the_watcher_may_refuse(void **state)
{
	struct world *w = *state;
	struct watched seen = {.store = w->store};
	struct store_watcher watcher = {
	    .added = watch_added, .removed = watch_removed, .ctx = &seen};
	struct rules here = {.place = bytes_str("here")};

	store_watch(w->store, &watcher);
	assert_int_equal(put(w->store, 1, "first", &here), ERR_OK);
	seen.refuses = true;
	assert_int_equal(put(w->store, 2, "", NULL), ERR_MEMORY);
	assert_null(find(w->store, 2));
	assert_int_equal(put(w->store, 1, "second", NULL), ERR_MEMORY);
	assert_true(bytes_is(find(w->store, 1)->comment, "first"));
	assert_int_equal(store_move(find(w->store, 1), bytes_str("there")), ERR_MEMORY);
	assert_true(bytes_is(find(w->store, 1)->rules.place, "here"));
	assert_int_equal(store_count(w->store), 1);
	seen.refuses = false;
	assert_int_equal(store_move(find(w->store, 1), bytes_str("there")), ERR_OK);
	assert_true(bytes_is(find(w->store, 1)->rules.place, "there"));
	store_remove_all(w->store);
	assert_string_equal(seen.events, "++~-");
	assert_int_equal(seen.count, 0);
	store_watch(w->store, &(struct store_watcher){0});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_order_is_that_of_addition),
	    TEST(test_identities_can_be_placed),
	    TEST(test_replacing_keeps_the_place_and_changes_the_rules),
	    TEST(test_blob_and_comment_are_copies),
	    TEST(test_thousands_are_found_and_removed),
	    TEST(test_limit_holds_for_new_keys_only),
	    TEST(test_each_key_goes_at_its_time),
	    TEST(test_changes_are_told),
	    TEST(test_a_key_that_is_not_used_goes),
	    TEST(test_the_watcher_is_told),
	    TEST(test_the_watcher_may_refuse),
	    TEST(test_idle_time_restarts_with_each_use),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
