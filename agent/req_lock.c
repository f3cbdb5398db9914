/* LOCK and UNLOCK: RFC 9987, section 5.7. */
#include <string.h>

#include "agent/dispatch.h"
#include "keystore/crypto.h"
#include "keystore/kdf.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"

enum { ROUNDS = 8 };

struct lock_op {
	struct core *core;
	struct conn *conn; /* NULL when the client left */
	bool unlock;
	struct parked parked;
	struct guess guess; /* in the line, unless it is core->lock.working or its answer is late */
	struct job job;
	struct task done;
	struct timer delay; /* armed while its answer is held back */
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

static void start(struct lock_op *op)
{
	struct core *core = op->core;

	core->lock.working = op;
	if (op->unlock) {
		memcpy(op->salt, core->lock.salt, LOCK_SALT);
	} else if (crypto_random(op->salt, LOCK_SALT) != ERR_OK) {
		op->error = ERR_CRYPTO;
		loop_post(core->loop, &op->done);
		return;
	}
	workers_run(core->slow, &op->job);
}

/* Answer it; op waits nowhere any more. */
static void finish(struct lock_op *op, enum err e)
{
	struct core *core = op->core;
	struct conn *c = op->conn;
	struct decision d = {.what = op->unlock ? DECISION_UNLOCK : DECISION_LOCK, .why = e};

	decision_record(core, c, &d);
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
}

static void refuse_waiting(struct lock *l, struct guess *g, enum err e)
{
	guessers_leave(&l->guessers, g);
	finish(OP_OF(g, guess), e);
}

static void look_again(struct timer *t);

/* Derive the next one, if nobody's is being derived and somebody's turn has come. */
static void go_on(struct core *core)
{
	struct lock *l = &core->lock;
	struct guess *g = NULL;
	uint64_t when = UINT64_MAX;

	while (l->working == NULL && l->guessers.first != NULL) {
		g = guessers_next(&l->guessers, clock_now(), &when);
		if (g != NULL) {
			start(OP_OF(g, guess));
			return;
		}
		l->again.due = look_again;
		if (timer_arm(core->loop, &l->again, when) == ERR_OK)
			return;
		refuse_waiting(l, l->guessers.last, ERR_MEMORY);
	}
}

static void look_again(struct timer *t)
{
	go_on((struct core *)(void *)((char *)t - offsetof(struct core, lock.again)));
}

static void delay_over(struct timer *t)
{
	finish(OP_OF(t, delay), ERR_PASSPHRASE);
}

static void wrong_passphrase(struct lock_op *op)
{
	struct core *core = op->core;
	uint64_t now = clock_now();
	uint64_t late = guessers_wrong(&core->lock.guessers, &op->guess, now);

	if (op->conn == NULL || timer_arm(core->loop, &op->delay, now + late) != ERR_OK)
		finish(op, ERR_PASSPHRASE);
}

/* Why there is nothing to be locked, or unlocked by a passphrase. */
static enum err senseless(const struct lock *l)
{
	enum err e = lock_reason(l);

	return e != ERR_OK ? e : ERR_NOT_LOCKED;
}

/* Lock or unlock; what waits for the same has come too late. */
static void turn(struct lock *l, bool on)
{
	struct guess *g;

	l->on = on;
	guessers_forgive(&l->guessers);
	while ((g = l->guessers.first) != NULL)
		refuse_waiting(l, g, senseless(l));
}

static void derived(struct task *t)
{
	struct lock_op *op = OP_OF(t, done);
	struct core *core = op->core;
	struct lock *l = &core->lock;

	l->working = NULL;
	if (op->error != ERR_OK) {
		finish(op, op->error);
	} else if (!op->unlock) {
		memcpy(l->salt, op->salt, LOCK_SALT);
		memcpy(l->hash, op->hash, LOCK_HASH);
		consent_forget(&core->consents, NULL);
		devices_forget_pins(core->devices);
		token_additions_end(core, ERR_LOCKED);
		modules_forget_pins(core->modules);
		turn(l, true);
		store_relock_all(core->store);
		unlockings_review(&core->unlockings);
		touches_review(&core->touches);
		tokensigns_review(&core->tokensigns);
		offers_review(&core->offers);
		residents_review(&core->residents);
		finish(op, ERR_OK);
	} else if (mem_equal(op->hash, l->hash, LOCK_HASH)) {
		mem_wipe(l->hash, LOCK_HASH);
		turn(l, false);
		offers_review(&core->offers);
		residents_review(&core->residents);
		finish(op, ERR_OK);
	} else {
		wrong_passphrase(op);
	}
	go_on(core);
}

/*
 * A guess that nobody waits for is dropped, unless it is being looked at: else clients that come,
 * guess and leave could pile up work.  A wish to lock is honoured all the same.
 */
static void client_left(struct parked *p)
{
	struct lock_op *op = OP_OF(p, parked);
	struct core *core = op->core;

	op->conn = NULL;
	if (!op->unlock || core->lock.working == op)
		return;
	if (op->delay.slot != 0) {
		timer_cancel(core->loop, &op->delay);
		finish(op, ERR_PASSPHRASE);
		return;
	}
	guessers_leave(&core->lock.guessers, &op->guess);
	blob_clear(&op->passphrase);
	mem_free(op);
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
	if (e == ERR_OK && r->core->lock.on != unlock)
		e = senseless(&r->core->lock);
	if (e != ERR_OK)
		return refuse(r, e);
	op = mem_alloc(sizeof(*op));
	if (op == NULL)
		return refuse(r, ERR_MEMORY);
	*op = (struct lock_op){.core = r->core, .conn = r->conn, .unlock = unlock};
	op->guess = (struct guess){
	    .pid = r->conn->peer.pid,
	    .forwarded = route_is_remote(&r->conn->route),
	    .no_guess = !unlock,
	};
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
	guessers_join(&r->core->lock.guessers, &op->guess);
	go_on(r->core);
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

size_t lock_waiting(const struct lock *l)
{
	size_t n = l->working != NULL;

	for (const struct guess *g = l->guessers.first; g != NULL; g = g->next)
		n++;
	return n;
}
