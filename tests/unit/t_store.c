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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_order_is_that_of_addition),
	    TEST(test_replacing_keeps_the_place_and_changes_the_rules),
	    TEST(test_blob_and_comment_are_copies),
	    TEST(test_thousands_are_found_and_removed),
	    TEST(test_limit_holds_for_new_keys_only),
	    TEST(test_each_key_goes_at_its_time),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
