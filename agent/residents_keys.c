/* What security keys told of their resident keys. */
#include <stdlib.h>
#include <string.h>

#include "agent/options.h"
#include "agent/policy.h"
#include "agent/residents_impl.h"
#include "keystore/fingerprint.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/fidokey.h"

enum { KNOWN_MOST = 64, SHOWN = 256 };

struct resident_key {
	struct key *key;
	struct blob comment;
};

struct known {
	struct known *next;
	struct resident_key *keys;
	size_t count;
	/* What its model is like. */
	struct blob name;
	enum fido_transport transport;
	struct fido_info info;
};

/* --- which one it is ------------------------------------------------------------- */

static bool is_plugged_in(const struct residents *rs, const struct known *k)
{
	const struct sighting *s = rs->first;

	while (s != NULL && s->known != k)
		s = s->next;
	return s != NULL;
}

static bool holds_one(const struct device *d, const struct known *k)
{
	for (size_t i = 0; i < k->count; i++) {
		if (device_holds(d, k->keys[i].key))
			return true;
	}
	return false;
}

/* No key of it answers without its PIN. */
static bool is_hidden(const struct known *k)
{
	for (size_t i = 0; i < k->count; i++) {
		struct key_sk t;

		key_sk(k->keys[i].key, &t);
		if ((t.flags & FIDO_VERIFY) == 0)
			return false;
	}
	return true;
}

static bool looks_alike(const struct device *d, const struct known *k)
{
	const struct fido_info *info = device_info(d);

	return bytes_equal(device_name(d), blob_view(&k->name)) &&
	       device_transport(d) == k->transport && info->firmware == k->info.firmware &&
	       memcmp(info->aaguid, k->info.aaguid, sizeof(info->aaguid)) == 0;
}

struct known *known_find(const struct residents *rs, const struct device *d)
{
	struct known *k = rs->known;

	while (k != NULL && !holds_one(d, k))
		k = k->next;
	if (k != NULL)
		return k;
	k = rs->known;
	while (k != NULL && !(is_hidden(k) && looks_alike(d, k) && !is_plugged_in(rs, k)))
		k = k->next;
	return k;
}

/* --- what it told ---------------------------------------------------------------- */

static void known_free(struct residents *rs, struct known *k)
{
	for (size_t i = 0; i < k->count; i++) {
		devices_key_removed(rs->devices, k->keys[i].key);
		key_unref(k->keys[i].key);
		blob_clear(&k->keys[i].comment);
	}
	blob_clear(&k->name);
	free(k->keys);
	free(k);
}

/* The oldest that is not plugged in makes room; there are fewer plugged in than that. */
static void make_room(struct residents *rs)
{
	struct known **at, **oldest = NULL;
	struct known *k;

	for (at = &rs->known; *at != NULL; at = &(*at)->next) {
		if (!is_plugged_in(rs, *at))
			oldest = at;
	}
	if (rs->known_count < KNOWN_MOST || oldest == NULL)
		return;
	k = *oldest;
	*oldest = k->next;
	rs->known_count--;
	known_free(rs, k);
}

static enum err add_key(struct residents *rs, struct known *k, const struct fido_key *told)
{
	struct resident_key *one = &k->keys[k->count];
	struct privkey private;
	enum err e = fido_key_read(told, &private);

	if (e == ERR_OK)
		e = key_import(&private, &one->key);
	if (e != ERR_OK)
		return e;
	e = blob_copy(&one->comment, told->credential.application);
	if (e == ERR_OK)
		e = devices_key_added(rs->devices, one->key);
	if (e == ERR_OK) {
		k->count++;
		return ERR_OK;
	}
	key_unref(one->key);
	blob_clear(&one->comment);
	return e;
}

static enum err add_keys(struct residents *rs, struct known *k, struct reader keys, uint32_t count)
{
	struct fido_key told;

	for (uint32_t i = 0; i < count; i++) {
		enum err e = fido_key_next(&keys, &told);

		if (e == ERR_OK)
			e = add_key(rs, k, &told);
		if (e == ERR_MEMORY)
			return e;
		if (e != ERR_OK)
			log_info("a resident key was left out: %s", err_text(e));
	}
	return ERR_OK;
}

enum err known_add(struct residents *rs, const struct device *d, struct reader keys, uint32_t count,
    struct known **out)
{
	struct known *k = calloc(1, sizeof(*k));
	enum err e = ERR_MEMORY;

	if (k == NULL)
		return ERR_MEMORY;
	k->keys = calloc((size_t)count + 1, sizeof(*k->keys));
	k->transport = device_transport(d);
	k->info = *device_info(d);
	if (k->keys != NULL)
		e = blob_copy(&k->name, device_name(d));
	if (e == ERR_OK)
		e = add_keys(rs, k, keys, count);
	if (e != ERR_OK) {
		known_free(rs, k);
		return e;
	}
	make_room(rs);
	k->next = rs->known;
	rs->known = k;
	rs->known_count++;
	*out = k;
	return ERR_OK;
}

/* --- the store ------------------------------------------------------------------- */

static enum err put(struct residents *rs, const struct resident_key *one)
{
	struct rules rules = {.source = SOURCE_CONTROL_SOCKET};
	struct bytes comment = blob_view(&one->comment);
	char print[FINGERPRINT_ROOM];
	struct key_facts facts = {.comment = comment, .print = print};
	enum err e = fingerprint(key_blob(one->key), FINGERPRINT_SHA256, print);

	if (e != ERR_OK)
		return e;
	if (rs->options->lifetime != 0)
		rules.expires = clock_now() + (uint64_t)rs->options->lifetime * 1000;
	if (*rs->config != NULL)
		policy_apply(*rs->config, &facts, &rules);
	e = store_put(rs->store, key_ref(one->key), key_blob(one->key), comment, &rules);
	if (e != ERR_OK)
		key_unref(one->key);
	return e;
}

void known_give(struct residents *rs, const struct known *k)
{
	for (size_t i = 0; i < k->count; i++) {
		const struct resident_key *one = &k->keys[i];
		char shown[SHOWN];
		enum err e;

		if (store_find(rs->store, key_blob(one->key)) != NULL)
			continue;
		e = put(rs, one);
		(void)text_escape(blob_view(&one->comment), shown, sizeof(shown));
		if (e == ERR_OK)
			log_info("%s: resident key of a security key added", shown);
		else
			log_warn("%s: a resident key was left out: %s", shown, err_text(e));
	}
}

/* Not what was added by hand in its place. */
static void take_back(struct residents *rs, const struct known *k)
{
	for (size_t i = 0; i < k->count; i++) {
		struct identity *id = store_find(rs->store, key_blob(k->keys[i].key));

		if (id != NULL && id->key == k->keys[i].key)
			store_remove(rs->store, id);
	}
}

void known_clear(struct residents *rs, bool take)
{
	while (rs->known != NULL) {
		struct known *k = rs->known;

		rs->known = k->next;
		if (take)
			take_back(rs, k);
		known_free(rs, k);
	}
	rs->known_count = 0;
}
