/* REMOVE_IDENTITY and REMOVE_ALL_IDENTITIES: RFC 9987, section 5.4. */
#include "agent/dispatch.h"
#include "agent/permit.h"

enum outcome req_remove(struct request *r)
{
	struct identity *id;
	struct bytes blob;
	enum outcome outcome;
	enum err e = msg_string_parse(r->body, &blob);

	if (e != ERR_OK)
		return refuse(r, e);
	id = store_find(r->core->store, blob);
	r->about.blob = blob;
	if (id == NULL)
		return refuse(r, ERR_NOT_FOUND);
	r->about.print = id->print;
	r->about.comment = id->comment;
	e = view_permits(r->conn->view, id);
	if (e == ERR_OK)
		e = permit(&id->rules, &r->conn->route);
	if (e != ERR_OK)
		return refuse(r, e);
	outcome = succeed(r); /* logs what is gone after the next line */
	store_remove(r->core->store, id);
	return outcome;
}

/* Those that the view shows; what brings keys of tokens and cards is not the view's. */
static void remove_shown(struct core *core, const struct view *view)
{
	struct identity *next;

	for (struct identity *id = store_first(core->store); id != NULL; id = next) {
		next = id->next;
		if (view_permits(view, id) != ERR_OK)
			continue;
		files_withdraw(core->files, id);
		store_remove(core->store, id);
	}
}

enum outcome req_remove_all(struct request *r)
{
	if (r->conn->view != NULL) {
		remove_shown(r->core, r->conn->view);
		return succeed(r);
	}
	token_additions_end(r->core, ERR_CANCELLED);
	offers_end_all(&r->core->offers, NULL);
	store_remove_all(r->core->store);
	return succeed(r);
}
