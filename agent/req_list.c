/* REQUEST_IDENTITIES: RFC 9987, section 5.5. */
#include "agent/dispatch.h"
#include "agent/permit.h"
#include "proto/base/log.h"

/*
 * A client cannot read a longer answer than LIMIT_MESSAGE, so the list ends
 * before it would be: the first keys are worth more than none.
 */
static size_t count_that_fits(const struct core *core, const struct route *route)
{
	size_t room = LIMIT_MESSAGE - 1 - 4;
	size_t n = 0;

	for (const struct identity *id = store_first(core->store); id != NULL; id = id->next) {
		size_t need = 4 + id->blob.len + 4 + id->comment.len;

		if (permit(&id->rules, route) != ERR_OK)
			continue;
		if (need > room) {
			log_warn("the list of keys ends after %zu of %zu: a message holds no more",
			    n, store_count(core->store));
			break;
		}
		room -= need;
		n++;
	}
	return n;
}

enum outcome req_list(struct request *r)
{
	struct builder *b = &r->core->reply;
	const struct identity *id = store_first(r->core->store);
	const struct route *route = &r->conn->route;
	size_t n = lock_is_on(&r->core->lock) ? 0 : count_that_fits(r->core, route);
	size_t mark = message_open(b, AGENT_IDENTITIES_ANSWER);

	builder_u32(b, (uint32_t)n);
	for (; n != 0; id = id->next) {
		if (permit(&id->rules, route) != ERR_OK)
			continue;
		builder_string(b, id->blob);
		builder_string(b, id->comment);
		n--;
	}
	message_close(b, mark);
	return ANSWERED;
}
