#include "agent/firstlook.h"

#include <stddef.h>
#include <string.h>

#include "agent/dispatch.h"
#include "agent/files.h"
#include "proto/base/mem.h"
#include "proto/ctlmsg.h"

struct deferred {
	struct conn *conn;
	struct parked parked;
	struct files_waiter waiter;
	size_t len;
	uint8_t message[];
};

/* It may be about a key that a file offers. */
static bool concerns_files(const struct conn *c, struct bytes message)
{
	const struct bytes body = BYTES(message.data + 1, message.len - 1);
	struct msg_sign sign;
	struct bytes blob;

	if (c->control)
		return message.data[0] == CTL_LIST;
	switch (message.data[0]) {
	case AGENT_REQUEST_IDENTITIES:
	case AGENT_REMOVE_ALL_IDENTITIES:
		return true;
	case AGENT_SIGN_REQUEST:
		return msg_sign_parse(body, &sign) == ERR_OK &&
		       store_find(c->core->store, sign.key) == NULL;
	case AGENT_REMOVE_IDENTITY:
		return msg_string_parse(body, &blob) == ERR_OK;
	default:
		return false;
	}
}

static void client_left(struct parked *p)
{
	struct deferred *d =
	    (struct deferred *)(void *)((char *)p - offsetof(struct deferred, parked));

	files_wait_end(d->conn->core->files, &d->waiter);
	mem_free(d);
}

static void looked(struct files_waiter *w)
{
	struct deferred *d =
	    (struct deferred *)(void *)((char *)w - offsetof(struct deferred, waiter));
	struct conn *c = d->conn;
	struct builder *reply = &c->core->reply;
	bool later;

	builder_reset(reply);
	later = dispatch_now(c, BYTES(d->message, d->len));
	mem_free(d);
	if (!later)
		conn_answer(c, builder_view(reply));
}

bool firstlook_defer(struct conn *c, struct bytes message)
{
	struct files *files = c->core->files;
	struct deferred *d;

	if (!files_pending(files) || !concerns_files(c, message))
		return false;
	d = mem_alloc(sizeof(*d) + message.len);
	if (d == NULL)
		return false;
	d->conn = c;
	d->parked.cancel = client_left;
	d->waiter.ready = looked;
	d->len = message.len;
	memcpy(d->message, message.data, message.len);
	if (files_wait(files, &d->waiter)) {
		mem_free(d);
		return false;
	}
	conn_park(c, &d->parked);
	return true;
}
