/* Signatures by tokens, with the test as supervisor, as the token's helper and as the person. */
#ifndef TESTS_TOKENSIGN_SCENE_H
#define TESTS_TOKENSIGN_SCENE_H

#include "tests/support/modules_scene.h"
#include "tests/support/screen_scene.h"

#include "agent/options.h"
#include "agent/tokensign.h"
#include "keystore/crypto.h"
#include "tests/support/keys_ssh.h"

#define UNKNOWN TOKEN_TRIES_UNKNOWN

enum { CLIENTS_MOST = 64 };

enum soft_key { ED25519, ECDSA256, RSA2048, SOFT_KEYS };

/* One request, and what became of it. */
struct client {
	struct token_scene *scene;
	struct tokensign *sign;
	unsigned calls;
	enum err result;
	enum err allowed;
	struct builder signature;
};

struct token_scene {
	struct modules_scene m;
	struct prompts prompts;
	struct options options;
	struct insertions insertions;
	struct tokensigns ts;
	enum soft_key soft; /* which plays the key on the token */
	struct bytes place;
	struct fake_token token;
	uint32_t number; /* of the last request that was heard */
	struct client client[CLIENTS_MOST];
};

/* Made once: the keys that play what is on a token. */
struct token_keys {
	struct keys_dir dir;
	struct key *soft[SOFT_KEYS];
};
static struct token_keys token_keys;

#define TOKEN_DATA "what is to be signed"

static inline int token_group_setup(void **state)
{
	static const char *const kinds[SOFT_KEYS] = {
	    "-t ed25519", "-t ecdsa -b 256", "-t rsa -b 2048"};
	static const char *const names[SOFT_KEYS] = {"ed", "ec", "rsa"};

	(void)state;
	crypto_clean_environment();
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	keys_dir_make(&token_keys.dir);
	for (unsigned i = 0; i < SOFT_KEYS; i++) {
		struct builder wire = {0};

		keys_generate(&token_keys.dir, names[i], kinds[i], &wire);
		token_keys.soft[i] = keys_import(&wire);
		builder_clear(&wire);
	}
	return 0;
}

static inline int token_group_teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SOFT_KEYS; i++)
		key_unref(token_keys.soft[i]);
	keys_dir_remove(&token_keys.dir);
	return 0;
}

/* A key on a token of a module, whose helper has not said anything yet. */
static inline int token_setup(void **state)
{
	struct token_scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	modules_scene_open(&s->m);
	s->prompts.calls = &s->m.h.calls;
	s->options.insert_wait = 60;
	s->insertions = (struct insertions){.loop = s->m.h.loop, .options = &s->options};
	s->ts = (struct tokensigns){
	    .loop = s->m.h.loop,
	    .modules = s->m.ms,
	    .prompts = &s->prompts,
	    .insertions = &s->insertions,
	    .options = &s->options,
	};
	s->token = (struct fake_token){
	    .id = "token", .keys = {"key"}, .name = "Work card", .place = "Reader 1"};
	s->place = place_at(&s->m, ONE, "token", "key");
	assert_int_equal(modules_key_added(s->m.ms, s->place), ERR_OK);
	settle(&s->m.h);
	*state = s;
	return 0;
}

/* Nothing is pending, on the screen, in line or open; whoever was not answered leaves. */
static inline int token_teardown(void **state)
{
	struct token_scene *s = *state;
	bool good;

	for (unsigned i = 0; i < CLIENTS_MOST; i++) {
		tokensign_cancel(s->client[i].sign);
		builder_clear(&s->client[i].signature);
	}
	settle(&s->m.h);
	for (size_t i = 0; i < s->m.h.count; i++)
		helper_close(s->m.h.helper[i]);
	settle(&s->m.h);
	good = s->ts.first == NULL && s->ts.pending == 0 && s->insertions.first == NULL &&
	       s->prompts.first == NULL;
	good = modules_scene_close(&s->m) && good;
	free(s);
	return good ? 0 : -1;
}

#define TOKEN_TEST(name) cmocka_unit_test_setup_teardown(name, token_setup, token_teardown)

/* --- clients --- */

static inline void token_done(void *ctx, enum err result, struct bytes signature)
{
	struct client *c = ctx;

	c->calls++;
	c->sign = NULL;
	c->result = result;
	builder_put(&c->signature, signature);
}

static inline enum err token_allowed(void *ctx)
{
	return ((struct client *)ctx)->allowed;
}

static inline struct touch_request a_request(const struct token_scene *s)
{
	struct touch_request r = {
	    .key = token_keys.soft[s->soft],
	    .data = bytes_str(TOKEN_DATA),
	    .comment = bytes_str("a key"),
	    .print = "SHA256:print",
	    .purpose = bytes_str("\n\nAsked by ssh."),
	    .pid = 42,
	    .started = 5,
	    .allowed = token_allowed,
	};

	assert_int_equal(
	    sigalg_choose(key_type(r.key), s->soft == RSA2048 ? 2 : 0, &r.alg), ERR_OK);
	return r;
}

static inline struct client *begin(
    struct token_scene *s, unsigned number, const struct touch_request *r)
{
	struct client *c = &s->client[number];

	assert_null(c->sign);
	builder_clear(&c->signature);
	*c = (struct client){.scene = s};
	c->sign = tokensign_begin(&s->ts, r, s->place, token_done, c);
	assert_non_null(c->sign);
	assert_int_equal(c->calls, 0);
	settle(&s->m.h);
	return c;
}

static inline struct client *begin_usual(struct token_scene *s, unsigned number)
{
	struct touch_request r = a_request(s);

	return begin(s, number, &r);
}

static inline void leave(struct client *c)
{
	tokensign_cancel(c->sign);
	c->sign = NULL;
	settle(&c->scene->m.h);
}

static inline void expect_end(const struct client *c, enum err result)
{
	assert_int_equal(c->calls, 1);
	assert_string_equal(err_text(c->result), err_text(result));
	assert_true((c->signature.len != 0) == (result == ERR_OK));
}

static inline void expect_waiting(const struct client *c)
{
	assert_int_equal(c->calls, 0);
	assert_non_null(c->sign);
}

/* --- the token --- */

/* As s->token has it. */
static inline void plug(struct token_scene *s)
{
	struct fake_token list[2] = {s->token, {.id = NULL}};

	list[0].public = key_blob(token_keys.soft[s->soft]);
	tell_tokens(&s->m, ONE, list, ERR_OK);
}

static inline void unplug(struct token_scene *s)
{
	TELL_NONE(&s->m, ONE);
}

/* The next word to the helper that is a request for a signature; false: there is none. */
static inline bool next_sign(struct token_scene *s, struct token_sign *out)
{
	struct helper *h = running(&s->m, ONE);
	enum token_message kind;
	struct bytes m;

	while (h != NULL && hear(&s->m, h, &m)) {
		assert_int_equal(token_message_of(m, &kind), ERR_OK);
		if (kind != TOKEN_SIGN)
			continue;
		assert_int_equal(token_sign_parse(m, out), ERR_OK);
		s->number = out->number;
		return true;
	}
	return false;
}

static inline void expect_no_sign(struct token_scene *s)
{
	struct token_sign m;

	assert_false(next_sign(s, &m));
}

/* One more request, with this PIN and these flags. */
static inline void expect_sent(struct token_scene *s, const char *pin, uint32_t flags)
{
	struct token_sign m;

	assert_true(next_sign(s, &m));
	assert_true(bytes_is(m.token, "token"));
	assert_true(bytes_is(m.key, "key"));
	assert_true(bytes_is(m.pin, pin));
	assert_int_equal(m.flags, flags);
}

/* Of the last request. */
static inline void fail_sign(struct token_scene *s, enum err why, uint8_t tries, uint32_t flags)
{
	struct token_failure f = {.number = s->number, .why = why, .tries = tries, .flags = flags};
	struct builder b = {0};

	token_failed_build(&b, &f);
	say(&s->m, ONE, &b);
}

static inline void say_numbers(struct token_scene *s, struct bytes r, struct bytes t)
{
	struct token_signed m = {.number = s->number, .r = r, .s = t};
	struct builder b = {0};

	token_signed_build(&b, &m);
	say(&s->m, ONE, &b);
}

/* What the token makes of the data: numbers as a token gives them. */
static inline void make_numbers(const struct token_scene *s, struct bytes data, struct builder *sig,
    struct bytes *r, struct bytes *t)
{
	const struct touch_request request = a_request(s);
	struct reader reader;
	struct bytes name, inner;

	assert_int_equal(key_sign(request.key, request.alg, data, sig), ERR_OK);
	reader = reader_of(builder_view(sig));
	assert_int_equal(reader_string(&reader, &name), ERR_OK);
	assert_int_equal(reader_string(&reader, &inner), ERR_OK);
	*r = inner;
	*t = BYTES_NONE;
	if (s->soft != ECDSA256)
		return;
	reader = reader_of(inner);
	assert_int_equal(reader_mpint(&reader, r), ERR_OK);
	assert_int_equal(reader_mpint(&reader, t), ERR_OK);
}

/* It signs what was asked for last. */
static inline void sign_it(struct token_scene *s)
{
	struct builder sig = {0};
	struct bytes r, t;

	make_numbers(s, bytes_str(TOKEN_DATA), &sig, &r, &t);
	say_numbers(s, r, t);
	builder_clear(&sig);
}

/* --- the person --- */

static inline size_t screens(const struct token_scene *s, uint8_t kind)
{
	return shown_count(&s->m.h, kind);
}

static inline bool screen_has(const struct token_scene *s, uint8_t kind, const char *part)
{
	return shown_has(&s->m.h, kind, part);
}

static inline void expect_screen_empty(const struct token_scene *s)
{
	expect_nothing_shown(&s->m.h);
}

static inline void answer(struct token_scene *s, uint8_t kind, enum err result, const char *text)
{
	answer_shown(&s->m.h, kind, result, text);
}

static inline void enter(struct token_scene *s, const char *pin)
{
	answer(s, ASKPASS_SECRET, ERR_OK, pin);
}

/* A request that the token wants a PIN for. */
static inline void ask(struct token_scene *s, unsigned client, uint8_t tries, uint32_t flags)
{
	(void)begin_usual(s, client);
	expect_sent(s, "", 0);
	fail_sign(s, ERR_PIN_NEEDED, tries, flags);
}

static inline void expect_last_try_said(const struct token_scene *s, uint8_t kind)
{
	assert_true(screen_has(s, kind,
	    "This is the last try: after another wrong PIN it is locked, and only the token's own "
	    "tools and its PUK unlock it."));
}

#endif
