#include "agent/offers.h"

#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/limits.h"

struct offer {
	struct offer *next;
	struct offers *all;
	struct module *module;
	struct token_terms terms;
	struct token_given given;
	struct selection *selection;
	struct timer expiry;
	uint64_t looking; /* what is there while a selection is under way, */
	uint64_t seen;    /* and at the last; 0: none that came to an end */
};

/* With its length: else two strings could be cut in two ways. */
static uint64_t mix(uint64_t h, struct bytes b)
{
	uint64_t length = b.len;

	return bytes_hash(bytes_hash(h, b), BYTES(&length, sizeof(length)));
}

/* Which keys are there: changes whenever a selection could give another result.  0: none. */
static uint64_t sight(const struct module *m)
{
	uint64_t h = 0;

	for (struct token *t = module_next_token(m, NULL); t != NULL; t = module_next_token(m, t)) {
		struct token_key key;

		for (size_t i = 0; token_nth_key(t, i, &key) == ERR_OK; i++) {
			h = mix(h != 0 ? h : BYTES_HASH_START, token_about(t)->id);
			h = mix(mix(h, key.id), key.public);
		}
	}
	return h;
}

static void look(struct offer *o);

static void looked(
    void *ctx, enum err result, const struct token_failure *f, uint32_t count, struct reader refs)
{
	struct offer *o = ctx;
	struct token_taking how = {o->all->store, o->all->modules, &o->terms, &o->given,
	    .unasked = true, .config = o->all->config};

	(void)f;
	o->selection = NULL;
	/* What failed is tried again with the next change, and no sooner. */
	o->seen =
	    result == ERR_OK || result == ERR_NO_TOKEN || result == ERR_TOKEN_KEYS ? o->looking : 0;
	if (result == ERR_OK && count != 0)
		(void)token_keys_take(&how, o->module, count, refs);
	if (o->seen != 0)
		look(o);
}

/* now: what sight says of its module. */
static void look_at(struct offer *o, uint64_t now)
{
	if (o->selection != NULL || lock_is_on(o->all->lock) || module_trouble(o->module) != ERR_OK)
		return;
	if (now == 0 || now == o->seen)
		return;
	o->looking = now;
	o->selection = module_select(o->module, blob_view(&o->terms.id), BYTES_NONE, 0, looked, o);
	if (o->selection == NULL)
		log_warn("a card cannot be looked at: %s", err_text(ERR_MEMORY));
}

static void look(struct offer *o)
{
	look_at(o, sight(o->module));
}

/* With each news of a module: its keys are gone through once, however many offers there are. */
static void look_all(struct offers *os)
{
	const struct module *m = NULL;
	uint64_t now = 0;

	for (struct offer *o = os->first; o != NULL; o = o->next) {
		if (o->module != m)
			now = sight(o->module);
		m = o->module;
		look_at(o, now);
	}
}

static void changed(struct module_listener *l)
{
	look_all((struct offers *)(void *)((char *)l - offsetof(struct offers, listener)));
}

void offers_start(struct offers *os)
{
	os->listener.changed = changed;
	modules_listen(os->modules, &os->listener);
}

static void offer_free(struct offer *o)
{
	if (o == NULL)
		return;
	timer_cancel(o->all->loop, &o->expiry);
	selection_cancel(o->selection);
	module_unref(o->module);
	token_terms_clear(&o->terms);
	builder_clear(&o->given.list);
	mem_free(o);
}

static void unlink_offer(struct offer *o)
{
	struct offer **at = &o->all->first;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	o->all->count--;
}

static void expired(struct timer *t)
{
	struct offer *o = (struct offer *)(void *)((char *)t - offsetof(struct offer, expiry));

	log_info("the lifetime of a card's addition is over");
	unlink_offer(o);
	offer_free(o);
}

static struct offer *offer_find(const struct offers *os, struct bytes id)
{
	struct offer *o = os->first;

	while (o != NULL && !bytes_equal(blob_view(&o->terms.id), id))
		o = o->next;
	return o;
}

static enum err keep(
    struct offers *os, struct module *m, struct token_terms *terms, struct token_given *given)
{
	struct offer *old = offer_find(os, blob_view(&terms->id));
	struct offer *o;
	enum err e = ERR_OK;

	if (old == NULL && os->count == LIMIT_OFFERS)
		return ERR_LIMIT;
	o = mem_alloc(sizeof(*o));
	if (o == NULL)
		return ERR_MEMORY;
	*o = (struct offer){.all = os, .expiry = {.due = expired}};
	if (terms->rules.expires != 0)
		e = timer_arm(os->loop, &o->expiry, terms->rules.expires);
	if (e != ERR_OK) {
		mem_free(o);
		return e;
	}
	o->module = module_ref(m);
	o->terms = *terms;
	o->given = *given;
	*terms = (struct token_terms){0};
	*given = (struct token_given){0};
	if (old != NULL) {
		unlink_offer(old);
		offer_free(old);
	}
	o->next = os->first;
	os->first = o;
	os->count++;
	look(o);
	return ERR_OK;
}

/* What o gave and no other offer did. */
static size_t take_back(struct offers *os, const struct offer *o)
{
	struct reader r = reader_of(builder_view(&o->given.list));
	struct bytes place, blob;
	size_t n = 0;

	while (reader_string(&r, &place) == ERR_OK && reader_string(&r, &blob) == ERR_OK) {
		struct token_given one = {0};
		const struct offer *other = os->first;

		while (other != NULL && !token_given_has(&other->given, place, blob))
			other = other->next;
		if (other != NULL)
			continue;
		builder_string(&one.list, place);
		builder_string(&one.list, blob);
		n += token_keys_remove(os->store, module_path(o->module), &one);
		builder_clear(&one.list);
	}
	return n;
}

enum err offers_keep(
    struct offers *os, struct module *m, struct token_terms *terms, struct token_given *given)
{
	enum err e = keep(os, m, terms, given);

	/* Who hears that it failed finds none of its keys. */
	if (e != ERR_OK)
		(void)take_back(os, &(struct offer){.module = m, .given = *given});
	return e;
}

bool offers_end(struct offers *os, struct bytes id, size_t *removed)
{
	struct offer *o = offer_find(os, id);

	if (o == NULL)
		return false;
	unlink_offer(o);
	*removed = take_back(os, o);
	offer_free(o);
	return true;
}

void offers_end_all(struct offers *os, const struct module *m)
{
	struct offer *o = os->first;

	while (o != NULL) {
		struct offer *next = o->next;

		if (m == NULL || o->module == m) {
			unlink_offer(o);
			offer_free(o);
		}
		o = next;
	}
}

void offers_review(struct offers *os)
{
	for (struct offer *o = os->first; lock_is_on(os->lock) && o != NULL; o = o->next) {
		selection_cancel(o->selection);
		o->selection = NULL;
		o->seen = 0;
	}
	look_all(os);
}
