/*
 * What makes an attended client's round quick is as few switches between threads as can be.  On a
 * stream of AF_UNIX the end of what was read wakes whoever sent it, who waits for the answer and
 * can only go back to sleep: so where several are attended, a request is read but left in the
 * socket until it is answered.  And nothing is done between the answer, which makes the client
 * ready to run, and the wait, which lets it run here.
 */
#include "agent/attend.h"

#include <errno.h>
#include <sys/socket.h>

#include "agent/conn_impl.h"
#include "agent/dispatch.h"
#include "agent/sign_op.h"
#include "proto/base/clock.h"
#include "proto/base/mem.h"

enum {
	QUICK = 5, /* milliseconds from one request to the next; and how long it is waited for */
	QUICK_ENOUGH = 8, /* requests, for a worker of one's own */
	ROOM = 4096,      /* bytes read at a time */
};

/* A worker and the client that it attends; on its stack, which lies in secret memory. */
struct attendance {
	struct core *core;
	struct conn *conn;
	struct builder reply; /* the last answer */
	ssize_t n;            /* bytes that came; 0: the end; -1: nothing */
	size_t left;          /* of them, still in the socket */
	uint8_t data[ROOM];
};

static bool asks_quickly(struct conn *c)
{
	const uint64_t now = clock_now();

	c->pace.quick = now - c->pace.last <= QUICK ? c->pace.quick + 1 : 0;
	c->pace.last = now;
	return c->pace.quick >= QUICK_ENOUGH;
}

static bool has_patience(struct conn *c)
{
	static const struct timeval moment = {.tv_usec = QUICK * 1000};

	if (!c->pace.patient)
		c->pace.patient =
		    setsockopt(c->watch.fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment)) == 0;
	return c->pace.patient;
}

/* Take from the socket what is left of the request there. */
static void take_left(struct attendance *a)
{
	while (a->left != 0) {
		ssize_t n = recv(a->conn->watch.fd, a->data, a->left, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* Not what was there before: nothing after it can be trusted. */
			(void)shutdown(a->conn->watch.fd, SHUT_RDWR);
			break;
		}
		mem_wipe(a->data, (size_t)n);
		a->left -= (size_t)n;
	}
	a->left = 0;
}

/* False: the rest is the loop's, and so is the connection. */
static bool answer(struct attendance *a, struct sign_op *op)
{
	struct conn *c = a->conn;
	bool written;

	builder_clear(&a->reply);
	sign_make(op, &a->reply);
	written = conn_write_answer(c, &a->reply);
	take_left(a);
	if (written && conn_is(c, CONN_SIGNING))
		return true;
	conn_give_back(c);
	return false;
}

static void await(struct attendance *a)
{
	const bool crowded = atomic_load(&a->core->attended) > 1;

	a->n = recv(a->conn->watch.fd, a->data, sizeof(a->data), crowded ? MSG_PEEK : 0);
	if (a->n < 0 && errno != EAGAIN && errno != EINTR)
		a->n = 0;
	a->left = crowded && a->n > 0 ? (size_t)a->n : 0;
}

/* It is the loop's again, which already waits for what the handlers wanted if that is more than
 * the next request. */
static void let_go(struct conn *c)
{
	c->attended = false;
	c->pace.quick = 0;
	if (c->parked == NULL && c->output.len == 0 && !conn_is(c, CONN_CALLED))
		loop_change(&c->watch, EPOLLIN);
}

/* The request of this connection that is to be signed; others' are seen to by whoever leaves the
 * loop. */
static struct sign_op *take_own(struct attendance *a)
{
	for (struct sign_op **at = &a->core->signs; *at != NULL; at = &(*at)->next) {
		struct sign_op *op = *at;

		if (op->conn != a->conn)
			continue;
		*at = op->next;
		return op;
	}
	return NULL;
}

/* It is READING: what came is the next request, as a rule. */
static struct sign_op *handle(struct attendance *a)
{
	struct conn *c = a->conn;
	struct sign_op *op;

	if (a->n > 0) {
		conn_handle(c, BYTES(a->data, a->n));
		mem_wipe(a->data, (size_t)a->n);
	}
	conn_settle(c);
	if (c->watch.fd < 0)
		return NULL; /* closed */
	op = take_own(a);
	if (op != NULL && !sign_is_slow(op)) {
		conn_lend(c);
		return op;
	}
	take_left(a);
	let_go(c);
	if (op != NULL)
		sign_slowly(op);
	return NULL;
}

/* In the loop: go on with what came.  NULL: the connection is not attended any more. */
static struct sign_op *hear(struct attendance *a)
{
	struct conn *c = a->conn;
	enum conn_state expected = CONN_SIGNING;

	if (!atomic_compare_exchange_strong(&c->state, &expected, CONN_READING)) {
		if (a->n > 0 && a->left == 0)
			builder_put(&c->input, BYTES(a->data, a->n));
		c->gone = builder_error(&c->input) != ERR_OK;
		conn_give_back(c);
		return NULL;
	}
	if (c->dropped || a->n == 0) {
		conn_close(c);
		return NULL;
	}
	return handle(a);
}

static void attend(struct job *j)
{
	struct sign_op *op = SIGN_OP_OF(j, job);
	struct attendance a = {.core = op->core, .conn = op->conn};

	atomic_fetch_add(&a.core->attended, 1);
	while (op != NULL && answer(&a, op)) {
		(void)workers_help(a.core->fast);
		await(&a);
		loop_enter(a.core->loop);
		op = hear(&a);
		loop_leave(a.core->loop);
	}
	atomic_fetch_sub(&a.core->attended, 1);
	builder_clear(&a.reply);
	mem_wipe(a.data, sizeof(a.data));
}

bool attend_start(struct sign_op *op)
{
	struct conn *c = op->conn;

	if (!asks_quickly(c) || !conn_is(c, CONN_SIGNING) || !has_patience(c))
		return false;
	op->job = (struct job){.run = attend, .lasting = true};
	c->attended = true;
	if (!workers_run_soon(op->core->fast, &op->job)) {
		c->attended = false;
		return false;
	}
	loop_change(&c->watch, 0);
	return true;
}
