#include "agent/token_keys.h"

#include <stdio.h>

#include "agent/policy.h"
#include "keystore/fingerprint.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/keyblob.h"

enum { COMMENT_MOST = 3 * TOKEN_TEXT_MOST + 64, GIVEN_MOST = TOKEN_KEYS_MOST };

static enum err check_certs(struct bytes certs)
{
	struct reader r = reader_of(certs);
	enum err e = ERR_OK;

	while (e == ERR_OK && r.left != 0) {
		struct bytes blob;
		struct cert cert;

		e = reader_string(&r, &blob);
		if (e == ERR_OK && cert_parse(blob, &cert) != ERR_OK)
			e = ERR_CERT;
	}
	return e;
}

enum err token_terms_set(struct token_terms *t, struct bytes id, const struct rules *rules,
    struct bytes certs, bool certs_only)
{
	enum err e = check_certs(certs);

	if (e == ERR_OK)
		e = blob_copy(&t->id, id);
	if (e == ERR_OK)
		e = blob_copy(&t->destinations, rules->destinations);
	if (e == ERR_OK)
		e = blob_copy(&t->certs, certs);
	if (e != ERR_OK) {
		token_terms_clear(t);
		return e;
	}
	t->rules = *rules;
	t->rules.destinations = blob_view(&t->destinations);
	t->rules.provider = t->rules.place = BYTES_NONE;
	t->certs_only = certs_only;
	return ERR_OK;
}

void token_terms_clear(struct token_terms *t)
{
	blob_clear(&t->id);
	blob_clear(&t->destinations);
	blob_clear(&t->certs);
	*t = (struct token_terms){0};
}

bool token_given_has(const struct token_given *g, struct bytes place, struct bytes blob)
{
	struct reader r = reader_of(builder_view(&g->list));
	struct bytes p, b;

	while (reader_string(&r, &p) == ERR_OK && reader_string(&r, &b) == ERR_OK) {
		if (bytes_equal(p, place) && bytes_equal(b, blob))
			return true;
	}
	return false;
}

static enum err give(struct token_given *g, struct bytes place, struct bytes blob)
{
	if (token_given_has(g, place, blob))
		return ERR_OK;
	if (g->count == GIVEN_MOST)
		return ERR_LIMIT;
	builder_string(&g->list, place);
	builder_string(&g->list, blob);
	g->count++;
	return builder_error(&g->list);
}

/* One key being taken in. */
struct taken {
	const struct token_taking *how;
	struct key *key;
	struct bytes place;
	char comment[COMMENT_MOST];
	size_t there; /* identities that are in the store now */
	enum err why; /* the first that is not */
};

/* Listed for a token that is not there.  An offer moves it among cards only: to a module of its own
 * nothing would bring it back. */
static bool may_move(const struct taken *t, const struct identity *id)
{
	struct place from, to;

	if (!key_is_public(id->key) || bytes_equal(id->rules.place, t->place) ||
	    place_parse(id->rules.place, &from) != ERR_OK || place_parse(t->place, &to) != ERR_OK)
		return false;
	if (t->how->unasked && !bytes_equal(from.module, to.module))
		return false;
	return modules_presence(t->how->modules, id->rules.place) != PRESENCE_HERE;
}

/* All that is listed of the key (certificates that were attached, too) goes where it is now, with
 * the rules that it has: a token that comes may not change them. */
static void move(const struct taken *t)
{
	struct identity *id = store_find(t->how->store, key_blob(t->key));

	if (id != NULL ? !may_move(t, id) : !t->how->terms->certs_only)
		return;
	for (id = store_first(t->how->store); id != NULL; id = id->next) {
		if (bytes_equal(key_blob(id->key), key_blob(t->key)) && may_move(t, id) &&
		    store_move(id, t->place) == ERR_OK)
			log_info("%s: the key is in this token now", t->comment);
	}
}

/* Whoever took a private key in has no use for asking a card; nor does one that is there give way
 * to another that holds the same key. */
static bool stays(const struct taken *t, const struct identity *id)
{
	if (!key_is_public(id->key) || t->how->unasked)
		return true;
	return !bytes_equal(id->rules.place, t->place) &&
	       modules_presence(t->how->modules, id->rules.place) == PRESENCE_HERE;
}

static void apply_policy(const struct taken *t, struct rules *rules)
{
	char print[FINGERPRINT_ROOM];
	struct key_facts facts = {.comment = bytes_str(t->comment)};

	if (t->how->config == NULL)
		return;
	if (fingerprint(key_blob(t->key), FINGERPRINT_SHA256, print) == ERR_OK)
		facts.print = print;
	policy_apply(*t->how->config, &facts, rules);
}

static void put(struct taken *t, struct bytes blob)
{
	struct rules rules = t->how->terms->rules;
	const struct identity *id = store_find(t->how->store, blob);
	enum err e;

	if (id != NULL && stays(t, id)) {
		if (!bytes_equal(id->rules.place, t->place))
			log_info("%s: the key is held already, and stays as it is", t->comment);
		t->there++;
		return;
	}
	rules.place = t->place;
	if (t->how->terms->lifetime != 0)
		rules.expires = clock_now() + (uint64_t)t->how->terms->lifetime * 1000;
	apply_policy(t, &rules);
	e = store_put(t->how->store, key_ref(t->key), blob, bytes_str(t->comment), &rules);
	if (e == ERR_OK) {
		log_info("%s: key of a token added", t->comment);
		t->there++;
		return;
	}
	key_unref(t->key);
	log_warn("%s: a token's key was left out: %s", t->comment, err_text(e));
	t->why = e;
}

static void put_certs(struct taken *t)
{
	struct reader r = reader_of(blob_view(&t->how->terms->certs));
	struct bytes blob;
	struct cert cert;

	while (reader_string(&r, &blob) == ERR_OK) {
		struct builder plain = {0};

		if (cert_parse(blob, &cert) != ERR_OK)
			continue;
		pubkey_build(&plain, &cert.key);
		if (builder_error(&plain) == ERR_OK &&
		    bytes_equal(builder_view(&plain), key_blob(t->key)))
			put(t, blob);
		builder_clear(&plain);
	}
}

static int width(struct bytes text)
{
	return (int)text.len;
}

static const char *start(struct bytes text)
{
	return text.len != 0 ? (const char *)text.data : "";
}

static bool contains(struct bytes text, struct bytes part)
{
	for (size_t i = 0; i + part.len <= text.len; i++) {
		if (bytes_equal(BYTES(text.data + i, part.len), part))
			return true;
	}
	return part.len == 0;
}

/* "PIV 9a, YubiKey 12345678"; of others their label, or the module as OpenSSH has it. */
static void name_key(char *out, size_t room, const struct module *m, const struct token_info *token,
    const struct token_key *key)
{
	struct bytes name = token->name, serial = token->serial;

	if (token_type_is_applet(token->type)) {
		bool more = !contains(name, serial);

		(void)snprintf(out, room, "%s%s%.*s, %.*s%s%.*s", token_type_words(token->type),
		    key->slot.len != 0 ? " " : "", width(key->slot), start(key->slot), width(name),
		    start(name), more ? " " : "", more ? width(serial) : 0, start(serial));
	} else if (key->label.len != 0) {
		(void)snprintf(out, room, "%.*s", width(key->label), start(key->label));
	} else {
		(void)text_escape(module_path(m), out, room);
	}
}

static bool wanted(const struct token_taking *how, struct bytes place, struct bytes blob)
{
	return how->given == NULL || !how->unasked || !token_given_has(how->given, place, blob);
}

static enum err take_key(
    struct taken *t, const struct module *m, const struct token *token, const struct token_key *key)
{
	bool again = !wanted(t->how, t->place, key->public);
	enum err e;

	name_key(t->comment, sizeof(t->comment), m, token_about(token), key);
	e = key_public(key->public, &t->key);
	if (e == ERR_OK)
		move(t);
	if (e == ERR_OK && again) {
		t->there++; /* or it was removed, and stays away */
	} else if (e == ERR_OK && t->how->given != NULL) {
		e = give(t->how->given, t->place, key->public);
	}
	if (e == ERR_OK && !again) {
		put_certs(t);
		if (!t->how->terms->certs_only)
			put(t, key_blob(t->key));
	} else if (e != ERR_OK) {
		log_info("%s: a token's key was left out: %s", t->comment, err_text(e));
		t->why = e;
	}
	key_unref(t->key);
	t->key = NULL;
	return e;
}

static enum err take_ref(struct taken *t, const struct module *m, const struct token_ref *ref)
{
	struct place place = {module_path(m), ref->token, ref->key};
	struct builder b = {0};
	struct token_key key;
	struct token *token;
	enum err e;

	place_build(&b, &place);
	e = builder_error(&b);
	if (e == ERR_OK) {
		t->place = builder_view(&b);
		token = modules_token(t->how->modules, t->place);
		e = token != NULL ? token_find_key(token, ref->key, &key) : ERR_TOKEN_GONE;
	}
	if (e == ERR_OK)
		e = take_key(t, m, token, &key);
	builder_clear(&b);
	t->place = BYTES_NONE;
	return e;
}

enum err token_keys_take(
    const struct token_taking *how, const struct module *m, uint32_t count, struct reader refs)
{
	struct taken t = {.how = how};
	struct token_ref ref;
	enum err e = ERR_OK;
	size_t keys = 0;

	for (uint32_t i = 0; i < count && token_ref_next(&refs, &ref) == ERR_OK; i++) {
		enum err one = take_ref(&t, m, &ref);

		keys += one == ERR_OK;
		if (e == ERR_OK)
			e = one;
	}
	if (t.there != 0)
		return ERR_OK;
	if (t.why != ERR_OK)
		return t.why;
	if (e != ERR_OK)
		return e;
	return keys != 0 && how->terms->certs_only ? ERR_CERT_MISMATCH : ERR_TOKEN_KEYS;
}

static bool is_of(const struct identity *id, struct bytes module, const struct token_given *given)
{
	struct place place;

	return key_is_public(id->key) && place_parse(id->rules.place, &place) == ERR_OK &&
	       bytes_equal(place.module, module) &&
	       (given == NULL || token_given_has(given, id->rules.place, key_blob(id->key)));
}

size_t token_keys_remove(struct store *store, struct bytes module, const struct token_given *given)
{
	struct identity *id = store_first(store);
	size_t n = 0;

	while (id != NULL) {
		struct identity *next = id->next;

		if (is_of(id, module, given)) {
			store_remove(store, id);
			n++;
		}
		id = next;
	}
	return n;
}
