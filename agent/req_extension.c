/* EXTENSION: RFC 9987, section 5.8. */
#include "agent/dispatch.h"

struct extension {
	const char *name;
	enum outcome (*handle)(struct request *r, struct bytes body);
};

static enum outcome ext_query(struct request *r, struct bytes body);

/* All are allowed while the agent is locked: none of them uses a key. */
static const struct extension extensions[] = {
    {EXT_QUERY, ext_query},
    {EXT_SESSION_BIND, req_session_bind},
};

enum { EXTENSIONS = sizeof(extensions) / sizeof(extensions[0]) };

/* A known extension that fails answers 28, never 5 (RFC 9987, section 5.8). */
static enum outcome extension_failure(struct request *r)
{
	request_decided(r, r->why);
	builder_reset(&r->core->reply);
	message_plain(&r->core->reply, AGENT_EXTENSION_FAILURE);
	return ANSWERED;
}

static enum outcome ext_query(struct request *r, struct bytes body)
{
	struct builder *b = &r->core->reply;
	size_t mark;

	if (body.len != 0)
		return refuse(r, ERR_SURPLUS);
	mark = message_open(b, AGENT_EXTENSION_RESPONSE);
	builder_cstring(b, EXT_QUERY);
	for (size_t i = 0; i < EXTENSIONS; i++)
		builder_cstring(b, extensions[i].name);
	message_close(b, mark);
	return ANSWERED;
}

enum outcome req_extension(struct request *r)
{
	struct msg_extension m;
	enum err e = msg_extension_parse(r->body, &m);

	if (e != ERR_OK)
		return refuse(r, e);
	for (size_t i = 0; i < EXTENSIONS; i++) {
		enum outcome outcome;

		if (!bytes_is(m.name, extensions[i].name))
			continue;
		outcome = extensions[i].handle(r, m.body);
		return outcome == REFUSED ? extension_failure(r) : outcome;
	}
	return refuse(r, ERR_UNSUPPORTED);
}
