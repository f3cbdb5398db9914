/* The tokens of a module: what its helper told last. */
#include <stdlib.h>
#include <string.h>

#include "agent/modules_impl.h"

static void inventory_leave(struct inventory *i)
{
	if (i == NULL || --i->users != 0)
		return;
	free(i->keys);
	free(i->sorted);
	free(i->message);
	free(i);
}

struct token *token_hold(struct token *t)
{
	t->users++;
	return t;
}

void token_release(struct token *t)
{
	if (t == NULL || --t->users != 0)
		return;
	inventory_leave(t->inventory);
	blob_clear(&t->pin);
	free(t);
}

static struct token *token_new(struct module *m)
{
	struct token *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->users = 1;
	t->all = m->all;
	t->module = m;
	return t;
}

/* No longer in its module's list. */
static void lose(struct token *t)
{
	token_pin_forget(t);
	uses_lose(t);
	t->next = NULL;
	t->module = NULL;
	token_release(t);
}

void tokens_lose(struct module *m)
{
	while (m->tokens != NULL) {
		struct token *t = m->tokens;

		m->tokens = t->next;
		lose(t);
	}
}

static bool is_same(const struct token *t, const struct token_info *about)
{
	return t->about.type == about->type && bytes_equal(t->about.id, about->id) &&
	       (about->type != TOKEN_READER || bytes_equal(t->about.place, about->place));
}

/* The one that was told last time too, or another. */
static struct token *token_for(struct module *m, const struct token_info *about)
{
	struct token *t = m->tokens;

	while (t != NULL && (t->listed || !is_same(t, about)))
		t = t->next;
	if (t == NULL)
		t = token_new(m);
	if (t != NULL)
		t->listed = true;
	return t;
}

static bool is_in_list(const struct module *m, const struct token *t)
{
	const struct token *at = m->tokens;

	while (at != NULL && at != t)
		at = at->next;
	return at != NULL;
}

static enum err tokens_for(
    struct module *m, const struct token_info *about, size_t count, struct token **out)
{
	size_t n = 0;

	while (n < count && (out[n] = token_for(m, &about[n])) != NULL)
		n++;
	if (n == count)
		return ERR_OK;
	for (size_t i = 0; i < n; i++) {
		out[i]->listed = false;
		if (!is_in_list(m, out[i]))
			token_release(out[i]);
	}
	return ERR_MEMORY;
}

/* What was not told again is gone; the rest in the order in which it was told. */
static void set_list(struct module *m, struct token *const *tokens, size_t count)
{
	struct token *old = m->tokens, **at = &m->tokens;

	m->tokens = NULL;
	while (old != NULL) {
		struct token *t = old;

		old = t->next;
		if (!t->listed)
			lose(t);
	}
	for (size_t i = 0; i < count; i++) {
		tokens[i]->listed = false;
		tokens[i]->next = NULL;
		*at = tokens[i];
		at = &tokens[i]->next;
	}
}

static void set_about(
    struct token *t, const struct token_info *about, struct inventory *i, size_t first_key)
{
	struct inventory *old = t->inventory;

	/* It was pulled out in between, unseen; or another says that it is this one. */
	if (old != NULL && (!bytes_equal(t->about.place, about->place) ||
			       !bytes_equal(t->about.serial, about->serial)))
		token_pin_forget(t);
	i->users++;
	t->inventory = i;
	t->about = *about;
	t->about.keys = reader_of(BYTES_NONE);
	t->keys = i->keys + first_key;
	t->sorted = i->sorted + first_key;
	inventory_leave(old);
}

static struct inventory *inventory_new(struct bytes message)
{
	struct inventory *i = calloc(1, sizeof(*i));

	if (i == NULL)
		return NULL;
	i->users = 1;
	i->message = malloc(message.len + 1);
	if (i->message == NULL) {
		inventory_leave(i);
		return NULL;
	}
	memcpy(i->message, message.data, message.len);
	return i;
}

/* All tokens, and the number of their keys. */
static enum err read_tokens(struct token_inventory *told, struct token_info *out, size_t *keys)
{
	if (told->count > TOKEN_TOKENS_MOST)
		return ERR_LIMIT;
	*keys = 0;
	for (uint32_t n = 0; n < told->count; n++) {
		enum err e = token_info_next(&told->tokens, &out[n]);

		if (e != ERR_OK)
			return e;
		*keys += out[n].count;
	}
	return *keys <= TOKEN_KEYS_MOST ? ERR_OK : ERR_LIMIT;
}

static int by_id(const void *a, const void *b)
{
	struct bytes x = (*(const struct token_key *const *)a)->id;
	struct bytes y = (*(const struct token_key *const *)b)->id;

	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return x.len == 0 ? 0 : memcmp(x.data, y.data, x.len);
}

static enum err read_keys(struct inventory *i, const struct token_info *about, size_t count)
{
	size_t at = 0;

	for (size_t n = 0; n < count; n++) {
		struct reader keys = about[n].keys;

		for (uint32_t k = 0; k < about[n].count; k++) {
			enum err e = token_key_next(&keys, &i->keys[at]);

			if (e != ERR_OK)
				return e;
			i->sorted[at] = &i->keys[at];
			at++;
		}
		qsort(i->sorted + at - about[n].count, about[n].count, sizeof(*i->sorted), by_id);
	}
	return ERR_OK;
}

static enum err take(struct module *m, struct inventory *i, size_t message_len, enum err *trouble)
{
	struct token_info about[TOKEN_TOKENS_MOST];
	struct token *tokens[TOKEN_TOKENS_MOST];
	struct token_inventory told;
	size_t keys = 0, at = 0;
	enum err e = token_inventory_parse(BYTES(i->message, message_len), &told);

	if (e == ERR_OK)
		e = read_tokens(&told, about, &keys);
	if (e == ERR_OK) {
		i->keys = calloc(keys + 1, sizeof(*i->keys));
		i->sorted = calloc(keys + 1, sizeof(*i->sorted));
		e = i->keys != NULL && i->sorted != NULL ? read_keys(i, about, told.count)
							 : ERR_MEMORY;
	}
	if (e == ERR_OK)
		e = tokens_for(m, about, told.count, tokens);
	if (e != ERR_OK)
		return e;
	for (size_t n = 0; n < told.count; n++) {
		set_about(tokens[n], &about[n], i, at);
		at += about[n].count;
	}
	set_list(m, tokens, told.count);
	*trouble = told.trouble;
	return ERR_OK;
}

enum err tokens_take(struct module *m, struct bytes message, enum err *trouble)
{
	struct inventory *i = inventory_new(message);
	enum err e;

	if (i == NULL)
		return ERR_MEMORY;
	e = take(m, i, message.len, trouble);
	inventory_leave(i);
	return e;
}

/* --- what is asked --- */

struct token *module_token_with(const struct module *m, struct bytes id)
{
	struct token *t = m->tokens;

	while (t != NULL && (id.len == 0 || !bytes_equal(t->about.id, id)))
		t = t->next;
	return t;
}

struct token *module_next_token(const struct module *m, struct token *after)
{
	return after != NULL ? after->next : m->tokens;
}

bool token_is_gone(const struct token *t)
{
	return t->module == NULL;
}

const struct token_info *token_about(const struct token *t)
{
	return &t->about;
}

enum err token_find_key(const struct token *t, struct bytes id, struct token_key *out)
{
	const struct token_key wanted = {.id = id}, *at = &wanted;
	const struct token_key **found =
	    bsearch(&at, t->sorted, t->about.count, sizeof(*t->sorted), by_id);

	if (found == NULL)
		return ERR_NOT_FOUND;
	*out = **found;
	return ERR_OK;
}

enum err token_nth_key(const struct token *t, size_t n, struct token_key *out)
{
	if (n >= t->about.count)
		return ERR_NOT_FOUND;
	*out = t->keys[n];
	return ERR_OK;
}
