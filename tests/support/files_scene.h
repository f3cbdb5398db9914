/*
 * Keys that files offer, with a made-up signet-files and a made-up configuration: the files that
 * include this have them as the program's own.
 */
#ifndef TESTS_FILES_SCENE_H
#define TESTS_FILES_SCENE_H

#include "tests/support/helpers_scene.h"

#include <stdio.h>

#include "agent/files.h"
#include "agent/policy.h"
#include "keystore/crypto.h"
#include "proto/filesmsg.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir;

struct scene {
	struct scene *before;
	struct helpers_scene helpers;
	struct store *store;
	struct files *files;
	struct files_waiter waiter;
	unsigned waited;
	struct config config;
	char *folders[2];
};

/* Stores live as long as the program, as in the agent. */
static struct scene *last;

/* What the made-up configuration says of keys. */
static struct rules policy_rules;
static const char *policy_refuses; /* this file */

void config_policy(const struct config *c, const struct key_facts *key, struct config_policy *out)
{
	(void)c;
	*out = (struct config_policy){.offer = true};
	assert_int_equal(strncmp(key->print, "SHA256:", 7), 0);
	if (policy_refuses != NULL && bytes_is(key->file, policy_refuses)) {
		out->set = KEY_OFFER;
		out->offer = false;
	}
}

void policy_stricter(struct key_rules *rules, const struct key_rules *also)
{
	if (also->confirm != CONFIRM_NEVER)
		rules->confirm = also->confirm;
	rules->local_only = rules->local_only || also->local_only;
}

void policy_apply(const struct config *c, const struct key_facts *key, struct rules *rules)
{
	(void)c, (void)key;
	policy_stricter(&rules->key, &policy_rules.key);
	rules->relock = policy_rules.relock;
	rules->lifetime = policy_rules.lifetime;
}

static inline void removed(void *ctx, struct key *key, const struct rules *rules)
{
	struct scene *s = ctx;

	(void)key, (void)rules;
	files_review(s->files);
}

static inline int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->before = last;
	last = s;
	scene_open(&s->helpers);
	s->store = store_new(s->helpers.loop);
	s->files = files_new(s->helpers.loop, &s->helpers.calls, s->store);
	s->folders[0] = strdup("/k");
	s->folders[1] = strdup("/a");
	s->config = (struct config){.key_directories = {s->folders, 2}};
	store_watch(s->store, &(struct store_watcher){.removed = removed, .ctx = s});
	policy_rules = (struct rules){0};
	policy_refuses = NULL;
	*state = s;
	return s->store != NULL && s->files != NULL ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	files_wait_end(s->files, &s->waiter);
	store_watch(s->store, &(struct store_watcher){0});
	files_free(s->files);
	store_remove_all(s->store);
	good = scene_close(&s->helpers);
	free(s->folders[0]);
	free(s->folders[1]);
	return good ? 0 : -1;
}

/* --- what the helper says ---------------------------------------------------------- */

/* An Ed25519 key, as far as a public half tells. */
static inline struct bytes blob_of(unsigned n)
{
	static uint8_t room[256][51];
	static const uint8_t head[19] = "\0\0\0\x0bssh-ed25519\0\0\0\x20";

	memcpy(room[n], head, sizeof(head));
	memset(room[n] + sizeof(head), (int)n, 32);
	return BYTES(room[n], 51);
}

/* The helper that runs, or NULL. */
static inline struct helper *helper_now(const struct scene *s)
{
	for (size_t i = s->helpers.count; i-- > 0;) {
		struct helper *h = s->helpers.helper[i];

		if (h->fd >= 0 && !h->hung_up && h->program == HELPER_FILES)
			return h;
	}
	return NULL;
}

static inline void say(struct scene *s, struct builder *b)
{
	struct helper *h = helper_now(s);

	assert_non_null(h);
	assert_int_equal(builder_error(b), ERR_OK);
	helper_say(h, b->data, b->len);
	builder_clear(b);
	settle(&s->helpers);
}

static inline void put_key(
    struct builder *b, const char *path, struct bytes public, const struct bytes *certs, uint32_t n)
{
	const struct files_key m = {
	    .path = bytes_str(path), .public = public, .comment = bytes_str(path), .cert_count = n};

	files_key_build(b, &m, certs);
}

static inline void say_key(struct scene *s, const char *path, unsigned n)
{
	struct builder b = {0};

	put_key(&b, path, blob_of(n), NULL, 0);
	files_done_build(&b);
	say(s, &b);
}

static inline void say_done(struct scene *s)
{
	struct builder b = {0};

	files_done_build(&b);
	say(s, &b);
}

static inline void offer(struct scene *s)
{
	files_reload(s->files, &s->config, true);
	settle(&s->helpers);
}

/* --- what is in the store ---------------------------------------------------------- */

static inline const struct identity *held(const struct scene *s, unsigned n)
{
	return store_find(s->store, blob_of(n));
}

static inline bool is_offered(const struct scene *s, unsigned n, const char *path)
{
	const struct identity *id = held(s, n);

	return id != NULL && key_is_locked(id->key) && bytes_is(id->rules.file, path);
}

/* By hand, with these rules; the agent has not looked at it yet. */
static inline void add_ruled(struct scene *s, unsigned n, const struct rules *rules)
{
	struct key *key = NULL;

	assert_int_equal(key_locked(blob_of(n), &key), ERR_OK);
	assert_int_equal(store_put(s->store, key, blob_of(n), bytes_str("by hand"), rules), ERR_OK);
}

static inline void add_by_hand(struct scene *s, unsigned n)
{
	const struct rules none = {0};

	add_ruled(s, n, &none);
}

static inline void remove_now(struct scene *s, unsigned n)
{
	store_remove(s->store, store_find(s->store, blob_of(n)));
	settle(&s->helpers);
}

static inline void assert_list(const struct scene *s, const char *comments)
{
	char text[512] = "";

	for (const struct identity *id = store_first(s->store); id != NULL; id = id->next) {
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%.*s ", (int)id->comment.len,
		    (const char *)id->comment.data);
	}
	assert_string_equal(text, comments);
}

static inline int make_folder(void **state)
{
	(void)state;
	if (crypto_start() != ERR_OK)
		return -1;
	keys_dir_make(&dir);
	return 0;
}

static inline int remove_folder(void **state)
{
	(void)state;
	keys_dir_remove(&dir);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
