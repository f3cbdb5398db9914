/* REQUEST_IDENTITIES: RFC 9987, section 5.5. */
#include "agent/devices.h"
#include "agent/dispatch.h"
#include "agent/permit.h"
#include "proto/base/log.h"

/*
 * Servers count the keys that are tried on them: those of security keys and tokens that are not
 * plugged in come last, those that may be before them.  Otherwise the order of addition.
 */
enum { RANKS = 3 };

static enum presence presence_of(const struct core *core, const struct identity *id)
{
	if (key_is_public(id->key))
		return modules_presence(core->modules, id->rules.place);
	if (key_is_sk(id->key) && id->rules.provider.len == 0)
		return devices_presence(core->devices, id->key);
	return PRESENCE_HERE;
}

static unsigned rank_of(const struct core *core, const struct identity *id)
{
	switch (presence_of(core, id)) {
	case PRESENCE_HERE:
		return 0;
	case PRESENCE_UNKNOWN:
		return 1;
	default:
		return 2;
	}
}

static bool is_hidden(const struct core *core, const struct identity *id)
{
	return core->options->hide_absent && key_is_public(id->key) &&
	       presence_of(core, id) == PRESENCE_ABSENT;
}

static bool is_shown(const struct conn *c, const struct identity *id)
{
	return !is_hidden(c->core, id) && view_permits(c->view, id) == ERR_OK &&
	       permit(&id->rules, &c->route) == ERR_OK;
}

/* Goes before all others; NULL: none does.  One that would be last for its device is not there
 * stays last. */
static const struct identity *last_login(struct core *core, const struct conn *c)
{
	uint64_t number = lastlogin_of(&core->last_logins, &c->route);
	const struct identity *id = number == 0 ? NULL : store_first(core->store);

	while (id != NULL && id->number != number)
		id = id->next;
	if (number != 0 && id == NULL)
		lastlogin_forget(&core->last_logins, number);
	return id != NULL && presence_of(core, id) != PRESENCE_ABSENT && is_shown(c, id) ? id
											 : NULL;
}

/* What comes after id (NULL: first), as the client sees it; *rank starts at 0. */
static const struct identity *next_listed(
    const struct conn *c, const struct identity *id, unsigned *rank)
{
	const struct core *core = c->core;

	id = id != NULL ? id->next : store_first(core->store);
	for (;;) {
		for (; id != NULL; id = id->next) {
			if (rank_of(core, id) == *rank && is_shown(c, id))
				return id;
		}
		if (++*rank == RANKS)
			return NULL;
		id = store_first(core->store);
	}
}

/* False: there is no room left for it. */
static bool put_key(struct builder *b, const struct identity *id, size_t *room)
{
	size_t need = 4 + id->blob.len + 4 + id->comment.len;

	if (need > *room)
		return false;
	builder_string(b, id->blob);
	builder_string(b, id->comment);
	*room -= need;
	return true;
}

/*
 * A client cannot read a longer answer than LIMIT_MESSAGE, nor OpenSSH's more keys than
 * LIMIT_LISTED, so the list ends before it would be: the first keys are worth more than none.
 */
static uint32_t put_keys(struct core *core, const struct conn *c, struct builder *b)
{
	size_t room = LIMIT_MESSAGE - 1 - 4;
	unsigned rank = 0;
	const struct identity *first = last_login(core, c);
	const struct identity *id = NULL;
	uint32_t n = first != NULL && put_key(b, first, &room) ? 1 : 0;

	while ((id = next_listed(c, id, &rank)) != NULL) {
		if (id == first)
			continue;
		if (n == LIMIT_LISTED || !put_key(b, id, &room)) {
			log_warn("the list of keys ends after %u of %zu: %s", (unsigned)n,
			    store_count(core->store),
			    n == LIMIT_LISTED ? "OpenSSH reads no longer ones"
					      : "a message holds no more");
			break;
		}
		n++;
	}
	return n;
}

static void build_list(struct core *core, const struct conn *c, struct builder *b)
{
	size_t mark = message_open(b, AGENT_IDENTITIES_ANSWER);
	size_t count = b->len;
	uint32_t n = 0;

	builder_u32(b, 0);
	if (!lock_is_on(&core->lock))
		n = put_keys(core, c, b);
	builder_u32_at(b, count, n);
	message_close(b, mark);
}

enum outcome req_list(struct request *r)
{
	build_list(r->core, r->conn, &r->core->reply);
	return ANSWERED;
}
