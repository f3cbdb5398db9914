/* The configuration's blocks: their patterns, how they begin and end. */
#include <stdlib.h>
#include <string.h>

#include "agent/config_words.h"
#include "agent/listen.h"

/* "~/" is replaced, behind "!" too.  One with "!" leaves out, so alone it names nothing. */
static void add_patterns(struct config_parse *p, const struct config_keyword *k, struct words *out,
    const struct words *values)
{
	bool names = false;

	for (size_t i = 0; values != NULL && i < values->n && config_has_room(p, k, out); i++) {
		const char *word = values->list[i];
		bool but = word[0] == '!';
		char *pattern;

		if (word[but] == '\0') {
			config_no_value(p, k, word);
			continue;
		}
		names = names || !but;
		pattern = config_expand(p, but ? "!" : "", word + but);
		if (pattern == NULL || words_add(out, bytes_str(pattern)) != ERR_OK)
			config_no_memory(p);
		free(pattern);
	}
	if (values != NULL && !names && out->n != 0)
		config_wrong(p,
		    "%s only leaves out keys and names none; put a pattern such as * before",
		    k->name);
}

static bool same_socket(const struct config_view *a, const struct config_view *b)
{
	return a->socket != NULL && b->socket != NULL && strcmp(a->socket, b->socket) == 0;
}

static void be_strict(struct config_view *v)
{
	v->read_only = v->has_confirm = true;
	v->confirm = (struct key_rules){.confirm = CONFIRM_ALWAYS};
}

static void end_view(struct config_parse *p)
{
	struct config_view *v = p->view;

	p->line = v->line;
	if (p->unsure)
		be_strict(v);
	if (p->keys_lost)
		words_clear(&v->keys);
	else if (v->keys.n == 0)
		config_wrong(p,
		    "the view %s names no key, so it shows none; write Keys and patterns below it",
		    v->name);
	for (const struct config_view *other = p->c->views; other < v; other++) {
		if (!same_socket(other, v))
			continue;
		config_wrong(p,
		    "the views %s (line %u) and %s have the same socket; give each one of its own",
		    other->name, other->line, v->name);
		free(v->socket);
		v->socket = NULL;
		break;
	}
}

static void end_key(struct config_parse *p)
{
	struct config_policy *policy = &p->key->policy;

	if (!p->unsure)
		return;
	policy->unsure = true;
	policy->set |= KEY_CONFIRM;
	policy->rules.confirm = CONFIRM_ALWAYS;
	policy->rules.confirm_seconds = 0;
}

void config_end_block(struct config_parse *p)
{
	unsigned line = p->line;

	if (p->section == SECTION_VIEW && p->view != &p->lost_view)
		end_view(p);
	else if (p->section == SECTION_KEY)
		end_key(p);
	p->line = line;
	p->unsure = p->keys_lost = false;
	config_key_clear(&p->lost_key);
	config_view_clear(&p->lost_view);
	p->key = &p->lost_key;
	p->view = &p->lost_view;
	p->seen_in_block = 0;
}

static bool block_fits(struct config_parse *p, const char *name, size_t count)
{
	if (count < CONFIG_BLOCKS_MOST)
		return true;
	config_wrong(
	    p, "there are more than %u %s blocks; take some away", CONFIG_BLOCKS_MOST, name);
	return false;
}

void config_start_key(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	struct config_key *key;
	bool was_good;

	config_end_block(p);
	p->section = SECTION_KEY;
	if (!block_fits(p, k->name, p->c->key_count)) {
		p->confirm_all = true;
		return;
	}
	key = config_add_key(p->c);
	if (key == NULL) {
		config_no_memory(p);
		return;
	}
	p->key = key;
	key->line = p->line;
	was_good = p->good;
	p->good = values != NULL;
	add_patterns(p, k, &key->patterns, values);
	if (!p->good) {
		/* It may have named any. */
		key->policy.unsure = true;
		words_clear(&key->patterns);
		if (words_add(&key->patterns, bytes_str("*")) != ERR_OK)
			config_no_memory(p);
	}
	p->good = p->good && was_good;
}

static struct config_view *view_named(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->view_count; i++) {
		if (strcmp(c->views[i].name, name) == 0)
			return &c->views[i];
	}
	return NULL;
}

void config_start_view(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	struct config_view *other, *view;
	char *name;

	config_end_block(p);
	p->section = SECTION_VIEW;
	if (values == NULL || !block_fits(p, k->name, p->c->view_count))
		return;
	if (!view_name_valid(values->list[0])) {
		config_no_value(p, k, values->list[0]);
		return;
	}
	other = view_named(p->c, values->list[0]);
	if (other != NULL) {
		config_wrong(p, "there is a view %s already (line %u); give this one another name",
		    other->name, other->line);
		be_strict(other); /* that was to be this one */
		return;
	}
	name = strdup(values->list[0]);
	view = name != NULL ? config_add_view(p->c) : NULL;
	if (view == NULL) {
		free(name);
		config_no_memory(p);
		return;
	}
	view->name = name;
	view->line = p->line;
	p->view = view;
}

void config_view_keys(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	bool was_good = p->good;

	p->good = values != NULL;
	add_patterns(p, k, &p->view->keys, values);
	p->keys_lost = p->keys_lost || !p->good;
	p->good = p->good && was_good;
}
