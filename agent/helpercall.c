#include "agent/helpercall.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/outbox.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "proto/builder.h"
#include "proto/frame.h"
#include "proto/limits.h"

enum {
	/* Helpers being started at once: whatever else is asked of the supervisor waits for no more
	   than these. */
	MOST_STARTING = 8,
	/* For the supervisor to say that one was started. */
	START_MS = 2 * LIMIT_HELPER_MS,
	CHUNK = 4096, /* bytes read at once */
};

/*
 * Where its process is, in this order; GONE: there is none (any more), and the loop is to say so.
 * Apart from that, a call is over once nobody wants anything of the process but its end.
 */
enum state { IN_LINE, STARTING, RUNNING, KILLED, GONE };

/* A whole frame that its helper has not taken yet, in wiping memory. */
struct unsent {
	struct unsent *next;
	size_t len;
	uint8_t frame[];
};

/*
 * Invariants: all->first..last are all calls, oldest first; all->line is the first of those
 * IN_LINE, and none after it was ever started.  The timer is always armed, so that moving it needs
 * no memory.
 */
struct call {
	struct call *next, *prev;
	struct calls *all;
	enum state state;
	bool over, silent; /* silent: nobody is told of its end */
	enum err why;      /* it is over */
	const struct call_handler *handler;
	void *ctx;
	struct letter letter; /* asks for the helper, later for its end */
	struct watch watch;   /* its socket; fd -1: none yet */
	struct timer due;
	uint64_t timeout;               /* in milliseconds; UINT64_MAX: none */
	uint64_t deadline;              /* when that is over, once it is being started */
	struct unsent *unsent, *newest; /* oldest first: the request, what call_send sent */
	size_t sent;                    /* bytes of the oldest, */
	size_t backlog;                 /* bytes of all that are not sent */
	struct builder input;
	struct task burial;
};

#define CALL_OF(ptr, member) ((struct call *)(void *)((char *)(ptr)-offsetof(struct call, member)))

static enum err put_unsent(struct call *c, struct bytes frame)
{
	struct unsent *u = mem_alloc(sizeof(*u) + frame.len);

	if (u == NULL)
		return ERR_MEMORY;
	u->len = frame.len;
	if (frame.len != 0)
		memcpy(u->frame, frame.data, frame.len);
	if (c->unsent != NULL)
		c->newest->next = u;
	else
		c->unsent = u;
	c->newest = u;
	c->backlog += frame.len;
	return ERR_OK;
}

static void drop_oldest(struct call *c)
{
	struct unsent *u = c->unsent;

	c->unsent = u->next;
	c->backlog -= u->len - c->sent;
	c->sent = 0;
	mem_free(u);
}

static void drop_unsent(struct call *c)
{
	while (c->unsent != NULL)
		drop_oldest(c);
}

static void bury(struct task *t)
{
	mem_free(CALL_OF(t, burial));
}

/* Armed already: this cannot fail. */
static void be_due_at(struct call *c, uint64_t at)
{
	(void)timer_arm(c->all->loop, &c->due, at);
}

static void be_due_in(struct call *c, uint64_t ms)
{
	be_due_at(c, clock_now() + ms);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What c counted as. */
static void set_state(struct call *c, enum state state)
{
	struct calls *cs = c->all;

	if (c->state == STARTING)
		cs->starting--;
	if (state == STARTING)
		cs->starting++;
	c->state = state;
	while (cs->line != NULL && cs->line->state != IN_LINE)
		cs->line = cs->line->next;
}

static void be_gone(struct call *c, enum err why)
{
	set_state(c, GONE);
	c->over = true;
	c->why = why;
	be_due_in(c, 0);
}

static void start(struct call *c)
{
	set_state(c, STARTING);
	c->deadline = c->timeout == UINT64_MAX ? UINT64_MAX : clock_now() + c->timeout;
	be_due_at(c, sooner(c->deadline, clock_now() + START_MS));
	if (outbox_send(c->all->outbox, &c->letter) != ERR_OK)
		be_gone(c, ERR_HELPER_MISSING);
}

/* Never calls anybody back. */
static void start_some(struct calls *cs)
{
	while (cs->line != NULL && cs->starting < MOST_STARTING)
		start(cs->line);
}

/* The process is gone, or nothing is known of it: tell, and free. */
static void finish(struct call *c)
{
	struct calls *cs = c->all;

	set_state(c, GONE);
	outbox_take_back(cs->outbox, &c->letter);
	loop_unwatch(&c->watch);
	timer_cancel(cs->loop, &c->due);
	fd_close(&c->watch.fd);
	drop_unsent(c);
	builder_clear(&c->input);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		cs->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		cs->last = c->prev;
	cs->open--;
	c->burial.run = bury;
	loop_defer(cs->loop, &c->burial);
	start_some(cs);
	if (!c->silent)
		c->handler->ended(c->ctx, c->why);
}

/* No more is said to it: a helper that reads the end of its socket ends. */
static void hang_up(struct call *c, struct bytes cancel)
{
	/* Within a message that is not all sent yet it would be taken for a part of it. */
	if (cancel.len != 0 && c->unsent == NULL)
		(void)send(c->watch.fd, cancel.data, cancel.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(c->watch.fd, SHUT_WR);
	drop_unsent(c);
	loop_change(&c->watch, EPOLLIN);
	be_due_in(c, LIMIT_CANCEL_MS);
}

static void be_over(struct call *c, enum err why, struct bytes cancel)
{
	if (c->over)
		return;
	c->over = true;
	c->why = why;
	switch (c->state) {
	case IN_LINE:
		be_gone(c, why);
		break;
	case STARTING:
		if (c->letter.waits) {
			outbox_take_back(c->all->outbox, &c->letter);
			be_gone(c, why);
			start_some(c->all);
		} else {
			be_due_in(c, START_MS);
		}
		break;
	case RUNNING:
		hang_up(c, cancel);
		break;
	case KILLED:
	case GONE:
		break;
	}
}

static void kill_it(struct call *c)
{
	struct calls *cs = c->all;

	set_state(c, KILLED);
	c->letter = (struct letter){.kind = CHANNEL_END, .id = c->letter.id};
	(void)outbox_send(cs->outbox, &c->letter);
	be_due_in(c, LIMIT_CANCEL_MS);
	start_some(cs);
}

static void due(struct timer *t)
{
	struct call *c = CALL_OF(t, due);

	switch (c->state) {
	case STARTING:
		if (!c->over)
			c->why = ERR_TIMEOUT;
		c->over = true;
		if (c->letter.waits)
			finish(c);
		else
			kill_it(c);
		break;
	case RUNNING:
		if (!c->over)
			be_over(c, ERR_TIMEOUT, BYTES_NONE);
		else
			kill_it(c);
		break;
	case KILLED:
		/* Whatever keeps its socket open is no child of ours. */
		if (c->letter.waits)
			be_due_in(c, LIMIT_CANCEL_MS);
		else
			finish(c);
		break;
	case IN_LINE:
	case GONE:
		finish(c);
	}
}

static void write_some(struct call *c)
{
	while (c->unsent != NULL) {
		struct unsent *u = c->unsent;
		ssize_t n = send(
		    c->watch.fd, u->frame + c->sent, u->len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			loop_change(&c->watch, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0) {
			/* It has ended, and what it said before is still to be read; or it lives,
			   and would wait for the rest while it is waited for. */
			if (errno != EPIPE && errno != ECONNRESET)
				be_over(c, ERR_HELPER, BYTES_NONE);
			break;
		}
		c->sent += (size_t)n;
		c->backlog -= (size_t)n;
		if (c->sent == u->len)
			drop_oldest(c);
	}
	drop_unsent(c);
	loop_change(&c->watch, EPOLLIN);
}

/* Every whole message, as long as somebody wants them. */
static void deliver(struct call *c)
{
	struct builder *b = &c->input;
	size_t used = 0;

	while (!c->over) {
		struct bytes message;
		enum frame_state s =
		    frame_next(BYTES(b->data + used, b->len - used), c->handler->most, &message);

		if (s == FRAME_MORE)
			break;
		used += s == FRAME_READY ? FRAME_HEADER + message.len : 0;
		if (s != FRAME_READY)
			be_over(c, ERR_REPLY, BYTES_NONE);
		else if (c->handler->once && used != b->len)
			be_over(c, ERR_SURPLUS, BYTES_NONE);
		else
			c->handler->message(c->ctx, message);
	}
	if (c->over) {
		builder_clear(b);
	} else if (used != 0) {
		memmove(b->data, b->data + used, b->len - used);
		b->len -= used;
	}
}

static void read_some(struct call *c)
{
	uint8_t *place = builder_reserve(&c->input, CHUNK);
	ssize_t n;

	if (place == NULL) {
		builder_clear(&c->input);
		be_over(c, ERR_MEMORY, BYTES_NONE);
		return;
	}
	n = read(c->watch.fd, place, CHUNK);
	c->input.len -= n > 0 ? CHUNK - (size_t)n : CHUNK;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		deliver(c);
		return;
	}
	if (!c->over)
		c->why = ERR_HELPER;
	c->over = true;
	finish(c);
}

static void helper_ready(struct watch *w, uint32_t events)
{
	struct call *c = CALL_OF(w, watch);

	if ((events & EPOLLOUT) != 0 && !c->over)
		write_some(c);
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		read_some(c);
}

struct call *call_start(struct calls *cs, enum helper_id id, struct bytes request,
    unsigned timeout_ms, const struct call_handler *handler, void *ctx)
{
	struct call *c = mem_alloc(sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = (struct call){.all = cs, .handler = handler, .ctx = ctx, .watch = {.fd = -1}};
	c->letter =
	    (struct letter){.kind = CHANNEL_START, .arg = (uint8_t)id, .id = cs->last_id + 1};
	c->due.due = due;
	c->watch.ready = helper_ready;
	c->timeout = timeout_ms != 0 ? timeout_ms : UINT64_MAX;
	if (put_unsent(c, request) != ERR_OK ||
	    timer_arm(cs->loop, &c->due, UINT64_MAX) != ERR_OK) {
		drop_unsent(c);
		mem_free(c);
		return NULL;
	}
	cs->last_id++;
	cs->open++;
	c->prev = cs->last;
	if (cs->last != NULL)
		cs->last->next = c;
	else
		cs->first = c;
	cs->last = c;
	if (cs->line == NULL)
		cs->line = c;
	start_some(cs);
	return c;
}

bool call_has_helper(const struct call *c)
{
	return c->state == RUNNING && !c->over;
}

enum err call_send(struct call *c, struct bytes message)
{
	enum err e;

	if (c->over)
		return ERR_OK;
	if (c->backlog + message.len > LIMIT_CALL_BACKLOG)
		return ERR_LIMIT;
	e = put_unsent(c, message);
	/* Those before it wait for room. */
	if (e == ERR_OK && c->state == RUNNING && c->unsent == c->newest)
		write_some(c);
	return e;
}

void call_end(struct call *c, struct bytes cancel)
{
	be_over(c, ERR_OK, cancel);
}

void call_fail(struct call *c, enum err why)
{
	be_over(c, why, BYTES_NONE);
}

void call_abandon(struct call *c, struct bytes cancel)
{
	if (c == NULL)
		return;
	c->silent = true;
	be_over(c, ERR_CANCELLED, cancel);
}

static struct call *find(const struct calls *cs, uint32_t id)
{
	struct call *c = cs->first;

	while (c != cs->line && c->letter.id != id)
		c = c->next;
	return c != cs->line && c->watch.fd < 0 && (c->state == STARTING || c->state == KILLED)
		   ? c
		   : NULL;
}

void calls_started(struct calls *cs, uint32_t id, int fd)
{
	struct call *c = find(cs, id);

	if (c == NULL) {
		fd_close(&fd);
		return;
	}
	c->watch.fd = fd;
	if (fd < 0 || fd_nonblock(fd) != ERR_OK ||
	    loop_watch(cs->loop, &c->watch, EPOLLIN) != ERR_OK) {
		if (!c->over)
			c->why = ERR_HELPER_MISSING;
		finish(c);
		return;
	}
	if (c->state == KILLED)
		return; /* the word that ends it is on its way */
	set_state(c, RUNNING);
	if (c->over) {
		hang_up(c, BYTES_NONE);
	} else {
		be_due_at(c, c->deadline);
		write_some(c);
	}
	start_some(cs);
}
