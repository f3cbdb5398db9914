/* The configuration on its way from the supervisor to the core: one description for both ways. */
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "proto/base/duration.h"
#include "proto/destination.h"
#include "proto/limits.h"

/* Writes to b where there is one, else reads from r. */
struct codec {
	struct builder *b;
	struct reader r;
	enum err e;
};

static bool reads(const struct codec *c)
{
	return c->b == NULL && c->e == ERR_OK;
}

static void number(struct codec *c, uint32_t *v, uint32_t most)
{
	if (c->b != NULL)
		builder_u32(c->b, *v);
	else if (reads(c))
		c->e = reader_u32_most(&c->r, most, v);
}

static void flag(struct codec *c, bool *v)
{
	if (c->b != NULL)
		builder_bool(c->b, *v);
	else if (reads(c))
		c->e = reader_bool(&c->r, v);
}

#define CHOICE(c, place, last)                                                                     \
	do {                                                                                       \
		uint32_t choice_value = (uint32_t)(place);                                         \
		number(c, &choice_value, last);                                                    \
		(place) = choice_value;                                                            \
	} while (0)

static void text(struct codec *c, char **v)
{
	bool there = *v != NULL;
	struct bytes view;

	flag(c, &there);
	if (!there)
		return;
	if (c->b != NULL) {
		builder_cstring(c->b, *v);
	} else if (reads(c)) {
		c->e = reader_text_most(&c->r, 2 * CONFIG_WORD_MOST, &view);
		if (c->e == ERR_OK) {
			*v = strndup(view.len != 0 ? (const char *)view.data : "", view.len);
			c->e = *v != NULL ? ERR_OK : ERR_MEMORY;
		}
	}
}

static void words(struct codec *c, struct words *w, uint32_t most)
{
	uint32_t n = (uint32_t)w->n;

	number(c, &n, most);
	for (uint32_t i = 0; c->b != NULL && i < n; i++)
		builder_cstring(c->b, w->list[i]);
	for (uint32_t i = 0; reads(c) && i < n; i++) {
		struct bytes view;

		c->e = reader_text_most(&c->r, 2 * CONFIG_WORD_MOST, &view);
		if (c->e == ERR_OK)
			c->e = words_add(w, view);
	}
}

static void bytes(struct codec *c, struct blob *v)
{
	struct bytes view;

	if (c->b != NULL) {
		builder_string(c->b, blob_view(v));
	} else if (reads(c)) {
		c->e = reader_string(&c->r, &view);
		if (c->e == ERR_OK && view.len != 0)
			c->e = destinations_check(view);
		if (c->e == ERR_OK)
			c->e = blob_copy(v, view);
	}
}

static void rules(struct codec *c, struct key_rules *v)
{
	if (c->b != NULL)
		key_rules_build(c->b, v);
	else if (reads(c))
		c->e = key_rules_read(&c->r, v);
}

static void key(struct codec *c, struct config_key *k)
{
	struct config_policy *p = &k->policy;

	words(c, &k->patterns, CONFIG_WORDS_MOST);
	number(c, &k->line, UINT32_MAX);
	number(c, &p->set, KEYS_ALL);
	rules(c, &p->rules);
	number(c, &p->lifetime, DURATION_MOST);
	number(c, &p->relock, DURATION_MOST);
	CHOICE(c, p->keyring, KEYRING_RULE_YES);
	flag(c, &p->offer);
	bytes(c, &k->destination_bytes);
}

static void view(struct codec *c, struct config_view *v)
{
	text(c, &v->name);
	if (reads(c) && v->name == NULL)
		c->e = ERR_FORMAT;
	text(c, &v->socket);
	number(c, &v->line, UINT32_MAX);
	words(c, &v->keys, CONFIG_WORDS_MOST);
	flag(c, &v->read_only);
	flag(c, &v->has_confirm);
	rules(c, &v->confirm);
}

static void blocks(struct codec *c, struct config *v)
{
	uint32_t n = (uint32_t)v->key_count;

	number(c, &n, CONFIG_BLOCKS_MOST);
	for (uint32_t i = 0; c->e == ERR_OK && i < n; i++) {
		struct config_key *k = c->b != NULL ? &v->keys[i] : config_add_key(v);

		if (k != NULL)
			key(c, k);
		else
			c->e = ERR_MEMORY;
	}
	n = (uint32_t)v->view_count;
	number(c, &n, CONFIG_BLOCKS_MOST);
	for (uint32_t i = 0; c->e == ERR_OK && i < n; i++) {
		struct config_view *one = c->b != NULL ? &v->views[i] : config_add_view(v);

		if (one != NULL)
			view(c, one);
		else
			c->e = ERR_MEMORY;
	}
}

static void options(struct codec *c, struct options *o)
{
	number(c, &o->set, OPTIONS_ALL);
	number(c, &o->lifetime, DURATION_MOST);
	number(c, &o->prompt_timeout, LIMIT_PROMPT_SECONDS);
	CHOICE(c, o->fingerprints, FINGERPRINT_SHA512);
	flag(c, &o->restrict_websafe);
	flag(c, &o->remote_pkcs11);
	number(c, &o->insert_wait, LIMIT_PROMPT_SECONDS);
	flag(c, &o->insert_wait_forwarded);
	number(c, &o->remember_pin, UINT32_MAX);
	flag(c, &o->hide_absent);
	CHOICE(c, o->secret_memory, SECRET_LOCKED);
	flag(c, &o->allow_dss);
	flag(c, &o->no_rsa_sha1);
}

static void all(struct codec *c, struct config *v)
{
	text(c, &v->path);
	number(c, &v->mistakes, UINT32_MAX);
	words(c, &v->key_directories, CONFIG_DIRECTORIES_MOST);
	flag(c, &v->has_offer_keys);
	flag(c, &v->offer_keys);
	flag(c, &v->unlock_forwarded);
	CHOICE(c, v->on_screen_lock, EVENT_DROP);
	CHOICE(c, v->on_sleep, EVENT_DROP);
	CHOICE(c, v->keyring, KEYRING_RULE_YES);
	if (reads(c) && v->keyring == KEYRING_RULE_UNSET)
		c->e = ERR_FORMAT;
	flag(c, &v->keyring_pins);
	words(c, &v->modules, CONFIG_MODULES_MOST);
	flag(c, &v->resident_keys);
	flag(c, &v->cards);
	words(c, &v->card_serials, CONFIG_CARDS_MOST);
	words(c, &v->slots, CONFIG_CARDS_MOST);
	text(c, &v->askpass);
	text(c, &v->pinentry);
	text(c, &v->prompt_order);
	text(c, &v->providers);
	text(c, &v->websafe);
	text(c, &v->network);
	options(c, &v->options);
	blocks(c, v);
}

enum err config_pack(const struct config *c, struct blob *out)
{
	struct config shallow = *c; /* what it points to is only read */
	struct builder b = {0};
	struct codec codec = {.b = &b};
	enum err e;

	all(&codec, &shallow);
	e = builder_take(&b, out);
	builder_clear(&b);
	return e;
}

enum err config_unpack(struct bytes packed, struct config **out)
{
	struct codec codec = {.r = reader_of(packed)};
	struct config *c = config_new("/");

	if (c == NULL)
		return ERR_MEMORY;
	words_clear(&c->key_directories);
	all(&codec, c);
	if (codec.e == ERR_OK)
		codec.e = reader_end(&codec.r);
	if (codec.e == ERR_OK)
		*out = c;
	else
		config_free(c);
	return codec.e == ERR_OK || codec.e == ERR_MEMORY ? codec.e : ERR_FORMAT;
}
