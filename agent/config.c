/* The configuration's data: defaults, growth, and what its values become. */
#include "agent/config.h"

#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

/* Room doubles whenever the count is a power of two, so that no count of room is needed. */
static void *grow(void *list, size_t n, size_t each)
{
	if ((n & (n - 1)) != 0)
		return list;
	return realloc(list, (n == 0 ? 1 : n * 2) * each);
}

enum err words_add(struct words *w, struct bytes word)
{
	char **list = grow(w->list, w->n, sizeof(*list));
	char *copy;

	if (list == NULL)
		return ERR_MEMORY;
	w->list = list;
	copy = malloc(word.len + 1);
	if (copy == NULL)
		return ERR_MEMORY;
	if (word.len != 0)
		memcpy(copy, word.data, word.len);
	copy[word.len] = '\0';
	w->list[w->n++] = copy;
	return ERR_OK;
}

void words_clear(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
	free(w->list);
	*w = (struct words){0};
}

struct config_key *config_add_key(struct config *c)
{
	struct config_key *list = grow(c->keys, c->key_count, sizeof(*list));
	struct config_key *key;

	if (list == NULL)
		return NULL;
	c->keys = list;
	key = &list[c->key_count++];
	*key = (struct config_key){.policy = {.offer = true}};
	return key;
}

enum err config_confirm_all(struct config *c)
{
	struct config_key *key = config_add_key(c);

	if (key == NULL)
		return ERR_MEMORY;
	key->policy.set = KEY_CONFIRM;
	key->policy.rules.confirm = CONFIRM_ALWAYS;
	key->policy.unsure = true;
	return words_add(&key->patterns, bytes_str("*"));
}

struct config_view *config_add_view(struct config *c)
{
	struct config_view *list = grow(c->views, c->view_count, sizeof(*list));

	if (list == NULL)
		return NULL;
	c->views = list;
	list[c->view_count] = (struct config_view){0};
	return &list[c->view_count++];
}

static enum err default_directory(struct config *c, const char *home)
{
	static const char folder[] = "/.ssh";
	size_t n = strlen(home);
	struct blob path = {0};
	struct builder b = {0};
	enum err e;

	while (n > 1 && home[n - 1] == '/')
		n--;
	builder_put(&b, BYTES(home, n == 1 ? 0 : n));
	builder_put(&b, bytes_str(folder));
	e = builder_take(&b, &path);
	if (e == ERR_OK)
		e = words_add(&c->key_directories, blob_view(&path));
	blob_clear(&path);
	return e;
}

struct config *config_new(const char *home)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->keyring = KEYRING_RULE_ASK;
	if (default_directory(c, home) == ERR_OK)
		return c;
	config_free(c);
	return NULL;
}

void config_key_clear(struct config_key *key)
{
	words_clear(&key->patterns);
	words_clear(&key->destination_words);
	free(key->destination_lines);
	blob_clear(&key->destination_bytes);
	*key = (struct config_key){.policy = {.offer = true}};
}

void config_view_clear(struct config_view *view)
{
	free(view->name);
	free(view->socket);
	words_clear(&view->keys);
	*view = (struct config_view){0};
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	free(c->path);
	words_clear(&c->key_directories);
	words_clear(&c->modules);
	words_clear(&c->card_serials);
	words_clear(&c->slots);
	free(c->askpass);
	free(c->pinentry);
	free(c->prompt_order);
	free(c->providers);
	free(c->websafe);
	free(c->network);
	for (size_t i = 0; i < c->key_count; i++)
		config_key_clear(&c->keys[i]);
	free(c->keys);
	for (size_t i = 0; i < c->view_count; i++)
		config_view_clear(&c->views[i]);
	free(c->views);
	free(c);
}

/* Members of struct options that both have; those that are strings are apart. */
#define ROW(bit, member)                                                                           \
	{                                                                                          \
		bit, offsetof(struct options, member), sizeof(((struct options *)NULL)->member)    \
	}
static const struct {
	uint32_t bit;
	size_t offset, size;
} rows[] = {
    ROW(OPTION_LIFETIME, lifetime),
    ROW(OPTION_PROMPT_TIMEOUT, prompt_timeout),
    ROW(OPTION_FINGERPRINTS, fingerprints),
    ROW(OPTION_RESTRICT_WEBSAFE, restrict_websafe),
    ROW(OPTION_REMOTE_PKCS11, remote_pkcs11),
    ROW(OPTION_INSERT_WAIT, insert_wait),
    ROW(OPTION_INSERT_WAIT_FORWARDED, insert_wait_forwarded),
    ROW(OPTION_REMEMBER_PIN, remember_pin),
    ROW(OPTION_HIDE_ABSENT, hide_absent),
    ROW(OPTION_SECRET_MEMORY, secret_memory),
    ROW(OPTION_ALLOW_DSS, allow_dss),
    ROW(OPTION_NO_RSA_SHA1, no_rsa_sha1),
};
#undef ROW

void config_options(const struct config *c, const struct options *command_line, struct options *out)
{
	uint32_t ours = c->options.set & ~command_line->set;
	struct options o = *command_line;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((ours & rows[i].bit) != 0)
			memcpy((uint8_t *)&o + rows[i].offset,
			    (const uint8_t *)&c->options + rows[i].offset, rows[i].size);
	}
	if ((ours & OPTION_PROVIDERS) != 0)
		o.providers = c->providers;
	if ((ours & OPTION_WEBSAFE) != 0)
		o.websafe = c->websafe;
	if ((ours & OPTION_NETWORK) != 0)
		o.network = c->network;
	if (c->has_offer_keys && (o.set & OPTION_OFFER_KEYS) == 0) {
		o.offer_keys = c->offer_keys;
		o.set |= OPTION_OFFER_KEYS;
	}
	o.set |= ours;
	if (c->refused) {
		o.offer_keys = false;
		o.set |= OPTION_OFFER_KEYS;
	}
	*out = o;
}

const char *config_variable(const struct config *c, unsigned nth, const char **name)
{
	const struct {
		const char *name, *value;
	} all[CONFIG_VARIABLES] = {
	    {"SSH_ASKPASS", c->askpass},
	    {"SIGNET_PINENTRY", c->pinentry},
	    {"SIGNET_PROMPT", c->prompt_order},
	};

	*name = all[nth].name;
	return all[nth].value;
}
