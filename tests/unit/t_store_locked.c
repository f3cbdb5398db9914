/* Keys that their files offer: locked ones, and what the store makes of unlocking and locking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "agent/store.h"
#include "keystore/crypto.h"
#include "proto/base/clock.h"
#include "tests/support/keys_ssh.h"

#define FILE_PATH "/home/person/.ssh/id_ed25519"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand them on */
static struct key *whole, *other;

struct world {
	struct loop *loop;
	struct store *store;
	struct identity *id;
	char events[256]; /* added, removed, changed: + - ! in small letters of the key's state */
};

static uint64_t fake_now;

static uint64_t fake_clock(void)
{
	return fake_now;
}

static void note(struct world *w, char what, const struct key *key)
{
	size_t n = strlen(w->events);

	assert_true(n + 3 < sizeof(w->events));
	w->events[n] = what;
	if (key != NULL)
		w->events[n + 1] = key_is_locked(key) ? 'l' : 'u';
}

static enum err added(void *ctx, struct key *key, const struct rules *rules)
{
	(void)rules;
	note(ctx, '+', key);
	return ERR_OK;
}

static void removed(void *ctx, struct key *key, const struct rules *rules)
{
	(void)rules;
	note(ctx, '-', key);
}

static void changed(void *ctx, const struct identity *id)
{
	(void)id;
	note(ctx, '!', NULL);
}

static struct key *locked_key(void)
{
	struct key *key = NULL;

	assert_int_equal(key_locked(key_blob(whole), &key), ERR_OK);
	return key;
}

static struct identity *offer(struct world *w, const char *blob, const struct rules *rules)
{
	assert_int_equal(
	    store_put(w->store, locked_key(), bytes_str(blob), bytes_str("a comment"), rules),
	    ERR_OK);
	return store_find(w->store, bytes_str(blob));
}

static int setup(void **state)
{
	static struct world w;
	const struct rules rules = {.file = bytes_str(FILE_PATH)};

	w = (struct world){.loop = loop_new()};
	w.store = store_new(w.loop);
	store_watch(w.store, &(struct store_watcher){changed, added, removed, &w});
	fake_now = 1000000;
	clock_replace(fake_clock, NULL);
	w.id = offer(&w, "offered", &rules);
	memset(w.events, 0, sizeof(w.events));
	*state = &w;
	return w.id != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	store_remove_all(w->store);
	store_free(w->store);
	loop_free(w->loop);
	clock_replace(NULL, NULL);
	return 0;
}

static void heard(struct world *w, const char *events)
{
	assert_string_equal(w->events, events);
	memset(w->events, 0, sizeof(w->events));
}

static void unlock(struct identity *id, uint32_t relock)
{
	assert_int_equal(store_unlock(id, key_ref(whole), relock), ERR_OK);
	assert_ptr_equal(id->key, whole);
}

static void expire(const struct world *w, uint64_t at)
{
	fake_now = at;
	w->id->expiry.due(&w->id->expiry);
}

/* --- keys --- */

static void expect_locked(const struct builder *blob, const char *type)
{
	struct builder none = {0};
	const struct sigalg *alg;
	struct key *key = NULL;

	assert_int_equal(key_locked(builder_view(blob), &key), ERR_OK);
	assert_true(key_is_locked(key));
	assert_false(key_is_sk(key));
	assert_false(key_is_public(key));
	assert_false(key_is_shielded(key));
	assert_string_equal(key_type(key)->name, type);
	assert_true(bytes_equal(key_blob(key), builder_view(blob)));
	assert_int_equal(sigalg_choose(key_type(key), 0, &alg), ERR_OK);
	assert_int_equal(key_sign(key, alg, bytes_str("data"), &none), ERR_UNSUPPORTED);
	assert_int_equal(none.len, 0);
	key_unref(key);
}

static void test_keys_of_every_type(void **state)
{
	static const char *const kinds[][2] = {{"-t ecdsa -b 521", "ecdsa-sha2-nistp521"},
	    {"-t rsa -b 2048", "ssh-rsa"}, {"-t ed25519", "ssh-ed25519"}};
	struct builder b = {0};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char name[16];
		struct builder wire = {0};

		(void)snprintf(name, sizeof(name), "kind%u", i);
		keys_generate(&dir, name, kinds[i][0], &wire);
		builder_clear(&wire);
		strcat(name, ".pub");
		keys_load_public(&dir, name, &b);
		expect_locked(&b, kinds[i][1]);
		builder_clear(&b);
	}
	keys_sk_blob(whole, "sk-ssh-ed25519@openssh.com", &b);
	expect_locked(&b, "sk-ssh-ed25519@openssh.com");
	builder_reset(&b);
	builder_cstring(&b, "ssh-dss");
	for (unsigned i = 0; i < 4; i++)
		builder_mpint(&b, bytes_str("number"));
	expect_locked(&b, "ssh-dss");
	builder_clear(&b);
}

static void test_what_is_no_public_key(void **state)
{
	struct bytes blob = key_blob(whole);
	struct builder b = {0};
	struct key *key = NULL;

	(void)state;
	for (size_t n = 0; n < blob.len; n++)
		assert_int_not_equal(key_locked(BYTES(blob.data, n), &key), ERR_OK);
	builder_cstring(&b, "ssh-unheard-of");
	assert_int_equal(key_locked(builder_view(&b), &key), ERR_KEY_TYPE);
	builder_clear(&b);
	assert_null(key);
	/* An unlocked one says so. */
	assert_false(key_is_locked(whole));
}

/* --- the store --- */

static void test_unlocked_and_locked_again(void **state)
{
	struct world *w = *state;
	uint64_t number = w->id->number;

	assert_true(key_is_locked(w->id->key));
	unlock(w->id, 0);
	heard(w, "+u-l");
	assert_int_equal(w->id->expiry.slot, 0);
	store_used(w->id);
	assert_int_equal(store_relock(w->id), ERR_OK);
	heard(w, "+l!-u");
	assert_true(key_is_locked(w->id->key));
	assert_true(bytes_equal(key_blob(w->id->key), key_blob(whole)));
	assert_int_equal(w->id->number, number);
	assert_int_equal(w->id->uses, 1);
	assert_true(bytes_is(w->id->comment, "a comment"));
	assert_true(bytes_is(w->id->rules.file, FILE_PATH));
	/* Once is enough. */
	assert_int_equal(store_relock(w->id), ERR_OK);
	heard(w, "");
}

static void test_another_key_is_not_taken(void **state)
{
	struct world *w = *state;

	assert_int_equal(store_unlock(w->id, other, 5), ERR_KEY_MISMATCH);
	assert_true(key_is_locked(w->id->key));
	assert_int_equal(w->id->rules.expires, 0);
	assert_int_equal(w->id->expiry.slot, 0);
	heard(w, "");
}

/* relock and lifetime of its rules, what the agent wants otherwise; the time that it stays. */
static void test_times(void **state)
{
	static const struct {
		uint32_t relock, lifetime, otherwise, seconds;
	} table[] = {{0, 0, 0, 0}, {10, 0, 0, 10}, {0, 10, 0, 10}, {10, 20, 0, 10}, {20, 10, 0, 10},
	    {0, 0, 10, 10}, {10, 0, 5, 5}, {0, 10, 20, 10}, {0, 20, 10, 10}};
	struct world *w = *state;

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct rules rules = {.file = bytes_str(FILE_PATH),
		    .relock = table[i].relock,
		    .lifetime = table[i].lifetime};
		uint64_t end = fake_now + table[i].seconds * 1000;

		w->id = offer(w, "offered", &rules);
		/* A locked key has no end. */
		assert_int_equal(w->id->expiry.slot, 0);
		unlock(w->id, table[i].otherwise);
		if (table[i].seconds == 0) {
			assert_int_equal(w->id->expiry.slot, 0);
			continue;
		}
		assert_int_equal(w->id->rules.expires, end);
		expire(w, end - 1);
		assert_false(key_is_locked(w->id->key));
		expire(w, end);
		assert_ptr_equal(store_find(w->store, bytes_str("offered")), w->id);
		assert_true(key_is_locked(w->id->key));
		assert_int_equal(w->id->rules.expires, 0);
		assert_int_equal(w->id->expiry.slot, 0);
	}
}

static void test_idle_time_locks_too(void **state)
{
	struct world *w = *state;
	const struct rules rules = {.file = bytes_str(FILE_PATH), .key.idle = 10};

	w->id = offer(w, "offered", &rules);
	assert_int_equal(w->id->expiry.slot, 0);
	fake_now += 60000;
	unlock(w->id, 0);
	assert_int_equal(store_idle_end(w->id), fake_now + 10000);
	fake_now += 6000;
	store_used(w->id);
	expire(w, fake_now + 4000);
	assert_false(key_is_locked(w->id->key));
	expire(w, fake_now + 6000);
	assert_true(key_is_locked(w->id->key));
	assert_int_equal(store_count(w->store), 1);
}

static void put_by_hand(struct world *w, const char *blob)
{
	const struct rules rules = {0};

	assert_int_equal(
	    store_put(w->store, key_ref(whole), bytes_str(blob), BYTES_NONE, &rules), ERR_OK);
}

static void test_locking_and_emptying(void **state)
{
	struct world *w = *state;
	const struct rules rules = {.file = bytes_str(FILE_PATH)};
	struct identity *second;

	put_by_hand(w, "by hand");
	second = offer(w, "its certificate", &rules);
	put_by_hand(w, "another");
	unlock(w->id, 0);
	unlock(second, 0);
	store_relock_all(w->store);
	assert_int_equal(store_count(w->store), 4);
	assert_true(key_is_locked(w->id->key) && key_is_locked(second->key));
	assert_ptr_equal(store_find(w->store, bytes_str("by hand"))->key, whole);
	/* One that was added by hand is locked by nothing. */
	assert_int_equal(store_relock(store_find(w->store, bytes_str("by hand"))), ERR_OK);
	unlock(second, 0);
	store_empty(w->store);
	assert_int_equal(store_count(w->store), 2);
	assert_ptr_equal(store_first(w->store), w->id);
	assert_ptr_equal(w->id->next, second);
	assert_true(key_is_locked(second->key));
}

/* What is listed stays, whatever keys come and go: the key's own blob, and one that is not. */
static void test_what_is_listed_outlives_keys(void **state)
{
	struct world *w = *state;
	const struct rules rules = {.file = bytes_str(FILE_PATH)}, none = {0};
	struct blob plain = {0};
	struct identity *id;
	struct key *fresh;
	struct builder wire = {0};

	assert_int_equal(blob_copy(&plain, key_blob(whole)), ERR_OK);
	assert_int_equal(
	    store_put(w->store, locked_key(), blob_view(&plain), BYTES_NONE, &rules), ERR_OK);
	id = store_find(w->store, blob_view(&plain));
	keys_load_file(&dir, "whole", &wire);
	fresh = keys_import(&wire);
	builder_clear(&wire);
	assert_int_equal(store_unlock(id, fresh, 0), ERR_OK);
	assert_int_equal(store_relock(id), ERR_OK);
	assert_true(bytes_equal(id->blob, blob_view(&plain)));
	/* A key whose own blob is another one. */
	assert_int_equal(
	    store_put(w->store, key_ref(other), blob_view(&plain), BYTES_NONE, &none), ERR_OK);
	assert_ptr_equal(store_find(w->store, blob_view(&plain)), id);
	assert_int_equal(
	    store_put(w->store, locked_key(), blob_view(&plain), BYTES_NONE, &rules), ERR_OK);
	assert_ptr_equal(store_find(w->store, blob_view(&plain)), id);
	assert_int_equal(store_count(w->store), 2);
	blob_clear(&plain);
}

/* Added by hand it is as it was added. */
static void test_replaced_by_hand(void **state)
{
	struct world *w = *state;

	unlock(w->id, 30);
	put_by_hand(w, "offered");
	assert_int_equal(w->id->rules.file.len, 0);
	assert_int_equal(w->id->rules.expires, 0);
	assert_int_equal(w->id->expiry.slot, 0);
	store_relock_all(w->store);
	assert_ptr_equal(w->id->key, whole);
}

static int group_setup(void **state)
{
	struct builder wire = {0};

	(void)state;
	if (crypto_start() != ERR_OK)
		return -1;
	keys_dir_make(&dir);
	keys_generate(&dir, "whole", "-t ed25519", &wire);
	whole = keys_import(&wire);
	builder_clear(&wire);
	keys_generate(&dir, "other", "-t ed25519", &wire);
	other = keys_import(&wire);
	builder_clear(&wire);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(whole);
	key_unref(other);
	keys_dir_remove(&dir);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys_of_every_type),
	    cmocka_unit_test(test_what_is_no_public_key),
	    TEST(test_unlocked_and_locked_again),
	    TEST(test_another_key_is_not_taken),
	    TEST(test_times),
	    TEST(test_idle_time_locks_too),
	    TEST(test_locking_and_emptying),
	    TEST(test_replaced_by_hand),
	    TEST(test_what_is_listed_outlives_keys),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
