/* Unlocking key files, with the test as supervisor, as every helper and as the person. */
#ifndef TESTS_UNLOCK_SCENE_H
#define TESTS_UNLOCK_SCENE_H

#include "tests/support/screen_scene.h"

#include <stdio.h>

#include "agent/unlocking_impl.h"
#include "keystore/crypto.h"
#include "proto/base/mem.h"
#include "proto/filesmsg.h"
#include "tests/support/keys_ssh.h"

#define FILE_PATH "/home/person/.ssh/id_work"
#define CERT_BLOB "a certificate beside it"

enum { CLIENTS_MOST = 16 };

/* One request, and what became of it. */
struct client {
	struct unlock_scene *scene;
	struct unlocking *unlocking;
	unsigned calls;
	enum err result;
	enum err allowed;
	enum unlock_how how;
};

struct unlock_scene {
	struct helpers_scene h;
	struct prompts prompts;
	struct options options;
	struct config config, *current;
	struct keyring keyring;
	struct session session;
	struct lock lock;
	struct store *store;
	struct unlockings us;
	struct client client[CLIENTS_MOST];
};

/* Made once: two keys, and a thread that checks them. */
static struct keys_dir unlock_dir;
static struct builder unlock_wire[2]; /* as ADD_IDENTITY carries them */
static struct blob unlock_blob[2];
static struct workers *unlock_workers;

/* Of files.h: how often a file was doubted, or was said to hold the second key. */
static unsigned doubts, learnings;

void files_learn(struct files *fs, struct bytes path, struct bytes public)
{
	assert_null(fs);
	assert_true(bytes_is(path, FILE_PATH));
	assert_true(bytes_equal(public, blob_view(&unlock_blob[1])));
	learnings++;
}

/* And what a file's own comment changes: the keys are locked still, and get this rule, */
static bool comment_counts;
static const struct unlock_scene *comment_scene;
static enum err comment_fails;

void files_doubt(struct files *fs, struct bytes path)
{
	assert_null(fs);
	assert_true(bytes_is(path, FILE_PATH));
	doubts++;
}

enum err files_comment(
    struct files *fs, struct bytes path, struct bytes public, struct bytes comment)
{
	const struct unlock_scene *s = comment_scene;

	assert_null(fs);
	assert_true(bytes_is(path, FILE_PATH));
	assert_true(bytes_equal(public, blob_view(&unlock_blob[0])));
	assert_true(bytes_is(comment, "a comment"));
	if (!comment_counts)
		return comment_fails;
	for (struct identity *id = store_first(s->store); id != NULL; id = id->next) {
		struct rules rules = id->rules;

		assert_true(key_is_locked(id->key));
		rules.relock = 5;
		assert_int_equal(
		    store_put(s->store, key_ref(id->key), id->blob, comment, &rules), ERR_OK);
	}
	return ERR_OK;
}

static inline int unlock_group_setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	unlock_workers = workers_start(1, 0);
	keys_dir_make(&unlock_dir);
	for (unsigned i = 0; i < 2; i++) {
		struct privkey pk;
		struct key *key;

		keys_generate(&unlock_dir, i == 0 ? "one" : "two", "-t ed25519", &unlock_wire[i]);
		keys_parse(&unlock_wire[i], &pk);
		key = keys_import(&unlock_wire[i]);
		if (blob_copy(&unlock_blob[i], key_blob(key)) != ERR_OK)
			return -1;
		key_unref(key);
	}
	return unlock_workers != NULL ? 0 : -1;
}

static inline int unlock_group_teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		builder_clear(&unlock_wire[i]);
		blob_clear(&unlock_blob[i]);
	}
	keys_dir_remove(&unlock_dir);
	return 0;
}

static inline void offer(struct unlock_scene *s, struct bytes blob)
{
	const struct rules rules = {.file = bytes_str(FILE_PATH)};
	struct key *key = NULL;

	assert_int_equal(key_locked(blob_view(&unlock_blob[0]), &key), ERR_OK);
	assert_int_equal(store_put(s->store, key, blob, bytes_str("work"), &rules), ERR_OK);
}

/* A file offers a key with a certificate; the keyring may be asked. */
static inline int unlock_setup(void **state)
{
	struct unlock_scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	doubts = learnings = 0;
	comment_counts = false;
	comment_fails = ERR_OK;
	comment_scene = s;
	scene_open(&s->h);
	s->prompts.calls = &s->h.calls;
	s->options.prompt_timeout = 30;
	s->config.keyring = KEYRING_RULE_ASK;
	s->current = &s->config;
	s->keyring = (struct keyring){.loop = s->h.loop, .calls = &s->h.calls};
	s->store = store_new(s->h.loop);
	s->us = (struct unlockings){
	    .loop = s->h.loop,
	    .calls = &s->h.calls,
	    .workers = unlock_workers,
	    .prompts = &s->prompts,
	    .keyring = &s->keyring,
	    .session = &s->session,
	    .store = s->store,
	    .options = &s->options,
	    .config = &s->current,
	    .lock = &s->lock,
	};
	offer(s, blob_view(&unlock_blob[0]));
	offer(s, bytes_str(CERT_BLOB));
	*state = s;
	return 0;
}

static inline void leave(struct client *c)
{
	unlocking_cancel(c->unlocking);
	c->unlocking = NULL;
	settle(&c->scene->h);
}

/* A worker takes the machine's time, not the scene's. */
static inline void let_check(struct unlock_scene *s)
{
	for (unsigned i = 0; i < BASE_PATIENCE; i++) {
		settle(&s->h);
		if (s->us.first == NULL || s->us.first->stage != OPENING_CHECKING)
			return;
		usleep(1000);
	}
	fail_msg("the key is being checked for ever");
}

/* Nothing is pending, on the screen, kept or open; whoever was not answered leaves. */
static inline int unlock_teardown(void **state)
{
	struct unlock_scene *s = *state;
	bool good;

	for (unsigned i = 0; i < CLIENTS_MOST; i++)
		unlocking_cancel(s->client[i].unlocking);
	let_check(s);
	reminders_end(&s->us, BYTES_NONE);
	for (struct refusal *f = s->us.refusals, *next; f != NULL; f = next) {
		next = f->next;
		blob_clear(&f->path);
		mem_free(f);
	}
	for (size_t i = 0; i < s->h.count; i++)
		helper_close(s->h.helper[i]);
	settle(&s->h);
	good = s->us.first == NULL && s->us.pending == 0 && s->us.reminders == NULL &&
	       s->prompts.first == NULL && s->keyring.first == NULL;
	store_remove_all(s->store);
	good = scene_close(&s->h) && good;
	store_free(s->store);
	free(s);
	return good ? 0 : -1;
}

#define UNLOCK_TEST(name) cmocka_unit_test_setup_teardown(name, unlock_setup, unlock_teardown)

/* --- clients --- */

static inline void unlock_done(void *ctx, enum err result, enum unlock_how how)
{
	struct client *c = ctx;

	c->calls++;
	c->unlocking = NULL;
	c->result = result;
	c->how = how;
}

static inline enum err unlock_allowed(void *ctx)
{
	return ((struct client *)ctx)->allowed;
}

static inline struct client *begin_with(
    struct unlock_scene *s, unsigned number, const char *purpose, bool forwarded)
{
	const struct unlock_request r = {
	    .identity = blob_view(&unlock_blob[0]),
	    .purpose = bytes_str(purpose),
	    .pid = 40 + number,
	    .started = 5,
	    .forwarded = forwarded,
	    .allowed = unlock_allowed,
	};
	struct client *c = &s->client[number];

	assert_null(c->unlocking);
	*c = (struct client){.scene = s};
	c->unlocking = unlocking_begin(&s->us, &r, unlock_done, c);
	assert_non_null(c->unlocking);
	assert_int_equal(c->calls, 0);
	settle(&s->h);
	return c;
}

static inline struct client *begin(struct unlock_scene *s, unsigned number)
{
	return begin_with(s, number, "\n\nAsked by ssh.", false);
}

static inline void expect_end(const struct client *c, enum err result)
{
	assert_int_equal(c->calls, 1);
	assert_string_equal(err_text(c->result), err_text(result));
}

static inline void expect_waiting(const struct client *c)
{
	assert_int_equal(c->calls, 0);
	assert_non_null(c->unlocking);
}

static inline bool is_locked(const struct unlock_scene *s, struct bytes blob)
{
	return key_is_locked(store_find(s->store, blob)->key);
}

/* Both identities of the file. */
static inline void expect_unlocked(const struct unlock_scene *s, bool unlocked)
{
	assert_int_equal(is_locked(s, blob_view(&unlock_blob[0])), !unlocked);
	assert_int_equal(is_locked(s, bytes_str(CERT_BLOB)), !unlocked);
}

/* --- helpers --- */

/* The nth of this program that runs and has its request, or NULL. */
static inline struct helper *running(
    const struct unlock_scene *s, enum helper_id program, unsigned nth)
{
	for (size_t i = 0; i < s->h.count; i++) {
		struct helper *h = s->h.helper[i];

		if (h->program == program && h->fd >= 0 && !h->hung_up && h->len != 0 && nth-- == 0)
			return h;
	}
	return NULL;
}

static inline unsigned started(const struct unlock_scene *s, enum helper_id program)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->h.count; i++)
		n += s->h.helper[i]->program == program;
	return n;
}

/* The try that is being made: of the file, of its key, and with this passphrase (NULL: none). */
static inline struct helper *expect_try(const struct unlock_scene *s, const char *passphrase)
{
	struct helper *h = running(s, HELPER_UNLOCK, 0);
	struct unlock_open m;

	assert_non_null(h);
	assert_null(running(s, HELPER_UNLOCK, 1));
	assert_int_equal(unlock_open_parse(request_of(h), &m), ERR_OK);
	assert_true(bytes_is(m.path, FILE_PATH));
	assert_true(bytes_equal(m.public, blob_view(&unlock_blob[0])));
	assert_int_equal(m.has_passphrase, passphrase != NULL);
	assert_true(bytes_is(m.passphrase, passphrase != NULL ? passphrase : ""));
	return h;
}

static inline void expect_no_try(const struct unlock_scene *s)
{
	assert_null(running(s, HELPER_UNLOCK, 0));
}

static inline void try_fails(struct unlock_scene *s, const char *passphrase, enum err why)
{
	struct builder b = {0};
	struct helper *h = expect_try(s, passphrase);

	unlock_failed_build(&b, why);
	say_and_close(&s->h, h, &b);
}

static inline void try_gives(struct unlock_scene *s, const char *passphrase, struct bytes key)
{
	struct builder b = {0};
	struct helper *h = expect_try(s, passphrase);

	unlock_key_build(&b, key, bytes_str("a comment"));
	say_and_close(&s->h, h, &b);
	let_check(s);
}

static inline void try_fits(struct unlock_scene *s, const char *passphrase)
{
	try_gives(s, passphrase, builder_view(&unlock_wire[0]));
}

/* The lookup that is under way. */
static inline struct helper *expect_lookup(const struct unlock_scene *s)
{
	struct helper *h = running(s, HELPER_KEYRING, 0);
	struct keyring_item item;
	bool prompt;

	assert_non_null(h);
	assert_int_equal(keyring_lookup_parse(request_of(h), &item, &prompt), ERR_OK);
	assert_int_equal(item.kind, KEYRING_PASSPHRASE);
	assert_true(bytes_is(item.name, FILE_PATH));
	assert_true(bytes_is(item.id, store_first(s->store)->print));
	return h;
}

static inline void keyring_fails(struct unlock_scene *s, enum err why)
{
	struct builder b = {0};

	keyring_failed_build(&b, why);
	say_and_close(&s->h, expect_lookup(s), &b);
}

static inline void keyring_gives(struct unlock_scene *s, const char *secret)
{
	struct builder b = {0};

	keyring_secret_build(&b, bytes_str(secret));
	say_and_close(&s->h, expect_lookup(s), &b);
}

/* This one is being stored, and is. */
static inline void expect_stored(struct unlock_scene *s, const char *secret)
{
	struct helper *h = running(s, HELPER_KEYRING, 0);
	struct keyring_item item;
	struct bytes label, stored;
	struct builder b = {0};

	assert_non_null(h);
	assert_int_equal(keyring_store_parse(request_of(h), &item, &label, &stored), ERR_OK);
	assert_true(bytes_is(item.name, FILE_PATH));
	assert_true(bytes_is(stored, secret));
	assert_true(bytes_is(label, "Passphrase of SSH key " FILE_PATH " (Signet)"));
	keyring_done_build(&b);
	say_and_close(&s->h, h, &b);
}

/* --- the person --- */

static inline void enter(struct unlock_scene *s, const char *passphrase)
{
	answer_shown(&s->h, ASKPASS_SECRET, ERR_OK, passphrase);
}

/* To where a person is asked for the passphrase the first time. */
static inline struct client *begin_asked(struct unlock_scene *s, unsigned number)
{
	struct client *c = begin(s, number);

	try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	keyring_fails(s, ERR_NOT_FOUND);
	assert_int_equal(shown_count(&s->h, ASKPASS_SECRET), 1);
	return c;
}

#endif
