/* Items: finding, checking, reading, storing and deleting them. */
#include <string.h>

#include "keystore/keyring/service.h"
#include "proto/base/log.h"

static const SecretSchema schema = {
    .name = "org.signet.Secret",
    .flags = SECRET_SCHEMA_NONE,
    .attributes =
	{
	    {"kind", SECRET_SCHEMA_ATTRIBUTE_STRING},
	    {"name", SECRET_SCHEMA_ATTRIBUTE_STRING},
	    {"id", SECRET_SCHEMA_ATTRIBUTE_STRING},
	},
};

/* --- attributes --------------------------------------------------------------------------------
 */

/* As the header of the messages says. */
static char *attribute(struct bytes text)
{
	GString *out;

	if (g_utf8_validate((const char *)text.data, (gssize)text.len, NULL))
		return g_strndup((const char *)text.data, text.len);
	out = g_string_new("hex:");
	for (size_t i = 0; i < text.len; i++)
		g_string_append_printf(out, "%02x", text.data[i]);
	return g_string_free(out, FALSE);
}

static GHashTable *attributes(const struct keyring_item *item)
{
	GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	const char *kind = item->kind == KEYRING_PIN ? "pin" : "passphrase";

	g_hash_table_insert(table, g_strdup("kind"), g_strdup(kind));
	g_hash_table_insert(table, g_strdup("name"), attribute(item->name));
	if (item->id.len != 0)
		g_hash_table_insert(table, g_strdup("id"), attribute(item->id));
	return table;
}

/* A service may add attributes of its own, but what was asked for must be there. */
static bool is_the_one(SecretItem *item, GHashTable *wanted)
{
	GHashTable *has = secret_item_get_attributes(item);
	GHashTableIter i;
	gpointer name, value;
	bool same = has != NULL;

	if (same)
		same = g_strcmp0(g_hash_table_lookup(has, "xdg:schema"), schema.name) == 0;
	g_hash_table_iter_init(&i, wanted);
	while (same && g_hash_table_iter_next(&i, &name, &value))
		same = g_strcmp0(g_hash_table_lookup(has, name), value) == 0;
	if (has != NULL)
		g_hash_table_unref(has);
	return same;
}

/* --- finding ------------------------------------------------------------------------------------
 */

static void items_free(GList *items)
{
	g_list_free_full(items, g_object_unref);
}

/* All that the service finds, locked or not. */
static enum err search(struct service *s, GHashTable *wanted, GList **out)
{
	GError *error = NULL;

	*out = secret_service_search_sync(
	    s->proxy, &schema, wanted, SECRET_SEARCH_ALL, s->cancel, &error);
	return error == NULL ? ERR_OK : service_fault(s, error);
}

/* What the attributes of a locked item are, nobody knows: some services tell hashes of them. */
static size_t count_locked(GList *items)
{
	size_t n = 0;

	for (GList *l = items; l != NULL; l = l->next)
		n += secret_item_get_locked(l->data) != FALSE;
	return n;
}

/* The service asks the person.  ERR_OK: some of it is unlocked. */
static enum err unlock(struct service *s, GList *objects)
{
	GError *error = NULL;
	gint n;

	patience_person(s->patience, true);
	n = secret_service_unlock_sync(s->proxy, objects, s->cancel, NULL, &error);
	patience_person(s->patience, false);
	if (error != NULL)
		return service_fault(s, error);
	return n > 0 ? patience_end(s->patience) : ERR_KEYRING_LOCKED;
}

static enum err unlock_items(struct service *s, GList *items)
{
	GList *locked = NULL;
	enum err e;

	for (GList *l = items; l != NULL; l = l->next) {
		if (secret_item_get_locked(l->data))
			locked = g_list_prepend(locked, l->data);
	}
	e = unlock(s, locked);
	g_list_free(locked);
	return e;
}

/* --- lookup -------------------------------------------------------------------------------------
 */

static SecretItem *newest(GList *items, GHashTable *wanted)
{
	SecretItem *best = NULL;

	for (GList *l = items; l != NULL; l = l->next) {
		if (secret_item_get_locked(l->data) || !is_the_one(l->data, wanted))
			continue;
		if (best == NULL ||
		    secret_item_get_modified(l->data) > secret_item_get_modified(best))
			best = l->data;
	}
	return best;
}

static enum err read_secret(struct service *s, SecretItem *item, SecretValue **out)
{
	GError *error = NULL;
	SecretValue *value;
	const gchar *data;
	gsize len = 0;

	if (!secret_item_load_secret_sync(item, s->cancel, &error))
		return service_fault(s, error);
	value = secret_item_get_secret(item);
	if (value == NULL)
		return ERR_KEYRING;
	data = secret_value_get(value, &len);
	if (!keyring_secret_allowed(BYTES(data, len))) {
		log_warn("what the keyring has is no passphrase or PIN: it is empty, too long or "
			 "binary, and is not used");
		secret_value_unref(value);
		return ERR_KEYRING;
	}
	*out = value;
	return ERR_OK;
}

enum err service_lookup(
    struct service *s, const struct keyring_item *item, bool prompt, SecretValue **out)
{
	GHashTable *wanted = attributes(item);
	GList *items = NULL;
	SecretItem *best = NULL;
	enum err e = search(s, wanted, &items);

	if (e == ERR_OK)
		best = newest(items, wanted);
	if (e == ERR_OK && best == NULL && count_locked(items) != 0) {
		e = prompt ? unlock_items(s, items) : ERR_KEYRING_LOCKED;
		items_free(items);
		items = NULL;
		if (e == ERR_OK)
			e = search(s, wanted, &items);
		if (e == ERR_OK)
			best = newest(items, wanted);
	}
	if (e == ERR_OK && best == NULL && items == NULL)
		e = ERR_NOT_FOUND;
	if (e == ERR_OK && best == NULL) {
		e = count_locked(items) != 0 ? ERR_KEYRING_LOCKED : ERR_KEYRING;
		if (e == ERR_KEYRING)
			log_warn("the keyring answered with another item than was asked for: it is "
				 "not used");
	}
	if (e == ERR_OK)
		e = read_secret(s, best, out);
	items_free(items);
	g_hash_table_unref(wanted);
	return e;
}

/* --- store --------------------------------------------------------------------------------------
 */

/* What the session's end erases is no place to keep anything. */
static bool is_lasting(SecretCollection *c)
{
	return !g_str_has_suffix(g_dbus_proxy_get_object_path(G_DBUS_PROXY(c)), "/session");
}

static enum err first_unlocked(struct service *s, SecretCollection **out)
{
	GError *error = NULL;
	GList *all;

	if (!secret_service_load_collections_sync(s->proxy, s->cancel, &error))
		return service_fault(s, error);
	all = secret_service_get_collections(s->proxy);
	for (GList *l = all; *out == NULL && l != NULL; l = l->next) {
		if (is_lasting(l->data) && !secret_collection_get_locked(l->data))
			*out = g_object_ref(l->data);
	}
	g_list_free_full(all, g_object_unref);
	if (*out != NULL)
		return ERR_OK;
	log_warn("the keyring has no default collection, and no other one is unlocked: make one "
		 "with the desktop's program for passwords and keys");
	return ERR_KEYRING;
}

static enum err find_collection(struct service *s, SecretCollection **out)
{
	GError *error = NULL;
	GList one = {0};

	*out = secret_collection_for_alias_sync(
	    s->proxy, SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, s->cancel, &error);
	if (error != NULL)
		return service_fault(s, error);
	if (*out == NULL)
		return first_unlocked(s, out);
	one.data = *out;
	return secret_collection_get_locked(*out) ? unlock(s, &one) : ERR_OK;
}

static enum err create(struct service *s, SecretCollection *where, GHashTable *table,
    const char *label, struct bytes secret)
{
	bool text = g_utf8_validate((const char *)secret.data, (gssize)secret.len, NULL);
	SecretValue *value = secret_value_new((const gchar *)secret.data, (gssize)secret.len,
	    text ? "text/plain" : "application/octet-stream");
	GError *error = NULL;
	SecretItem *made;

	patience_person(s->patience, true);
	made = secret_item_create_sync(
	    where, &schema, table, label, value, SECRET_ITEM_CREATE_REPLACE, s->cancel, &error);
	patience_person(s->patience, false);
	secret_value_unref(value);
	if (made == NULL)
		return service_fault(s, error);
	g_object_unref(made);
	return ERR_OK;
}

enum err service_store(
    struct service *s, const struct keyring_item *item, struct bytes label, struct bytes secret)
{
	GHashTable *table = attributes(item);
	char *name = g_utf8_make_valid((const char *)label.data, (gssize)label.len);
	SecretCollection *where = NULL;
	enum err e = find_collection(s, &where);

	if (e == ERR_OK)
		e = create(s, where, table, name, secret);
	g_clear_object(&where);
	g_free(name);
	g_hash_table_unref(table);
	return e;
}

/* --- forget -------------------------------------------------------------------------------------
 */

static enum err delete_those(struct service *s, GList *items, GHashTable *wanted, size_t *deleted)
{
	enum err e = ERR_OK;

	for (GList *l = items; e == ERR_OK && l != NULL; l = l->next) {
		GError *error = NULL;

		if (secret_item_get_locked(l->data) || !is_the_one(l->data, wanted))
			continue;
		patience_person(s->patience, true);
		if (secret_item_delete_sync(l->data, s->cancel, &error))
			(*deleted)++;
		else
			e = service_fault(s, error);
		patience_person(s->patience, false);
	}
	return e;
}

enum err service_forget(struct service *s, const struct keyring_item *item)
{
	GHashTable *wanted = attributes(item);
	GList *items = NULL;
	size_t deleted = 0;
	enum err e = search(s, wanted, &items);

	/* What is open is forgotten even if the person does not unlock the rest. */
	if (e == ERR_OK)
		e = delete_those(s, items, wanted, &deleted);
	if (e == ERR_OK && count_locked(items) != 0) {
		e = unlock_items(s, items);
		items_free(items);
		items = NULL;
		if (e == ERR_OK)
			e = search(s, wanted, &items);
		if (e == ERR_OK)
			e = delete_those(s, items, wanted, &deleted);
		if (e == ERR_OK && count_locked(items) != 0)
			e = ERR_KEYRING_LOCKED;
	}
	if (e == ERR_OK && deleted == 0)
		e = ERR_NOT_FOUND;
	items_free(items);
	g_hash_table_unref(wanted);
	return e;
}
