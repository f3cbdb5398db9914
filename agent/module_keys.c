/* Keys in the store, by the places where they are, and whether they are there. */
#include "agent/modules_impl.h"

#include <stdlib.h>

static struct module *module_of(const struct modules *ms, struct bytes place, struct place *out)
{
	return place_parse(place, out) == ERR_OK ? module_find(ms, out->module) : NULL;
}

/* Where the key with this place is linked, or would be. */
static struct module_key **key_at(struct module *m, struct bytes place)
{
	struct module_key **at = &m->keys;

	while (*at != NULL && !bytes_equal(blob_view(&(*at)->place), place))
		at = &(*at)->next;
	return at;
}

static enum err count_key(struct module *m, struct bytes place)
{
	struct module_key **at = key_at(m, place);

	if (*at == NULL) {
		struct module_key *k = calloc(1, sizeof(*k));

		if (k == NULL || blob_copy(&k->place, place) != ERR_OK) {
			free(k);
			return ERR_MEMORY;
		}
		*at = k;
	}
	(*at)->count++;
	return ERR_OK;
}

enum err modules_key_added(struct modules *ms, struct bytes place)
{
	struct place p;
	enum err e = place_parse(place, &p);
	struct module *m = e == ERR_OK ? module_get(ms, p.module, 0) : NULL;

	if (e != ERR_OK)
		return e;
	if (m == NULL)
		return ERR_MEMORY;
	e = count_key(m, place);
	if (e != ERR_OK)
		module_unref(m);
	return e;
}

void modules_key_removed(struct modules *ms, struct bytes place)
{
	struct place p;
	struct module *m = module_of(ms, place, &p);
	struct module_key **at = m != NULL ? key_at(m, place) : NULL;
	struct module_key *k = at != NULL ? *at : NULL;

	if (k == NULL)
		return;
	if (--k->count == 0) {
		*at = k->next;
		blob_clear(&k->place);
		free(k);
	}
	module_unref(m);
}

void module_keys_clear(struct module *m)
{
	while (m->keys != NULL) {
		struct module_key *k = m->keys;

		m->keys = k->next;
		m->users -= k->count;
		blob_clear(&k->place);
		free(k);
	}
}

struct token *modules_token(const struct modules *ms, struct bytes place)
{
	struct place p;
	const struct module *m = module_of(ms, place, &p);

	return m != NULL ? module_token_with(m, p.token) : NULL;
}

enum presence modules_presence(const struct modules *ms, struct bytes place)
{
	struct place p;
	const struct module *m = module_of(ms, place, &p);
	const struct token *t;
	struct token_key key;

	if (m == NULL || !m->told)
		return PRESENCE_UNKNOWN;
	t = module_token_with(m, p.token);
	if (t == NULL)
		return PRESENCE_ABSENT;
	if (token_find_key(t, p.key, &key) == ERR_OK)
		return PRESENCE_HERE;
	/* A login may show it. */
	return t->about.type == TOKEN_PKCS11 ? PRESENCE_UNKNOWN : PRESENCE_ABSENT;
}

void modules_hurry(struct modules *ms, struct bytes place)
{
	struct place p;
	struct module *m = module_of(ms, place, &p);

	if (m != NULL)
		module_hurry(m);
}

/* Whoever waits finds out by the inventory: a word that does not get through costs time only. */
static void tell_awaited(struct module *m)
{
	struct builder b = {0};

	if (m->state != HELPER_OPEN)
		return;
	token_watch_build(&b, m->awaited != 0);
	if (builder_error(&b) == ERR_OK)
		(void)call_send(m->call, builder_view(&b));
	builder_clear(&b);
}

void modules_await(struct modules *ms, struct bytes place)
{
	struct place p;
	struct module *m = module_of(ms, place, &p);

	if (m == NULL)
		return;
	module_ref(m);
	if (m->awaited++ == 0)
		tell_awaited(m);
}

void modules_await_no_more(struct modules *ms, struct bytes place)
{
	struct place p;
	struct module *m = module_of(ms, place, &p);

	if (m == NULL || m->awaited == 0)
		return;
	if (--m->awaited == 0)
		tell_awaited(m);
	module_unref(m);
}
