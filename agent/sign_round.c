/*
 * Signatures asked for in one round of the loop are looked at together at its end: slow ones go to
 * workers, fast ones of clients who want many to workers that stay with them (attend.h), the others
 * to workers, too; and the last, and what no worker has begun with by then, is made by whoever ran
 * the round, which saves a client the way to another thread and back.
 */
#include "agent/dispatch.h"
#include "agent/sign_op.h"
#include "keystore/secretmem.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

void sign_op_free(struct sign_op *op)
{
	key_unref(op->key);
	blob_clear(&op->data);
	blob_clear(&op->identity);
	blob_clear(&op->destination);
	blob_clear(&op->about);
	builder_clear(&op->reply);
	mem_free(op);
}

/* The request is decided; id is NULL when the key is not held (any more). */
void sign_op_record(const struct sign_op *op, struct identity *id, struct decision d)
{
	d.what = DECISION_SIGN;
	d.data = blob_view(&op->data);
	if (id != NULL) {
		d.print = id->print;
		d.comment = id->comment;
		d.destinations = id->rules.destinations;
	} else {
		d.blob = key_blob(op->key);
	}
	if (id != NULL && d.why == ERR_OK) {
		store_used(id);
		lastlogin_signed(
		    &op->core->last_logins, &op->conn->route, blob_view(&op->data), id->number);
	}
	decision_record(op->core, op->conn, &d);
}

/* Make the signature and the answer; by any thread. */
static void make_answer(struct sign_op *op)
{
	struct builder *b = &op->reply;
	size_t frame = message_open(b, AGENT_SIGN_RESPONSE);
	size_t string = builder_open(b);
	enum err e = key_sign(op->key, op->alg, blob_view(&op->data), b);

	builder_close(b, string);
	message_close(b, frame);
	if (e == ERR_OK)
		e = builder_error(b);
	if (e == ERR_OK)
		return;
	op->why = e;
	log_error("a signature could not be made: %s", err_text(e));
	builder_reset(b);
	message_plain(b, AGENT_FAILURE);
}

/* It was allowed, and yet there is no signature. */
static void sign_failed(struct task *t)
{
	struct sign_op *op = SIGN_OP_OF(t, task);
	struct decision d = {.what = DECISION_SIGN,
	    .why = op->why,
	    .forwarded = op->forwarded,
	    .view = bytes_str(op->view),
	    .blob = key_blob(op->key)};

	decisions_put(op->core->decisions, &op->who, &d);
	sign_op_free(op);
}

void sign_make(struct sign_op *op, struct builder *reply)
{
	struct conn *c = op->conn;

	op->who = (struct asker){c->number, c->peer.pid, c->since};
	op->forwarded = route_is_forwarded(&c->route);
	text_escape(view_name(c->view), op->view, sizeof(op->view));
	make_answer(op);
	*reply = op->reply;
	op->reply = (struct builder){0};
	if (op->why != ERR_OK) {
		op->task.run = sign_failed;
		loop_post(op->core->loop, &op->task);
	} else {
		sign_op_free(op);
	}
	secret_stack_clean();
}

static void sign_lent(struct sign_op *op)
{
	struct conn *c = op->conn;
	struct builder reply;

	sign_make(op, &reply);
	conn_answer_from_worker(c, &reply);
	builder_clear(&reply);
}

static void sign_on_worker(struct job *j)
{
	sign_lent(SIGN_OP_OF(j, job));
}

/* Those of a round: workers make what they can meanwhile, those that attend a client, too. */
static void sign_rest(struct task *t)
{
	struct sign_op *op = SIGN_OP_OF(t, task);
	struct workers *fast = op->core->fast;

	while (op != NULL) {
		struct sign_op *next = op->next;

		if (next != NULL && fast != NULL)
			workers_run(fast, &op->job);
		else
			sign_lent(op);
		op = next;
	}
	while (workers_help(fast))
		;
}

/* --- a slow one of a long message: it can be taken back while it waits for a worker, as who asked
 * may be hung up on for what is kept for all of them (backlog.h) */

static void long_one_signed(struct task *t)
{
	struct sign_op *op = SIGN_OP_OF(t, task);
	struct conn *c = op->conn;

	if (c != NULL && op->why != ERR_OK)
		sign_op_record(op, NULL, (struct decision){.why = op->why});
	if (c != NULL)
		conn_answer(c, builder_view(&op->reply));
	sign_op_free(op);
}

static void sign_long_one(struct job *j)
{
	struct sign_op *op = SIGN_OP_OF(j, job);

	make_answer(op);
	op->task.run = long_one_signed;
	loop_post(op->core->loop, &op->task);
}

static void long_one_left(struct parked *p)
{
	struct sign_op *op = SIGN_OP_OF(p, parked);

	if (workers_cancel(op->core->slow, &op->job))
		sign_op_free(op);
	else
		op->conn = NULL;
}

bool sign_is_slow(const struct sign_op *op)
{
	return key_is_slow(op->key) || op->data.len > LIMIT_CONNECTION;
}

void sign_slowly(struct sign_op *op)
{
	if (op->data.len > LIMIT_CONNECTION) {
		op->parked.cancel = long_one_left;
		op->job.run = sign_long_one;
		conn_park(op->conn, &op->parked);
	} else {
		op->job.run = sign_on_worker;
		conn_lend(op->conn);
	}
	workers_run(op->core->slow, &op->job);
}

static struct sign_op *oldest_first(struct sign_op *newest)
{
	struct sign_op *oldest = NULL;

	while (newest != NULL) {
		struct sign_op *op = newest;

		newest = op->next;
		op->next = oldest;
		oldest = op;
	}
	return oldest;
}

struct task *sign_round(void *arg)
{
	struct core *core = arg;
	struct sign_op *op = oldest_first(core->signs);
	struct sign_op *rest = NULL, **last = &rest;

	core->signs = NULL;
	while (op != NULL) {
		struct sign_op *given = op;

		op = op->next;
		if (sign_is_slow(given)) {
			sign_slowly(given);
			continue;
		}
		conn_lend(given->conn);
		if (attend_start(given))
			continue;
		given->job = (struct job){.run = sign_on_worker};
		given->next = NULL;
		*last = given;
		last = &given->next;
	}
	if (rest == NULL)
		return NULL;
	rest->task.run = sign_rest;
	return &rest->task;
}

void sign_enqueue(struct sign_op *op)
{
	op->next = op->core->signs;
	op->core->signs = op;
}
