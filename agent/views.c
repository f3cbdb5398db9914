#include "agent/views.h"

enum err view_permits(const struct config_view *view, const struct identity *id)
{
	(void)view;
	(void)id;
	return ERR_OK;
}

enum err view_permits_changes(const struct config_view *view)
{
	(void)view;
	return ERR_OK;
}

struct key_rules view_rules(const struct config_view *view, const struct key_rules *rules)
{
	(void)view;
	return *rules;
}
