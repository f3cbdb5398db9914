/*
 * Modules and their tokens, with the test as every signet-pkcs11 and signet-card: it hears what
 * they are asked, and says what they tell.
 */
#ifndef TESTS_MODULES_SCENE_H
#define TESTS_MODULES_SCENE_H

#include "tests/support/helpers_scene.h"

#include <stdio.h>

#include "agent/modules.h"

#define ONE "/lib/one.so"
#define TWO "/lib/two.so"

enum { FAKE_KEYS_MOST = 4, PLACES_MOST = 64, PROCESSES_MOST = HELPERS_MOST };

struct modules_scene {
	struct helpers_scene h;
	struct modules *ms;
	struct module_listener listener;
	unsigned changes;
	struct process {
		struct helper *helper;
		char path[64]; /* MODULE_CARDS, of signet-card */
		uint32_t flags;
	} process[PROCESSES_MOST]; /* in the order in which they were told to open something */
	size_t processes;
	size_t known; /* of h.helper, whose first message was taken */
	struct blob place[PLACES_MOST];
	size_t places;
	uint8_t message[HEARD_MOST]; /* the last that was heard */
};

static inline void scene_changed(struct module_listener *l)
{
	((struct modules_scene *)(void *)((char *)l - offsetof(struct modules_scene, listener)))
	    ->changes++;
}

static inline void modules_scene_open(struct modules_scene *s)
{
	scene_open(&s->h);
	s->ms = modules_new(s->h.loop, &s->h.calls);
	assert_non_null(s->ms);
	s->listener.changed = scene_changed;
	modules_listen(s->ms, &s->listener);
}

/* True when nothing of it is left open. */
static inline bool modules_scene_close(struct modules_scene *s)
{
	for (size_t i = 0; i < s->places; i++)
		blob_clear(&s->place[i]);
	modules_unlisten(s->ms, &s->listener);
	modules_free(s->ms);
	settle(&s->h);
	return scene_close(&s->h);
}

static inline int modules_setup(void **state)
{
	struct modules_scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	modules_scene_open(s);
	*state = s;
	return 0;
}

static inline int modules_teardown(void **state)
{
	struct modules_scene *s = *state;
	bool good = modules_scene_close(s);

	free(s);
	return good ? 0 : -1;
}

static inline struct module *hold_module(struct modules_scene *s, const char *path)
{
	struct module *m = module_get(s->ms, bytes_str(path), 0);

	assert_non_null(m);
	return m;
}

/* Where a key is; a view that lives as long as the scene. */
static inline struct bytes place_at(
    struct modules_scene *s, const char *module, const char *token, const char *key)
{
	struct place p = {bytes_str(module), bytes_str(token), bytes_str(key)};
	struct builder b = {0};
	struct blob *out = &s->place[s->places];

	assert_true(s->places++ < PLACES_MOST);
	place_build(&b, &p);
	assert_int_equal(builder_take(&b, out), ERR_OK);
	return blob_view(out);
}

/* --- what helpers hear ----------------------------------------------------------------------- */

/* The next message to this helper that was not heard yet; its content lives until the next one is
 * taken.  False: there is none. */
static inline bool hear(struct modules_scene *s, struct helper *h, struct bytes *out)
{
	struct bytes message;
	size_t len;

	if (frame_next(BYTES(h->heard, h->len), LIMIT_TOKEN_MESSAGE, &message) != FRAME_READY)
		return false;
	memcpy(s->message, message.data, message.len);
	*out = BYTES(s->message, message.len);
	len = FRAME_HEADER + message.len;
	memmove(h->heard, h->heard + len, h->len - len);
	h->len -= len;
	return true;
}

static inline void hear_opening(struct modules_scene *s, struct helper *h)
{
	struct process *p = &s->process[s->processes];
	struct token_open open;
	struct bytes m;

	assert_true(s->processes++ < PROCESSES_MOST);
	assert_true(hear(s, h, &m));
	assert_int_equal(token_open_parse(m, &open), ERR_OK);
	p->helper = h;
	p->flags = open.flags;
	if (h->program == HELPER_CARD) {
		assert_int_equal(open.path.len, 0);
		open.path = bytes_str(MODULE_CARDS);
	} else {
		assert_int_equal(h->program, HELPER_PKCS11);
	}
	assert_true(open.path.len < sizeof(p->path));
	memcpy(p->path, open.path.data, open.path.len);
}

/* Every helper that was started must have been told what to open, first; but for those that were
 * given up before. */
static inline void hear_openings(struct modules_scene *s)
{
	settle(&s->h);
	for (; s->known < s->h.count; s->known++) {
		struct helper *h = s->h.helper[s->known];
		bool over = h->hung_up || (h->started && h->fd < 0);

		if (h->program == HELPER_PROMPT || h->program == HELPER_KEYRING)
			continue;
		if (h->len == 0 && !over)
			return;
		if (h->len != 0)
			hear_opening(s, h);
	}
}

/* The helper for this module that runs, or NULL. */
static inline struct helper *running(struct modules_scene *s, const char *path)
{
	struct helper *found = NULL;

	hear_openings(s);
	for (size_t i = 0; i < s->processes; i++) {
		struct process *p = &s->process[i];

		if (strcmp(p->path, path) == 0 && p->helper->fd >= 0 && !p->helper->hung_up) {
			assert_null(found); /* never two */
			found = p->helper;
		}
	}
	return found;
}

static inline struct helper *helper_of(struct modules_scene *s, const char *path)
{
	struct helper *h = running(s, path);

	assert_non_null(h);
	return h;
}

/* How often one was started for it. */
static inline unsigned starts_of(struct modules_scene *s, const char *path)
{
	unsigned n = 0;

	hear_openings(s);
	for (size_t i = 0; i < s->processes; i++)
		n += strcmp(s->process[i].path, path) == 0;
	return n;
}

static inline void expect_nothing(struct modules_scene *s, const char *path)
{
	struct bytes m;

	assert_false(hear(s, helper_of(s, path), &m));
}

static inline struct token_sign expect_sign(struct modules_scene *s, const char *path)
{
	struct helper *h = helper_of(s, path);
	struct token_sign sign;
	struct bytes m;

	assert_true(hear(s, h, &m));
	assert_int_equal(token_sign_parse(m, &sign), ERR_OK);
	return sign;
}

static inline struct token_select expect_select(struct modules_scene *s, const char *path)
{
	struct helper *h = helper_of(s, path);
	struct token_select select;
	struct bytes m;

	assert_true(hear(s, h, &m));
	assert_int_equal(token_select_parse(m, &select), ERR_OK);
	return select;
}

static inline void expect_watch(struct modules_scene *s, const char *path, bool waits)
{
	struct helper *h = helper_of(s, path);
	struct bytes m;
	bool told;

	assert_true(hear(s, h, &m));
	assert_int_equal(token_watch_parse(m, &told), ERR_OK);
	assert_int_equal(told, waits);
}

static inline void expect_logout(struct modules_scene *s, const char *path)
{
	struct helper *h = helper_of(s, path);
	struct bytes m;

	assert_true(hear(s, h, &m));
	assert_int_equal(token_logout_parse(m), ERR_OK);
}

/* --- what they say --------------------------------------------------------------------------- */

static inline void say(struct modules_scene *s, const char *path, struct builder *b)
{
	assert_int_equal(builder_error(b), ERR_OK);
	helper_say(helper_of(s, path), b->data, b->len);
	builder_clear(b);
	settle(&s->h);
}

struct fake_token {
	const char *id; /* NULL ends a list; "": a reader without a card */
	const char *keys[FAKE_KEYS_MOST];
	uint8_t parallel; /* 0: 1 */
	enum token_type type;
	uint32_t flags;
	uint8_t tries;
	uint32_t key_flags;       /* of all keys */
	struct bytes public;      /* of all keys; empty: some */
	const char *name, *place; /* NULL: the id */
};

/* The public key of the first test of RFC 8032, section 7.1. */
static inline struct bytes some_public(void)
{
	static const uint8_t blob[] = {0, 0, 0, 11, 's', 's', 'h', '-', 'e', 'd', '2', '5', '5',
	    '1', '9', 0, 0, 0, 32, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
	    0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf,
	    0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};

	return BYTES(blob, sizeof(blob));
}

static inline void put_token(struct builder *b, const struct fake_token *t)
{
	bool reader = t->id[0] == '\0';
	struct token_info about = {
	    .type = reader                    ? TOKEN_READER
		    : t->type != TOKEN_READER ? t->type
					      : TOKEN_PKCS11,
	    .id = bytes_str(t->id),
	    .name = bytes_str(t->name != NULL ? t->name
			      : reader        ? "Reader"
					      : t->id),
	    .place = bytes_str(t->place != NULL ? t->place : "Slot"),
	    .flags = t->flags,
	    .tries = t->tries != 0 ? t->tries : TOKEN_TRIES_UNKNOWN,
	    .parallel = t->parallel != 0 ? t->parallel : 1,
	};

	while (about.count < FAKE_KEYS_MOST && t->keys[about.count] != NULL)
		about.count++;
	token_info_put(b, &about);
	for (uint32_t i = 0; i < about.count; i++) {
		struct token_key key = {
		    .id = bytes_str(t->keys[i]),
		    .public = t->public.len != 0 ? t->public : some_public(),
		    .label = bytes_str(t->keys[i]),
		    .flags = t->key_flags,
		};

		token_key_put(b, &key);
	}
}

static inline void tell_tokens(
    struct modules_scene *s, const char *path, const struct fake_token *list, enum err trouble)
{
	struct builder b = {0};
	uint32_t count = 0;
	size_t mark;

	while (list[count].id != NULL)
		count++;
	mark = token_inventory_open(&b, trouble, count);
	for (uint32_t i = 0; i < count; i++)
		put_token(&b, &list[i]);
	token_inventory_close(&b, mark);
	say(s, path, &b);
}

/* These tokens are there now:
 * TELL(s, ONE, {FAKE("token", "key", "another"), .parallel = 4}, {.id = "empty"}); */
#define FAKE(name, ...) .id = (name), .keys = {__VA_ARGS__}
#define TELL(s, path, ...)                                                                         \
	tell_tokens((s), (path), (const struct fake_token[]){__VA_ARGS__, {.id = NULL}}, ERR_OK)
#define TELL_NONE(s, path)                                                                         \
	tell_tokens((s), (path), (const struct fake_token[]){{.id = NULL}}, ERR_OK)

static inline void say_signed(
    struct modules_scene *s, const char *path, uint32_t number, const char *r)
{
	struct token_signed m = {.number = number, .r = bytes_str(r)};
	struct builder b = {0};

	token_signed_build(&b, &m);
	say(s, path, &b);
}

static inline void say_failed(
    struct modules_scene *s, const char *path, uint32_t number, enum err why)
{
	struct token_failure f = {
	    .number = number, .why = why, .tries = TOKEN_TRIES_UNKNOWN, .detail = bytes_str("CKR")};
	struct builder b = {0};

	token_failed_build(&b, &f);
	say(s, path, &b);
}

/* One key, or none for NULL. */
static inline void say_selected(
    struct modules_scene *s, const char *path, uint32_t number, const char *token, const char *key)
{
	struct token_ref ref = {
	    bytes_str(token != NULL ? token : ""), bytes_str(key != NULL ? key : "")};
	struct builder b = {0};

	token_selected_build(&b, number, &ref, token != NULL ? 1 : 0);
	say(s, path, &b);
}

/* Anything at all. */
static inline void say_raw(struct modules_scene *s, const char *path, const void *bytes, size_t n)
{
	helper_say(helper_of(s, path), bytes, n);
	settle(&s->h);
}

/* It dies. */
static inline void crash(struct modules_scene *s, const char *path)
{
	helper_close(helper_of(s, path));
	settle(&s->h);
}

/* One that was told to end does. */
static inline void let_end(struct modules_scene *s)
{
	settle(&s->h);
	for (size_t i = 0; i < s->h.count; i++) {
		if (s->h.helper[i]->hung_up)
			helper_close(s->h.helper[i]);
	}
	settle(&s->h);
}

#endif
