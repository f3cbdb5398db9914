/* CTL_LOG and CTL_LOG_FOLLOW: the decision log, for signet-add --log. */
#include "agent/dispatch.h"
#include "proto/base/mem.h"
#include "proto/ctlmsg.h"

/* A client of the log that wants to hear more. */
struct follower {
	struct follower *next, *prev; /* in core->followers */
	struct core *core;
	struct conn *conn;
	struct parked parked;
	uint64_t sent; /* number of the last decision that was written */
	bool full;     /* the last answer is not out yet, */
	bool dropped;  /* or the connection is about to be closed */
};

#define OF(ptr, member)                                                                            \
	((struct follower *)(void *)((char *)(ptr)-offsetof(struct follower, member)))

/* Far from the longest message, whatever the last record adds. */
enum { PAGE = 32 * 1024 };

/* A page of what comes after; returns the number of its last decision, or after itself. */
static uint64_t put_page(struct builder *b, const struct core *core,
    const struct entry *(*next)(const struct decisions *ds, uint64_t after), uint64_t after)
{
	const struct decisions *ds = core->decisions;
	size_t frame = ctl_records_open(b);
	const struct entry *e;

	while (b->len < PAGE && (e = next(ds, after)) != NULL) {
		size_t record = builder_open(b);

		decision_build(b, e, lock_is_on(&core->lock));
		builder_close(b, record);
		after = e->number;
	}
	ctl_records_close(b, frame);
	return after;
}

enum outcome req_log(struct request *r)
{
	uint64_t after;
	enum err e = ctl_page_parse(r->body, &after);

	if (e != ERR_OK)
		return refuse(r, e);
	(void)put_page(&r->core->reply, r->core, decisions_after, after);
	return ANSWERED;
}

static void follower_free(struct follower *f)
{
	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		f->core->followers = f->next;
	if (f->next != NULL)
		f->next->prev = f->prev;
	f->core->follower_count--;
	mem_free(f);
}

static void client_left(struct parked *p)
{
	follower_free(OF(p, parked));
}

/* What a follower missed because it did not read cannot be told any more. */
static bool lags(const struct follower *f)
{
	return decisions_last(f->core->decisions) - f->sent > LIMIT_DECISIONS;
}

static void push(struct follower *f)
{
	const struct decisions *ds = f->core->decisions;

	while (!f->full && !f->dropped && decisions_ready(ds, f->sent) != NULL) {
		struct builder b = {0};

		f->sent = put_page(&b, f->core, decisions_ready, f->sent);
		if (builder_error(&b) != ERR_OK) {
			f->dropped = true;
			conn_drop(f->conn);
		} else {
			f->full = !conn_stream(f->conn, builder_view(&b));
		}
		builder_clear(&b);
	}
	if (!f->dropped && lags(f)) {
		f->dropped = true;
		conn_drop(f->conn);
	}
}

static void flushed(struct parked *p)
{
	struct follower *f = OF(p, parked);

	f->full = false;
	push(f);
}

void followers_wake(void *arg)
{
	struct core *core = arg;

	for (struct follower *f = core->followers; f != NULL; f = f->next)
		push(f);
}

/* From where to go on: numbers that are no more, or not yet, are nothing to wait for. */
static uint64_t start_after(const struct decisions *ds, uint64_t after)
{
	uint64_t last = decisions_last(ds);

	if (after > last)
		return last;
	return last - after > LIMIT_DECISIONS ? last - LIMIT_DECISIONS : after;
}

enum outcome req_follow(struct request *r)
{
	struct core *core = r->core;
	struct follower *f;
	uint64_t after;
	enum err e = ctl_page_parse(r->body, &after);

	if (e != ERR_OK)
		return refuse(r, e);
	if (core->follower_count >= LIMIT_FOLLOWERS)
		return refuse(r, ERR_LIMIT);
	f = mem_alloc(sizeof(*f));
	if (f == NULL)
		return refuse(r, ERR_MEMORY);
	f->core = core;
	f->conn = r->conn;
	f->sent = start_after(core->decisions, after);
	f->parked.cancel = client_left;
	f->parked.flushed = flushed;
	f->next = core->followers;
	if (f->next != NULL)
		f->next->prev = f;
	core->followers = f;
	core->follower_count++;
	conn_park(r->conn, &f->parked);
	push(f);
	return PARKED;
}
