/* Security keys that are asked for their resident keys, with the test as supervisor, as every
 * helper and as the person. */
#ifndef TESTS_RESIDENTS_SCENE_H
#define TESTS_RESIDENTS_SCENE_H

#include "tests/support/devices_scene.h"
#include "tests/support/screen_scene.h"

#include "agent/config.h"
#include "agent/options.h"
#include "agent/residents.h"
#include "keystore/crypto.h"
#include "tests/support/keys_ssh.h"

enum {
	CAPABLE =
	    FIDO_CAN_CTAP2 | FIDO_CAN_PIN | FIDO_HAS_PIN | FIDO_CAN_RESIDENT | FIDO_CAN_MANAGE,
	PAUSE_MS = 5000,
};

struct residents_scene {
	struct scene d;
	struct prompts prompts;
	struct lock lock;
	struct options options;
	struct config *config;
	struct store *store;
	struct residents rs;
};

static inline int residents_group_setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	return crypto_start() == ERR_OK && crypto_warm_up() == ERR_OK ? 0 : -1;
}

static inline enum err key_came(void *ctx, struct key *key, const struct rules *rules)
{
	struct residents_scene *s = ctx;

	(void)rules;
	if (key_is_sk(key))
		assert_int_equal(devices_key_added(s->d.ds, key), ERR_OK);
	return ERR_OK;
}

static inline void key_went(void *ctx, struct key *key, const struct rules *rules)
{
	struct residents_scene *s = ctx;

	(void)rules;
	if (key_is_sk(key))
		devices_key_removed(s->d.ds, key);
}

static inline int residents_setup(void **state)
{
	struct residents_scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	scene_open(&s->d.h);
	s->d.ds = devices_new(s->d.h.loop, &s->d.h.calls);
	s->store = store_new(s->d.h.loop);
	s->config = config_new("/home/me");
	if (s->d.ds == NULL || s->store == NULL || s->config == NULL)
		return -1;
	store_watch(
	    s->store, &(struct store_watcher){.added = key_came, .removed = key_went, .ctx = s});
	s->prompts.calls = &s->d.h.calls;
	s->options.prompt_timeout = 60;
	s->rs = (struct residents){
	    .loop = s->d.h.loop,
	    .calls = &s->d.h.calls,
	    .devices = s->d.ds,
	    .prompts = &s->prompts,
	    .store = s->store,
	    .lock = &s->lock,
	    .options = &s->options,
	    .config = &s->config,
	};
	residents_offer(&s->rs, true);
	settle(&s->d.h);
	*state = s;
	return 0;
}

/* Nothing is on the screen, in line or open. */
static inline int residents_teardown(void **state)
{
	struct residents_scene *s = *state;
	bool good;

	residents_clear(&s->rs);
	settle(&s->d.h);
	let_ending_helpers_end(&s->d.h);
	good = s->rs.first == NULL && s->rs.at == NULL && s->prompts.first == NULL &&
	       devices_pending(s->d.ds) == 0;
	store_remove_all(s->store);
	for (unsigned i = 0; i < KEYS_MOST; i++)
		key_unref(s->d.key[i]);
	store_free(s->store);
	devices_free(s->d.ds);
	config_free(s->config);
	good = scene_close(&s->d.h) && good;
	free(s);
	return good ? 0 : -1;
}

#define RESIDENTS_TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, residents_setup, residents_teardown)

/* --- the devices ----------------------------------------------------------------- */

static inline const char *path_of(unsigned number)
{
	static const char *const paths[] = {"", "/dev/1", "/dev/2", "/dev/3"};

	return paths[number];
}

/* Whatever it is asked by devices.h or by residents.h before a PIN is. */
static inline void answer_look(
    struct residents_scene *s, unsigned number, uint32_t abilities, uint8_t tries, enum fido_held h)
{
	struct fido_info info = {.abilities = abilities, .pin_tries = tries, .firmware = 5};
	uint8_t answers[FIDO_CREDENTIALS_MOST];
	struct builder b = {0};
	struct fido_probe p;
	struct helper *helper = probe_at(&s->d, path_of(number), &p);

	assert_non_null(helper);
	memset(answers, (int)h, sizeof(answers));
	fido_probed_build(&b, &info, BYTES(answers, p.count));
	say_and_close(&s->d.h, helper, &b);
}

/* It says so of all that it is asked, until it is asked no more. */
static inline void answer_looks(
    struct residents_scene *s, unsigned number, uint32_t abilities, uint8_t tries, enum fido_held h)
{
	struct fido_probe p;

	while (probe_at(&s->d, path_of(number), &p) != NULL)
		answer_look(s, number, abilities, tries, h);
}

/* Device 1 comes, able, and tells tries; it holds no key that is known. */
static inline void plug_able(struct residents_scene *s, uint8_t tries)
{
	PLUG(&s->d, 1);
	answer_looks(s, 1, CAPABLE, tries, FIDO_HELD_NO);
}

static inline struct helper *reading(const struct residents_scene *s, struct fido_resident *m)
{
	struct helper *h = helper_with(&s->d.h, FIDO_RESIDENT, 0);
	struct fido_resident ignored;

	assert_null(helper_with(&s->d.h, FIDO_RESIDENT, 1));
	if (h != NULL)
		assert_int_equal(
		    fido_resident_parse(request_of(h), m != NULL ? m : &ignored), ERR_OK);
	return h;
}

static inline void expect_read(const struct residents_scene *s, unsigned number, const char *pin)
{
	struct fido_resident m;

	assert_non_null(reading(s, &m));
	assert_true(bytes_is(m.path, path_of(number)));
	assert_true(bytes_is(m.pin, pin));
}

static inline void fail_helper(
    struct residents_scene *s, struct helper *h, enum err why, uint8_t tries)
{
	struct fido_failure f = {.why = why, .tries = tries};
	struct builder b = {0};

	fido_failed_build(&b, &f);
	say_and_close(&s->d.h, h, &b);
}

static inline void fail_read(struct residents_scene *s, enum err why, uint8_t tries)
{
	fail_helper(s, reading(s, NULL), why, tries);
}

/* The keys that it keeps: from number on, so many, as make_key makes them. */
static inline void tell_keys(struct residents_scene *s, unsigned from, unsigned count, unsigned how)
{
	struct fido_key keys[4] = {0};
	struct key *made[4];
	struct builder b = {0};

	for (unsigned i = 0; i < count; i++) {
		struct pubkey public;
		struct key_sk t;

		made[i] = make_key(from + i, how);
		key_sk(made[i], &t);
		assert_int_equal(pubkey_parse(key_blob(made[i]), &public), ERR_OK);
		keys[i] = (struct fido_key){
		    .credential =
			{
			    .algorithm = (how & ECDSA) != 0 ? FIDO_ECDSA : FIDO_ED25519,
			    .application = t.application,
			    .handle = t.handle,
			    .flags = t.flags,
			},
		    .public = (how & ECDSA) != 0 ? public.ec.point : public.raw,
		    .user_name = bytes_str("me"),
		};
	}
	fido_keys_build(&b, keys, count);
	say_and_close(&s->d.h, reading(s, NULL), &b);
	for (unsigned i = 0; i < count; i++)
		key_unref(made[i]);
}

/* --- the person ------------------------------------------------------------------ */

static inline bool asked(const struct residents_scene *s, const char *part)
{
	return shown_has(&s->d.h, ASKPASS_SECRET, part);
}

static inline size_t questions(const struct residents_scene *s)
{
	return shown_count(&s->d.h, ASKPASS_SECRET);
}

static inline void enter(struct residents_scene *s, enum err result, const char *pin)
{
	answer_shown(&s->d.h, ASKPASS_SECRET, result, pin);
}

/* The PIN is good, and the device keeps so many keys. */
static inline void read_with(
    struct residents_scene *s, unsigned number, unsigned from, unsigned count)
{
	assert_int_equal(questions(s), 1);
	enter(s, ERR_OK, "123456");
	answer_look(s, number, CAPABLE, 8, FIDO_HELD_NO);
	expect_read(s, number, "123456");
	tell_keys(s, from, count, FIDO_TOUCH | FIDO_RESIDENT_KEY);
	answer_looks(s, number, CAPABLE, 8, FIDO_HELD_YES);
}

static inline struct identity *held(const struct residents_scene *s, unsigned number, unsigned how)
{
	struct key *key = make_key(number, how);
	struct identity *id = store_find(s->store, key_blob(key));

	key_unref(key);
	return id;
}

static inline void expect_nothing_open(const struct residents_scene *s)
{
	expect_nothing_shown(&s->d.h);
	assert_null(reading(s, NULL));
	assert_int_equal(probes(&s->d), 0);
}

#endif
