/* LOCK and UNLOCK: RFC 9987, section 5.7. */
#include <string.h>

#include "agent/dispatch.h"
#include "keystore/crypto.h"
#include "keystore/kdf.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"

enum {
	ROUNDS = 8,
	/* After the n-th wrong passphrase its answer comes n times this late, in milliseconds ...
	 */
	DELAY_STEP = 100,
	/* ... but no later than this. */
	DELAY_MOST = 10000,
};

struct lock_op {
	struct lock_op *next;
	struct core *core;
	struct conn *conn; /* NULL when the client left */
	bool unlock;
	struct parked parked;
	struct job job;
	struct task done;
	struct timer delay;
	struct blob passphrase;
	uint8_t salt[LOCK_SALT];
	uint8_t hash[LOCK_HASH];
	enum err error;
};

#define OP_OF(ptr, member)                                                                         \
	((struct lock_op *)(void *)((char *)(ptr)-offsetof(struct lock_op, member)))

static void derive(struct job *j)
{
	struct lock_op *op = OP_OF(j, job);

	op->error = kdf_bcrypt(
	    blob_view(&op->passphrase), BYTES(op->salt, LOCK_SALT), ROUNDS, op->hash, LOCK_HASH);
	loop_post(op->core->loop, &op->done);
}

static void start_first(struct core *core)
{
	struct lock_op *op = core->lock.first;

	if (op == NULL)
		return;
	if (op->unlock) {
		memcpy(op->salt, core->lock.salt, LOCK_SALT);
	} else if (crypto_random(op->salt, LOCK_SALT) != ERR_OK) {
		op->error = ERR_CRYPTO;
		loop_post(core->loop, &op->done);
		return;
	}
	workers_run(core->slow, &op->job);
}

/* Answer the first, and go on with the next. */
static void finish(struct lock_op *op, enum err e)
{
	struct core *core = op->core;
	struct conn *c = op->conn;
	struct decision d = {.what = op->unlock ? DECISION_UNLOCK : DECISION_LOCK, .why = e};

	decision_record(core, c, &d);
	core->lock.first = op->next;
	if (op->next == NULL)
		core->lock.last = NULL;
	blob_clear(&op->passphrase);
	if (c != NULL) {
		if (e != ERR_OK)
			log_info("%s refused to pid %ld: %s", op->unlock ? "unlock" : "lock",
			    (long)c->peer.pid, err_text(e));
		if (e == ERR_OK)
			conn_succeed(c);
		else
			conn_refuse(c, e);
	}
	mem_free(op);
	start_first(core);
}

static void delay_over(struct timer *t)
{
	finish(OP_OF(t, delay), ERR_PASSPHRASE);
}

static void wrong_passphrase(struct lock_op *op)
{
	struct lock *l = &op->core->lock;
	uint64_t wait;

	l->failures++;
	wait = (uint64_t)l->failures * DELAY_STEP;
	if (wait > DELAY_MOST)
		wait = DELAY_MOST;
	if (timer_arm(op->core->loop, &op->delay, clock_now() + wait) != ERR_OK)
		finish(op, ERR_PASSPHRASE);
}

static void derived(struct task *t)
{
	struct lock_op *op = OP_OF(t, done);
	struct lock *l = &op->core->lock;

	if (op->error != ERR_OK || l->on != op->unlock) {
		finish(op, op->error != ERR_OK ? op->error : l->on ? ERR_LOCKED : ERR_NOT_LOCKED);
	} else if (!op->unlock) {
		memcpy(l->salt, op->salt, LOCK_SALT);
		memcpy(l->hash, op->hash, LOCK_HASH);
		l->failures = 0;
		l->on = true;
		consent_forget(&op->core->consents);
		devices_forget_pins(op->core->devices);
		finish(op, ERR_OK);
	} else if (mem_equal(op->hash, l->hash, LOCK_HASH)) {
		l->on = false;
		mem_wipe(l->hash, LOCK_HASH);
		finish(op, ERR_OK);
	} else {
		wrong_passphrase(op);
	}
}

/*
 * A guess that nobody waits for is dropped, unless it is being looked at: else clients that come,
 * guess and leave could pile up work.  A wish to lock is honoured all the same.
 */
static void client_left(struct parked *p)
{
	struct lock_op *op = OP_OF(p, parked);
	struct lock_op *before = op->core->lock.first;

	op->conn = NULL;
	if (!op->unlock || before == op)
		return;
	while (before->next != op)
		before = before->next;
	before->next = op->next;
	if (op->next == NULL)
		op->core->lock.last = before;
	blob_clear(&op->passphrase);
	mem_free(op);
}

static void enqueue(struct lock_op *op)
{
	struct lock *l = &op->core->lock;

	if (l->last != NULL)
		l->last->next = op;
	else
		l->first = op;
	l->last = op;
	if (l->first == op)
		start_first(op->core);
}

static enum outcome lock_request(struct request *r, bool unlock)
{
	struct lock_op *op;
	struct bytes passphrase;
	enum err e = msg_string_parse(r->body, &passphrase);

	if (e == ERR_OK && passphrase.len > LIMIT_PASSPHRASE)
		e = ERR_TOO_LONG;
	if (e == ERR_OK && passphrase.len == 0)
		e = ERR_PASSPHRASE_NEEDED;
	if (e == ERR_OK && lock_is_on(&r->core->lock) != unlock)
		e = unlock ? ERR_NOT_LOCKED : ERR_LOCKED;
	if (e != ERR_OK)
		return refuse(r, e);
	op = mem_alloc(sizeof(*op));
	if (op == NULL)
		return refuse(r, ERR_MEMORY);
	*op = (struct lock_op){.core = r->core, .conn = r->conn, .unlock = unlock};
	op->parked.cancel = client_left;
	op->job.run = derive;
	op->done.run = derived;
	op->delay.due = delay_over;
	e = blob_copy(&op->passphrase, passphrase);
	if (e != ERR_OK) {
		mem_free(op);
		return refuse(r, e);
	}
	conn_park(r->conn, &op->parked);
	enqueue(op);
	return PARKED;
}

enum outcome req_lock(struct request *r)
{
	return lock_request(r, false);
}

enum outcome req_unlock(struct request *r)
{
	return lock_request(r, true);
}
