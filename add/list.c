#include "add/list.h"

enum err list_identities(struct run *r, struct identity_walk *walk)
{
	struct builder b = {0};
	struct bytes reply;
	enum err e;

	message_plain(&b, AGENT_REQUEST_IDENTITIES);
	e = client_call(&r->agent, &b, &reply);
	builder_clear(&b);
	if (e == ERR_OK)
		e = reply_identities(reply, walk);
	return e;
}

bool list_holds(struct run *r, struct bytes blob)
{
	struct identity_walk walk;
	struct bytes held, comment;
	bool more = true;

	if (list_identities(r, &walk) != ERR_OK)
		return false;
	while (identity_next(&walk, &more, &held, &comment) == ERR_OK && more) {
		if (bytes_equal(held, blob))
			return true;
	}
	return false;
}

enum err simple_call(struct run *r, struct builder *request)
{
	struct bytes reply;
	enum err e = client_call(&r->agent, request, &reply);

	return e == ERR_OK ? reply_success(reply) : e;
}
