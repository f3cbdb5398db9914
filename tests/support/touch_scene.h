/* Signatures by security keys, with the test as supervisor, as every helper and as the person. */
#ifndef TESTS_TOUCH_SCENE_H
#define TESTS_TOUCH_SCENE_H

#include "tests/support/devices_scene.h"
#include "tests/support/screen_scene.h"

#include "agent/options.h"
#include "agent/touch.h"
#include "keystore/crypto.h"
#include "tests/support/keys_ssh.h"

enum { CLIENTS_MOST = 300 };

/* One request, and what became of it. */
struct client {
	struct touch_scene *scene;
	struct touch *touch;
	unsigned calls;
	enum err result;
	enum err allowed;
	struct builder signature;
};

struct touch_scene {
	struct scene d;
	struct prompts prompts;
	struct options options;
	struct insertions insertions;
	struct touches ts;
	struct client client[CLIENTS_MOST];
};

/* Made once: software keys that play what is in a device, and the folder they come from. */
struct touch_keys {
	struct keys_dir dir;
	struct key *software[2]; /* Ed25519, ECDSA */
};
static struct touch_keys touch_keys;

static const char *const touch_types[] = {
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"};

#define TOUCH_DATA "what is to be signed"

static inline int touch_group_setup(void **state)
{
	static const char *const kinds[] = {"-t ed25519", "-t ecdsa -b 256"};

	(void)state;
	crypto_clean_environment();
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	keys_dir_make(&touch_keys.dir);
	for (unsigned i = 0; i < 2; i++) {
		struct builder wire = {0};

		keys_generate(&touch_keys.dir, i == 0 ? "ed" : "ec", kinds[i], &wire);
		touch_keys.software[i] = keys_import(&wire);
		builder_clear(&wire);
	}
	return 0;
}

static inline int touch_group_teardown(void **state)
{
	(void)state;
	key_unref(touch_keys.software[0]);
	key_unref(touch_keys.software[1]);
	keys_dir_remove(&touch_keys.dir);
	return 0;
}

static inline int touch_setup(void **state)
{
	struct touch_scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	scene_open(&s->d.h);
	s->d.ds = devices_new(s->d.h.loop, &s->d.h.calls);
	if (s->d.ds == NULL)
		return -1;
	s->prompts.calls = &s->d.h.calls;
	s->options.insert_wait = 60;
	s->insertions = (struct insertions){.loop = s->d.h.loop, .options = &s->options};
	s->ts = (struct touches){
	    .loop = s->d.h.loop,
	    .calls = &s->d.h.calls,
	    .devices = s->d.ds,
	    .prompts = &s->prompts,
	    .insertions = &s->insertions,
	    .options = &s->options,
	};
	*state = s;
	return 0;
}

/* Nothing is pending, on the screen, in line or open; whoever was not answered leaves. */
static inline int touch_teardown(void **state)
{
	struct touch_scene *s = *state;
	bool good;

	for (unsigned i = 0; i < CLIENTS_MOST; i++) {
		touch_cancel(s->client[i].touch);
		builder_clear(&s->client[i].signature);
	}
	for (unsigned i = 0; i < KEYS_MOST; i++)
		key_unref(s->d.key[i]);
	settle(&s->d.h);
	for (size_t i = 0; i < s->d.h.count; i++)
		helper_close(s->d.h.helper[i]);
	settle(&s->d.h);
	good = s->ts.first == NULL && s->ts.pending == 0 && s->insertions.first == NULL &&
	       s->prompts.first == NULL && devices_pending(s->d.ds) == 0;
	devices_free(s->d.ds);
	good = scene_close(&s->d.h) && good;
	free(s);
	return good ? 0 : -1;
}

#define TOUCH_TEST(name) cmocka_unit_test_setup_teardown(name, touch_setup, touch_teardown)

/* How: flags, and ECDSA.  Of a device whose part touch_keys plays. */
static inline struct key *add_real_key(struct touch_scene *s, unsigned number, unsigned how)
{
	const char *type = touch_types[(how & ECDSA) != 0];
	struct builder blob = {0};
	struct privkey pk = {0};

	keys_sk_blob(touch_keys.software[(how & ECDSA) != 0], type, &blob);
	assert_int_equal(pubkey_parse(builder_view(&blob), &pk.public), ERR_OK);
	pk.type = pk.public.type;
	pk.sk.handle = bytes_str("a handle");
	pk.sk.flags = (uint8_t)how;
	assert_int_equal(key_import(&pk, &s->d.key[number]), ERR_OK);
	assert_int_equal(devices_key_added(s->d.ds, s->d.key[number]), ERR_OK);
	builder_clear(&blob);
	return s->d.key[number];
}

static inline void touch_done(void *ctx, enum err result, struct bytes signature)
{
	struct client *c = ctx;

	c->calls++;
	c->touch = NULL;
	c->result = result;
	builder_put(&c->signature, signature);
}

static inline enum err touch_allowed(void *ctx)
{
	return ((struct client *)ctx)->allowed;
}

static inline struct touch_request a_request(const struct touch_scene *s, unsigned key)
{
	struct touch_request r = {
	    .key = s->d.key[key],
	    .data = bytes_str(TOUCH_DATA),
	    .comment = bytes_str("a key"),
	    .print = "SHA256:print",
	    .purpose = bytes_str("\n\nAsked by ssh."),
	    .pid = 42,
	    .started = 5,
	    .allowed = touch_allowed,
	};

	assert_int_equal(sigalg_choose(key_type(r.key), 0, &r.alg), ERR_OK);
	return r;
}

static inline struct client *begin(
    struct touch_scene *s, unsigned number, const struct touch_request *r)
{
	struct client *c = &s->client[number];

	assert_null(c->touch);
	builder_clear(&c->signature);
	*c = (struct client){.scene = s};
	c->touch = touch_begin(&s->ts, r, touch_done, c);
	assert_non_null(c->touch);
	assert_int_equal(c->calls, 0);
	settle(&s->d.h);
	return c;
}

static inline struct client *begin_usual(struct touch_scene *s, unsigned number)
{
	struct touch_request r = a_request(s, 0);

	return begin(s, number, &r);
}

static inline void leave(struct client *c)
{
	touch_cancel(c->touch);
	c->touch = NULL;
	settle(&c->scene->d.h);
}

static inline void expect_end(const struct client *c, enum err result)
{
	assert_int_equal(c->calls, 1);
	assert_string_equal(err_text(c->result), err_text(result));
	assert_true(c->signature.len == 0 || result == ERR_OK);
}

static inline void expect_waiting(const struct client *c)
{
	assert_int_equal(c->calls, 0);
	assert_non_null(c->touch);
}

/* --- the devices */

/* Device 1 is plugged in, and holds the key, or says so. */
static inline void plug_with(struct touch_scene *s, uint32_t abilities, enum fido_held held)
{
	settle(&s->d.h);
	PLUG(&s->d, 1);
	if (probes(&s->d) != 0)
		(void)answer_all(&s->d, "/dev/1", abilities, held);
	while (probes(&s->d) != 0) /* Ed25519 only once it is known that it is no U2F device */
		(void)answer_all(&s->d, "/dev/1", abilities, held);
}

static inline void plug_holder(struct touch_scene *s)
{
	plug_with(s, FIDO_CAN_CTAP2 | FIDO_CAN_PIN | FIDO_HAS_PIN, FIDO_HELD_YES);
}

/* The signature that is being made, or NULL; views into what the helper heard. */
static inline struct helper *signing(const struct touch_scene *s, struct fido_sign *m)
{
	struct helper *h = helper_with(&s->d.h, FIDO_SIGN, 0);
	struct fido_sign ignored;

	assert_null(helper_with(&s->d.h, FIDO_SIGN, 1));
	if (h != NULL)
		assert_int_equal(fido_sign_parse(request_of(h), m != NULL ? m : &ignored), ERR_OK);
	return h;
}

static inline struct helper *choosing(const struct touch_scene *s)
{
	return helper_with(&s->d.h, FIDO_CHOOSE, 0);
}

static inline void say_and_end(struct touch_scene *s, struct helper *h, struct builder *b)
{
	say_and_close(&s->d.h, h, b);
}

static inline void fail_with(struct touch_scene *s, struct helper *h, enum err why, uint8_t tries)
{
	struct fido_failure f = {.why = why, .tries = tries};
	struct builder b = {0};

	fido_failed_build(&b, &f);
	say_and_end(s, h, &b);
}

/* The person touched it: flags and counter as a device would have them. */
static inline void build_signed(
    const struct touch_scene *s, unsigned key, uint8_t flags, struct builder *out)
{
	bool ecdsa = key_type(s->d.key[key])->family == FAMILY_SK_ECDSA;
	struct fido_signed m = {.flags = flags, .counter = 7};
	struct builder sig = {0};

	keys_sk_sign(touch_keys.software[ecdsa], "ssh:", bytes_str(TOUCH_DATA), flags, 7, &sig);
	m.r = builder_view(&sig);
	if (ecdsa) {
		struct reader r = reader_of(m.r);

		assert_int_equal(reader_mpint(&r, &m.r), ERR_OK);
		assert_int_equal(reader_mpint(&r, &m.s), ERR_OK);
	}
	fido_signed_build(out, &m);
	builder_clear(&sig);
}

static inline void touch_it(struct touch_scene *s, unsigned key)
{
	struct builder b = {0};

	build_signed(s, key, FIDO_TOUCH, &b);
	say_and_end(s, signing(s, NULL), &b);
}

/* --- the person */

static inline struct helper *screen(
    const struct touch_scene *s, uint8_t kind, unsigned nth, struct helper_ask *m)
{
	return shown(&s->d.h, kind, nth, m);
}

static inline size_t screens(const struct touch_scene *s, uint8_t kind)
{
	return shown_count(&s->d.h, kind);
}

static inline bool screen_has(const struct touch_scene *s, uint8_t kind, const char *part)
{
	return shown_has(&s->d.h, kind, part);
}

static inline void expect_screen_empty(const struct touch_scene *s)
{
	expect_nothing_shown(&s->d.h);
}

static inline void answer_screen(
    struct touch_scene *s, uint8_t kind, enum err result, const char *answer)
{
	answer_shown(&s->d.h, kind, result, answer);
}

static inline void let_helpers_end(struct touch_scene *s)
{
	let_ending_helpers_end(&s->d.h);
}

#endif
