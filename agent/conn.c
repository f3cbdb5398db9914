#include "agent/conn_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/dispatch.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/ctlmsg.h"
#include "proto/frame.h"

enum {
	/* Messages of one client handled before others have their turn. */
	MESSAGES_A_TURN = 32,
};

#define CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static void conn_ready(struct watch *w, uint32_t events);

static void bury(struct task *t)
{
	free(CONTAINER(t, struct conn, burial));
}

void conn_close(struct conn *c)
{
	struct core *core = c->core;

	backlog_note(&core->backlog, c, 0);
	c->dropped = true;
	loop_unwatch(&c->watch);
	fd_close(&c->watch.fd);
	builder_clear(&c->input);
	builder_clear(&c->output);
	route_clear(&c->route);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		core->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	core->conn_count--;
	view_left(c->view);
	c->burial.run = bury;
	loop_defer(core->loop, &c->burial);
}

/* The client left: give up what it waits for, and close. */
static void conn_leave(struct conn *c)
{
	if (c->parked != NULL) {
		struct parked *p = c->parked;

		c->parked = NULL;
		p->cancel(p);
	}
	conn_close(c);
}

/* Close it as soon as nobody works on it. */
static void hang_up(struct conn *c)
{
	log_warn(
	    "connection of pid %ld closed: unfinished requests and unread answers take %zu KiB",
	    (long)c->peer.pid, c->core->backlog.bytes / 1024);
	backlog_note(&c->core->backlog, c, 0);
	c->dropped = true;
	if (conn_is(c, CONN_READING) || (conn_is(c, CONN_PARKED) && c->parked != NULL))
		conn_leave(c);
	else
		(void)shutdown(c->watch.fd, SHUT_RDWR);
}

/* With nothing else on the stack that looks at a connection. */
static void make_room(struct core *core)
{
	struct conn *surplus;

	while ((surplus = backlog_surplus(&core->backlog)) != NULL)
		hang_up(surplus);
}

static void make_room_now(struct task *t)
{
	struct core *core = CONTAINER(t, struct core, room_wanted);

	core->room_is_wanted = false;
	make_room(core);
}

/* Note what it makes us keep.  Its output is a worker's while that has the connection. */
static void weigh(struct conn *c)
{
	const bool reading = conn_is(c, CONN_READING);
	struct core *core = c->core;

	if (c->dropped)
		return;
	if (reading || conn_is(c, CONN_PARKED))
		c->output_room = c->output.room;
	backlog_note(&core->backlog, c,
	    c->input.room + c->output_room + c->route.bytes + (reading ? 0 : c->asked));
	/* Answers of what waited are too much, too, when no client does anything after them. */
	if (core->backlog.bytes <= LIMIT_BACKLOG || core->room_is_wanted)
		return;
	core->room_is_wanted = true;
	core->room_wanted.run = make_room_now;
	loop_post(core->loop, &core->room_wanted);
}

void conn_settle(struct conn *c)
{
	struct core *core = c->core;

	weigh(c);
	make_room(core);
}

/* Write what can be written; false when the connection is broken. */
static bool write_some(int fd, struct bytes *data)
{
	while (data->len != 0) {
		ssize_t n = send(fd, data->data, data->len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		*data = BYTES(data->data + n, data->len - (size_t)n);
	}
	return true;
}

/* False when the connection was closed. */
static bool conn_write(struct conn *c, struct bytes reply)
{
	if (!write_some(c->watch.fd, &reply)) {
		conn_close(c);
		return false;
	}
	if (reply.len == 0)
		return true;
	builder_put(&c->output, reply);
	if (builder_error(&c->output) != ERR_OK) {
		conn_close(c);
		return false;
	}
	loop_change(&c->watch, EPOLLOUT);
	return true;
}

/* Write out what waits; true when nothing waits any more. */
static bool flush_output(struct conn *c)
{
	struct bytes left = BYTES(c->output.data + c->written, c->output.len - c->written);

	if (!write_some(c->watch.fd, &left)) {
		conn_close(c);
		return false;
	}
	c->written = c->output.len - left.len;
	if (left.len != 0)
		return false;
	builder_clear(&c->output);
	c->written = 0;
	loop_change(&c->watch, EPOLLIN);
	return true;
}

/*
 * Keep what could not be handled yet; views may point into c->input itself.
 * Without memory for it the client cannot be served on.  It is hung up on rather
 * than closed, for a request of its may be in flight: whatever its state, the
 * hang-up comes back as an event (or as a failed write) and is dealt with as a client's leaving.
 */
static void keep_input(struct conn *c, struct bytes left)
{
	struct builder kept = {0};

	if (c->input.len == left.len)
		return;
	if (left.len != 0)
		builder_put(&kept, left);
	builder_clear(&c->input);
	if (builder_error(&kept) == ERR_OK) {
		c->input = kept;
		return;
	}
	log_warn("connection of pid %ld closed: out of memory", (long)c->peer.pid);
	(void)shutdown(c->watch.fd, SHUT_RDWR);
}

static void come_back(struct task *t);

void conn_give_back(struct conn *c)
{
	c->come_back.run = come_back;
	loop_post(c->core->loop, &c->come_back);
}

/*
 * Handle messages from the front of what was read, until one has to wait or
 * they are used up.  False when the connection was closed.
 */
static bool handle_messages(struct conn *c, struct bytes data)
{
	for (int turn = 0; conn_is(c, CONN_READING) && c->output.len == 0; turn++) {
		struct builder *reply = &c->core->reply;
		struct bytes message;
		enum frame_state found = frame_next(data, LIMIT_MESSAGE, &message);

		if (found == FRAME_MORE)
			break;
		if (turn == MESSAGES_A_TURN) {
			c->asked = 0;
			atomic_store_explicit(&c->state, CONN_CALLED, memory_order_relaxed);
			conn_give_back(c);
			break;
		}
		if (found != FRAME_READY) {
			log_info("connection of pid %ld closed: message of length %s",
			    (long)c->peer.pid, found == FRAME_LONG ? "over the limit" : "zero");
			conn_close(c);
			return false;
		}
		data = BYTES(message.data + message.len, data.len - FRAME_HEADER - message.len);
		builder_reset(reply);
		c->asked = message.len;
		if (!dispatch(c, message) && !conn_write(c, builder_view(reply)))
			return false;
	}
	keep_input(c, data);
	return true;
}

/* Go on with what was read before.  False when the connection was closed. */
static bool handle_kept(struct conn *c)
{
	return c->input.len == 0 || handle_messages(c, builder_view(&c->input));
}

void conn_handle(struct conn *c, struct bytes data)
{
	if (c->input.len == 0) {
		(void)handle_messages(c, data);
		return;
	}
	builder_put(&c->input, data);
	if (builder_error(&c->input) != ERR_OK)
		conn_close(c);
	else
		(void)handle_kept(c);
}

static void conn_read(struct conn *c)
{
	struct core *core = c->core;
	ssize_t n = recv(c->watch.fd, core->input, INPUT_ROOM - c->input.len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	conn_handle(c, BYTES(core->input, n));
	mem_wipe(core->input, (size_t)n);
}

static void go_on(struct conn *c)
{
	if (c->gone || c->dropped) {
		conn_close(c);
		return;
	}
	if (c->watch.loop == NULL && loop_watch(c->core->loop, &c->watch, EPOLLIN) != ERR_OK) {
		conn_close(c);
		return;
	}
	if (c->output.len != 0) {
		loop_change(&c->watch, EPOLLOUT);
		return;
	}
	loop_change(&c->watch, EPOLLIN);
	(void)handle_kept(c);
}

static void come_back(struct task *t)
{
	struct conn *c = CONTAINER(t, struct conn, come_back);

	c->attended = false;
	atomic_store_explicit(&c->state, CONN_READING, memory_order_relaxed);
	go_on(c);
	conn_settle(c);
}

/* An event while a worker has the connection: have it brought back.  False when it just was. */
static bool call_back_later(struct conn *c)
{
	enum conn_state expected = CONN_SIGNING;

	if (conn_is(c, CONN_CALLED)) {
		loop_unwatch(&c->watch);
		return true;
	}
	/* Unwatched, for its events would come over and over; come_back() watches again. */
	if (!atomic_compare_exchange_strong(&c->state, &expected, CONN_CALLED))
		return expected == CONN_CALLED;
	loop_unwatch(&c->watch);
	return true;
}

void conn_drop(struct conn *c)
{
	(void)shutdown(c->watch.fd, SHUT_RDWR);
}

bool conn_stream(struct conn *c, struct bytes frame)
{
	if (!write_some(c->watch.fd, &frame)) {
		conn_drop(c);
		return false;
	}
	if (frame.len == 0)
		return true;
	builder_put(&c->output, frame);
	if (builder_error(&c->output) != ERR_OK)
		conn_drop(c);
	else
		loop_change(&c->watch, EPOLLOUT);
	weigh(c);
	return false;
}

/* There is room again for what conn_stream could not write. */
static void stream_on(struct conn *c)
{
	struct bytes left = BYTES(c->output.data + c->written, c->output.len - c->written);

	if (!write_some(c->watch.fd, &left)) {
		conn_leave(c);
		return;
	}
	c->written = c->output.len - left.len;
	if (left.len != 0)
		return;
	builder_clear(&c->output);
	c->written = 0;
	loop_change(&c->watch, 0);
	c->parked->flushed(c->parked);
}

static void happened(struct conn *c, uint32_t events)
{
	if (!conn_is(c, CONN_READING) && !conn_is(c, CONN_PARKED) && call_back_later(c))
		return;
	if (conn_is(c, CONN_PARKED)) {
		if (c->parked != NULL && (events & (EPOLLHUP | EPOLLERR | EPOLLOUT)) == EPOLLOUT)
			stream_on(c);
		/* Held for the end of this round: then its leaving is seen in the next. */
		if (c->parked != NULL && (events & (EPOLLHUP | EPOLLERR)) != 0)
			conn_leave(c);
		return;
	}
	if (c->dropped) {
		conn_close(c);
		return;
	}
	if (c->output.len != 0) {
		if (!flush_output(c))
			return;
		if (!handle_kept(c) || !conn_is(c, CONN_READING) || c->output.len != 0)
			return;
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		conn_read(c);
}

static void conn_ready(struct watch *w, uint32_t events)
{
	struct conn *c = CONTAINER(w, struct conn, watch);

	happened(c, events);
	conn_settle(c);
}

void conn_hold(struct conn *c)
{
	c->parked = NULL;
	atomic_store_explicit(&c->state, CONN_PARKED, memory_order_relaxed);
	if (!c->attended)
		loop_change(&c->watch, EPOLLIN);
}

void conn_park(struct conn *c, struct parked *p)
{
	c->parked = p;
	atomic_store_explicit(&c->state, CONN_PARKED, memory_order_relaxed);
	loop_change(&c->watch, 0); /* EPOLLHUP still comes */
	weigh(c);
}

void conn_answer(struct conn *c, struct bytes reply)
{
	c->parked = NULL;
	atomic_store_explicit(&c->state, CONN_READING, memory_order_relaxed);
	loop_change(&c->watch, EPOLLIN);
	if (!conn_write(c, reply))
		return;
	weigh(c);
	if (c->output.len != 0 || c->input.len == 0)
		return;
	c->asked = 0;
	/* Not handled here, so that a client's long row of requests is no long call. */
	atomic_store_explicit(&c->state, CONN_CALLED, memory_order_relaxed);
	conn_give_back(c);
}

void conn_answer_plain(struct conn *c, enum agent_number number)
{
	const uint8_t frame[] = {0, 0, 0, 1, (uint8_t)number};

	conn_answer(c, BYTES(frame, sizeof(frame)));
}

void conn_build_success(const struct conn *c, struct builder *b)
{
	if (c->control)
		ctl_done_build(b);
	else
		message_plain(b, AGENT_SUCCESS);
}

void conn_build_refusal(const struct conn *c, struct builder *b, enum err why)
{
	if (c->control)
		ctl_failure_build(b, err_text(why));
	else
		message_plain(b, AGENT_FAILURE);
}

/* Without memory for the answer the client is hung up on, rather than left waiting. */
static void answer_built(struct conn *c, const struct builder *reply)
{
	if (builder_error(reply) != ERR_OK)
		conn_drop(c);
	conn_answer(c, builder_view(reply));
}

void conn_succeed(struct conn *c)
{
	builder_reset(&c->core->reply);
	conn_build_success(c, &c->core->reply);
	answer_built(c, &c->core->reply);
}

void conn_refuse(struct conn *c, enum err why)
{
	builder_reset(&c->core->reply);
	conn_build_refusal(c, &c->core->reply, why);
	answer_built(c, &c->core->reply);
}

void conn_lend(struct conn *c)
{
	/* The loop must go on afterwards with more requests that were read already, and note what
	 * is not kept any more. */
	enum conn_state state =
	    c->input.len != 0 || c->part.bytes != 0 ? CONN_CALLED : CONN_SIGNING;

	atomic_store_explicit(&c->state, state, memory_order_release);
}

bool conn_write_answer(struct conn *c, const struct builder *reply)
{
	struct bytes left = builder_view(reply);

	c->gone = builder_error(reply) != ERR_OK || !write_some(c->watch.fd, &left);
	if (!c->gone && left.len == 0)
		return true;
	builder_put(&c->output, left);
	c->gone = c->gone || builder_error(&c->output) != ERR_OK;
	/* From CALLED on the loop no longer touches it until it is given back. */
	atomic_store_explicit(&c->state, CONN_CALLED, memory_order_release);
	return false;
}

void conn_answer_from_worker(struct conn *c, const struct builder *reply)
{
	enum conn_state expected = CONN_SIGNING;

	if (!conn_write_answer(c, reply) ||
	    !atomic_compare_exchange_strong(&c->state, &expected, CONN_READING))
		conn_give_back(c);
}

bool conn_open(const struct listener *l, int fd, const struct peer *peer)
{
	struct core *core = l->core;
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	c->core = core;
	c->control = l->control;
	c->number = ++core->conn_last;
	c->since = clock_now();
	c->watch.fd = fd;
	c->watch.ready = conn_ready;
	c->peer = *peer;
	if (loop_watch(core->loop, &c->watch, EPOLLIN) != ERR_OK) {
		free(c);
		return false;
	}
	c->next = core->conns;
	if (c->next != NULL)
		c->next->prev = c;
	core->conns = c;
	core->conn_count++;
	c->view = view_joined(l->view);
	return true;
}
