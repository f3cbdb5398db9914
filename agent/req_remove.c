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
	e = permit(&id->rules, &r->conn->route);
	if (e != ERR_OK)
		return refuse(r, e);
	files_withdraw(r->core->files, id);
	outcome = succeed(r); /* logs what is gone after the next line */
	store_remove(r->core->store, id);
	return outcome;
}

enum outcome req_remove_all(struct request *r)
{
	token_additions_end(r->core, ERR_CANCELLED);
	offers_end_all(&r->core->offers, NULL);
	files_withdraw_all(r->core->files);
	store_remove_all(r->core->store);
	return succeed(r);
}
