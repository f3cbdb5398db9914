/* session-bind@openssh.com: OpenSSH's PROTOCOL.agent, section "session binding". */
#include "agent/dispatch.h"
#include "keystore/fingerprint.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"

/* A bind whose signatures are being verified on a worker. */
struct bind_op {
	struct core *core;
	struct conn *conn; /* NULL when the client left */
	struct parked parked;
	struct job job;
	struct task done;
	struct blob body; /* what message views */
	struct session_bind message;
	enum err error;
};

#define OP_OF(ptr, member)                                                                         \
	((struct bind_op *)(void *)((char *)(ptr)-offsetof(struct bind_op, member)))

static void op_free(struct bind_op *op)
{
	blob_clear(&op->body);
	mem_free(op);
}

static void verify(struct job *j)
{
	struct bind_op *op = OP_OF(j, job);

	op->error = bind_verify(&op->message);
	loop_post(op->core->loop, &op->done);
}

/* For the log: the host that the client would have been at. */
static void record_refusal(const struct bind_op *op, enum err why)
{
	char print[FINGERPRINT_ROOM] = "";
	struct decision d = {.what = DECISION_BIND, .why = why};

	if (fingerprint(op->message.host_key, FINGERPRINT_SHA256, print) == ERR_OK)
		d.destination = bytes_str(print);
	decision_record(op->core, op->conn, &d);
	log_info("session bind refused to pid %ld: %s", (long)op->conn->peer.pid, err_text(why));
}

/* One that is good is not recorded: it allows nothing yet, and each login has one. */
static void verified(struct task *t)
{
	struct bind_op *op = OP_OF(t, done);
	struct conn *c = op->conn;
	enum err e = op->error;

	if (c != NULL && e == ERR_OK)
		e = route_add(&c->route, &op->message);
	if (c != NULL && e != ERR_OK) {
		route_fail(&c->route, e);
		record_refusal(op, e);
	}
	op_free(op);
	if (c == NULL)
		return;
	conn_answer_plain(c, e == ERR_OK ? AGENT_SUCCESS : AGENT_EXTENSION_FAILURE);
}

static void client_left(struct parked *p)
{
	struct bind_op *op = OP_OF(p, parked);

	if (workers_cancel(op->core->slow, &op->job))
		op_free(op);
	else
		op->conn = NULL;
}

static enum err op_new(struct bytes body, struct bind_op **out)
{
	struct bind_op *op = mem_alloc(sizeof(*op));
	enum err e = ERR_MEMORY;

	if (op != NULL)
		e = blob_copy(&op->body, body);
	if (e == ERR_OK)
		e = session_bind_parse(blob_view(&op->body), &op->message);
	if (e == ERR_OK)
		*out = op;
	else if (op != NULL)
		op_free(op);
	return e;
}

enum outcome req_session_bind(struct request *r, struct bytes body)
{
	struct bind_op *op = NULL;
	enum err e = op_new(body, &op);

	r->about.what = DECISION_BIND;
	if (e != ERR_OK) {
		route_fail(&r->conn->route, e);
		return refuse(r, e);
	}
	op->core = r->core;
	op->conn = r->conn;
	op->parked.cancel = client_left;
	op->job.run = verify;
	op->done.run = verified;
	conn_park(r->conn, &op->parked);
	workers_run(r->core->slow, &op->job);
	return PARKED;
}
