#include "agent/views.h"

enum err view_permits(const struct view *view, const struct identity *id)
{
	struct key_facts facts;

	if (view == NULL)
		return ERR_OK;
	facts = (struct key_facts){
	    .file = id->rules.known_file == NULL ? id->rules.file : bytes_str(id->rules.known_file),
	    .comment = id->comment,
	    .print = id->print,
	};
	return view->says != NULL && key_patterns_match(&view->says->keys, &facts) ? ERR_OK
										   : ERR_VIEW;
}

enum err view_permits_changes(const struct view *view)
{
	return view == NULL || (view->says != NULL && !view->says->read_only) ? ERR_OK
									      : ERR_VIEW_READ_ONLY;
}

/* On this route a rule about forwarding is one for always or for never. */
static struct key_rules on_route(struct key_rules rules, const struct route *route)
{
	if (rules.confirm == CONFIRM_FORWARDED)
		rules.confirm = route_is_remote(route) ? CONFIRM_ALWAYS : CONFIRM_NEVER;
	return rules;
}

/* Clients mostly connect for each login anew, so once for a connection is more often than once for
 * some time. */
static unsigned how_often(enum confirm_rule rule)
{
	switch (rule) {
	case CONFIRM_NEVER:
		return 0;
	case CONFIRM_TIMED:
		return 1;
	case CONFIRM_CONNECTION:
		return 2;
	default:
		return 3;
	}
}

static bool asks_more(const struct key_rules *a, const struct key_rules *b)
{
	if (a->confirm == CONFIRM_TIMED && b->confirm == CONFIRM_TIMED)
		return a->confirm_seconds < b->confirm_seconds;
	return how_often(a->confirm) > how_often(b->confirm);
}

struct key_rules view_rules(
    const struct view *view, const struct key_rules *rules, const struct route *route)
{
	struct key_rules out = *rules;
	struct key_rules here, wanted;

	if (view == NULL || view->says == NULL || !view->says->has_confirm)
		return out;
	here = on_route(*rules, route);
	wanted = on_route(view->says->confirm, route);
	if (asks_more(&wanted, &here)) {
		out.confirm = wanted.confirm;
		out.confirm_seconds = wanted.confirm_seconds;
	}
	return out;
}

struct bytes view_name(const struct view *view)
{
	return view == NULL ? BYTES_NONE : bytes_str(view->name);
}

size_t view_count(const struct view *view, const struct store *s)
{
	size_t n = 0;

	for (const struct identity *id = store_first(s); id != NULL; id = id->next)
		n += view_permits(view, id) == ERR_OK;
	return n;
}
