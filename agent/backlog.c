#include "agent/backlog.h"

#include "agent/conn.h"

/* The newest of this process; NULL when none of its is in the list. */
static struct conn *newest_of(const struct backlog *b, pid_t pid)
{
	struct conn *c = b->first;

	while (c != NULL && c->peer.pid != pid)
		c = c->part.next;
	return c;
}

static void enter(struct backlog *b, struct conn *c)
{
	struct conn *next = newest_of(b, c->peer.pid);

	if (next == NULL)
		next = b->first;
	c->part.next = next;
	c->part.prev = next != NULL ? next->part.prev : NULL;
	if (next != NULL)
		next->part.prev = c;
	if (c->part.prev != NULL)
		c->part.prev->part.next = c;
	else
		b->first = c;
}

static void leave(struct backlog *b, struct conn *c)
{
	if (c->part.prev != NULL)
		c->part.prev->part.next = c->part.next;
	else
		b->first = c->part.next;
	if (c->part.next != NULL)
		c->part.next->part.prev = c->part.prev;
	c->part.next = c->part.prev = NULL;
}

void backlog_note(struct backlog *b, struct conn *c, size_t bytes)
{
	const size_t was = c->part.bytes;
	const size_t is = bytes > LIMIT_CONNECTION ? bytes - LIMIT_CONNECTION : 0;

	if (was == is)
		return;
	b->bytes = b->bytes - was + is;
	c->part.bytes = is;
	if (was == 0)
		enter(b, c);
	else if (is == 0)
		leave(b, c);
}

struct conn *backlog_surplus(const struct backlog *b)
{
	struct conn *found = NULL, *largest = NULL;
	size_t most = 0, sum = 0;

	if (b->bytes <= LIMIT_BACKLOG)
		return NULL;
	for (struct conn *c = b->first; c != NULL; c = c->part.next) {
		if (c->part.prev == NULL || c->part.prev->peer.pid != c->peer.pid) {
			sum = 0;
			largest = c;
		}
		sum += c->part.bytes;
		/* Of equal ones the oldest. */
		if (c->part.bytes >= largest->part.bytes)
			largest = c;
		if (sum >= most) {
			most = sum;
			found = largest;
		}
	}
	return found;
}
