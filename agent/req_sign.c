/*
 * SIGN_REQUEST: RFC 9987, section 5.6.
 *
 * Stages: find the key, choose the algorithm, ask for consent where the key
 * wants it, unlock it where its file offers it, sign, answer.  The last two
 * are sign_round.c's.
 */
#include "agent/consent.h"
#include "agent/dispatch.h"
#include "agent/permit.h"
#include "agent/sign_op.h"
#include "agent/websafe.h"

#include "proto/base/log.h"
#include "proto/base/mem.h"

/* In a device, which signs, or in its file still. */
static bool is_elsewhere(const struct key *key)
{
	return key_is_sk(key) || key_is_public(key) || key_is_locked(key);
}

/* All but most signatures of tokens tell a person what they are for. */
static bool wants_words(const struct key *key)
{
	return key_is_sk(key) || key_is_locked(key);
}

/* What the view that it came in through and the key's own rules say to it. */
static enum err allowed(const struct conn *c, const struct identity *id, struct bytes data)
{
	enum err e = view_permits(c->view, id);

	return e == ERR_OK ? permit_sign(id, &c->route, data) : e;
}

/* What may have changed while a person was asked: the lock, the key, its rules. */
static enum err look_again(const struct sign_op *op, const struct identity *id)
{
	enum err e;

	if (lock_is_on(&op->core->lock))
		return lock_reason(&op->core->lock);
	if (id == NULL)
		return ERR_NOT_FOUND;
	e = allowed(op->conn, id, blob_view(&op->data));
	/* It was on its way before somebody wanted that, and nobody was asked. */
	if (e == ERR_OK && !op->needed && permit_asks(op->conn->view, id, &op->conn->route))
		e = ERR_RULES_CHANGED;
	/* Of a security key that was locked its application is known only now. */
	return e == ERR_OK ? websafe_permit(op->core->options, id, blob_view(&op->data)) : e;
}

static void refuse_parked(struct sign_op *op, enum err why)
{
	struct conn *c = op->conn;

	log_info("sign refused to pid %ld: %s", (long)c->peer.pid, err_text(why));
	sign_op_free(op);
	conn_refuse(c, why);
}

/* The last word: sign, or refuse. */
static void settle(struct sign_op *op, struct identity *id, struct decision d)
{
	sign_op_record(op, id, d);
	if (d.why != ERR_OK) {
		refuse_parked(op, d.why);
		return;
	}
	conn_hold(op->conn);
	sign_enqueue(op);
}

static void touched(void *ctx, enum err result, struct bytes signature)
{
	struct sign_op *op = ctx;
	struct conn *c = op->conn;
	struct identity *id = store_find(op->core->store, blob_view(&op->identity));
	size_t frame;

	op->touch = NULL;
	op->token = NULL;
	consent_cancel(op->inquiry);
	op->inquiry = NULL;
	if (result == ERR_OK)
		result = look_again(op, id);
	if (result == ERR_OK) {
		frame = message_open(&op->reply, AGENT_SIGN_RESPONSE);
		builder_string(&op->reply, signature);
		message_close(&op->reply, frame);
		result = builder_error(&op->reply);
	}
	sign_op_record(op, id,
	    (struct decision){
		.why = result, .consent = op->how, .destination = blob_view(&op->destination)});
	if (result != ERR_OK) {
		refuse_parked(op, result);
		return;
	}
	conn_answer(c, builder_view(&op->reply));
	sign_op_free(op);
}

static enum err still_allowed(void *ctx)
{
	const struct sign_op *op = ctx;

	return look_again(op, store_find(op->core->store, blob_view(&op->identity)));
}

/* Locked again, it is in no device that we know of: nobody is asked to plug one in. */
static enum err still_unlocked(void *ctx)
{
	const struct sign_op *op = ctx;
	const struct identity *id = store_find(op->core->store, blob_view(&op->identity));
	enum err e = look_again(op, id);

	return e == ERR_OK && key_is_locked(id->key) ? ERR_RELOCKED : e;
}

static enum err describe_token(void *ctx);

/* The device is next.  Who asks and what for is not known yet where it is a token's, most of whose
 * signatures need it not. */
static enum err start_touch(struct sign_op *op, const struct identity *id)
{
	struct touch_request request = {
	    .key = op->key,
	    .alg = op->alg,
	    .data = blob_view(&op->data),
	    .provider = id->rules.provider,
	    .comment = id->comment,
	    .print = id->print,
	    .purpose = blob_view(&op->about),
	    .pid = (uint32_t)op->conn->peer.pid,
	    .started = op->started,
	    .forwarded = route_is_remote(&op->conn->route),
	    .allowed = still_unlocked,
	};

	if (!op->described)
		request.describe = describe_token;
	if (key_is_sk(op->key))
		op->touch = touch_begin(&op->core->touches, &request, touched, op);
	else
		op->token =
		    tokensign_begin(&op->core->tokensigns, &request, id->rules.place, touched, op);
	return op->touch != NULL || op->token != NULL ? ERR_OK : ERR_MEMORY;
}

/* What the inquiry found out, which ends with its answer. */
static enum err describe(struct sign_op *op, const struct inquiry *inquiry)
{
	struct builder about = {0};
	enum err e;

	consent_about(inquiry, &about);
	blob_clear(&op->about);
	e = builder_take(&about, &op->about);
	builder_clear(&about);
	op->started = consent_client_started(inquiry);
	op->described = e == ERR_OK;
	return e;
}

/* --- a key that its file offers is unlocked first */

static void record_unlocking(
    const struct sign_op *op, const struct identity *id, enum err why, enum unlock_how how)
{
	struct decision d = {.what = DECISION_UNLOCK_KEY, .why = why};

	if (why == ERR_OK)
		d.how = unlock_words(how);
	if (how == UNLOCK_TYPED || why == ERR_DENIED)
		d.consent = CONSENT_ASKED;
	if (id != NULL) {
		d.print = id->print;
		d.comment = id->comment;
	} else {
		d.blob = key_blob(op->key);
	}
	decision_record(op->core, op->conn, &d);
}

static enum err go_on(struct sign_op *op, const struct identity *id);
static enum err ask_consent(struct sign_op *op, const struct identity *id, bool quiet);

/* What its file said of it may be what other rules are for. */
static bool asks_anew(struct sign_op *op, const struct identity *id)
{
	const struct key_rules old = op->rules;

	op->rules = view_rules(op->conn->view, &id->rules.key, &op->conn->route);
	return op->how != CONSENT_ASKED && permit_asks(op->conn->view, id, &op->conn->route) &&
	       (!op->needed || op->rules.confirm != old.confirm ||
		   op->rules.confirm_seconds != old.confirm_seconds);
}

static void unlocked(void *ctx, enum err result, enum unlock_how how)
{
	struct sign_op *op = ctx;
	struct identity *id = store_find(op->core->store, blob_view(&op->identity));

	op->unlocking = NULL;
	record_unlocking(op, id, result, how);
	if (result == ERR_OK && id != NULL && asks_anew(op, id)) {
		op->needed = true;
		result = look_again(op, id);
		if (result == ERR_OK)
			result = ask_consent(op, id, false);
		if (result == ERR_OK)
			return;
	}
	if (result == ERR_OK)
		result = look_again(op, id);
	if (result == ERR_OK) {
		key_unref(op->key);
		op->key = key_ref(id->key);
		result = key_is_locked(op->key) ? ERR_RELOCKED : ERR_OK;
	}
	if (result == ERR_OK && is_elsewhere(op->key)) {
		result = go_on(op, id);
		if (result == ERR_OK)
			return;
	}
	settle(op, id,
	    (struct decision){
		.why = result, .consent = op->how, .destination = blob_view(&op->destination)});
}

static enum err start_unlocking(struct sign_op *op)
{
	const struct unlock_request request = {
	    .identity = blob_view(&op->identity),
	    .purpose = blob_view(&op->about),
	    .pid = (uint32_t)op->conn->peer.pid,
	    .started = op->started,
	    .forwarded = route_is_remote(&op->conn->route),
	    .allowed = still_allowed,
	};

	op->unlocking = unlocking_begin(&op->core->unlockings, &request, unlocked, op);
	return op->unlocking != NULL ? ERR_OK : ERR_MEMORY;
}

/* What the key wants next; its inquiry, if there was one, is over. */
static enum err go_on(struct sign_op *op, const struct identity *id)
{
	return key_is_locked(op->key) ? start_unlocking(op) : start_touch(op, id);
}

/* The key as it is held now: it may have been unlocked, or locked, while a person was asked. */
static void look_at_key(struct sign_op *op, const struct identity *id)
{
	if (is_elsewhere(op->key) && !key_is_locked(op->key) && !key_is_locked(id->key))
		return;
	key_ref(id->key);
	key_unref(op->key);
	op->key = id->key;
}

static void consent_given(void *ctx, enum err result, enum consent how, struct bytes destination)
{
	struct sign_op *op = ctx;
	struct identity *id = store_find(op->core->store, blob_view(&op->identity));
	const struct inquiry *inquiry = op->inquiry;

	op->inquiry = NULL;
	if (result == ERR_OK)
		result = look_again(op, id);
	if (op->token != NULL) {
		if (result == ERR_OK)
			result = describe(op, inquiry);
		if (result == ERR_OK) {
			tokensign_describe(op->token, blob_view(&op->about), op->started);
			return;
		}
		tokensign_cancel(op->token);
		op->token = NULL;
	} else if (result == ERR_OK && (look_at_key(op, id), is_elsewhere(op->key))) {
		op->how = how;
		result = blob_copy(&op->destination, destination);
		if (result == ERR_OK)
			result = describe(op, inquiry);
		if (result == ERR_OK)
			result = go_on(op, id);
		if (result == ERR_OK)
			return;
	}
	settle(
	    op, id, (struct decision){.why = result, .consent = how, .destination = destination});
}

static void client_left(struct parked *p)
{
	struct sign_op *op = SIGN_OP_OF(p, parked);
	enum consent how = op->inquiry == NULL             ? op->how
			   : consent_is_shown(op->inquiry) ? CONSENT_ASKED
							   : CONSENT_NOT_ASKED;

	consent_cancel(op->inquiry);
	unlocking_cancel(op->unlocking);
	touch_cancel(op->touch);
	tokensign_cancel(op->token);
	sign_op_record(op, store_find(op->core->store, blob_view(&op->identity)),
	    (struct decision){.why = ERR_CANCELLED, .consent = how});
	sign_op_free(op);
}

static enum err ask_consent(struct sign_op *op, const struct identity *id, bool quiet)
{
	struct conn *c = op->conn;
	struct consent_request request = {
	    .comment = id->comment,
	    .print = id->print,
	    .rules = view_rules(c->view, &id->rules.key, &c->route),
	    .destinations = id->rules.destinations,
	    .data = blob_view(&op->data),
	    .who = {c->number, c->peer.pid, c->since},
	    .route = &c->route,
	    .quiet = quiet,
	    .allowed = still_allowed,
	};

	op->inquiry = consent_ask(&op->core->consents, &request, consent_given, op);
	return op->inquiry != NULL ? ERR_OK : ERR_MEMORY;
}

static enum err describe_token(void *ctx)
{
	struct sign_op *op = ctx;
	const struct identity *id = store_find(op->core->store, blob_view(&op->identity));

	return id != NULL ? ask_consent(op, id, true) : ERR_NOT_FOUND;
}

static enum err prepare(struct sign_op *op, const struct identity *id, const struct msg_sign *m)
{
	op->parked.cancel = client_left;
	op->key = key_ref(id->key);
	return blob_copy(&op->data, m->data);
}

/* The key may be used, and alg is chosen: make the operation and send it on its way. */
static enum outcome begin(
    struct request *r, struct identity *id, const struct sigalg *alg, const struct msg_sign *m)
{
	bool needed = permit_asks(r->conn->view, id, &r->conn->route);
	bool elsewhere = is_elsewhere(id->key);
	struct sign_op *op = mem_alloc(sizeof(*op));
	enum err e;

	if (op == NULL)
		return refuse(r, ERR_MEMORY);
	op->core = r->core;
	op->conn = r->conn;
	op->alg = alg;
	op->needed = needed;
	op->rules = view_rules(r->conn->view, &id->rules.key, &r->conn->route);
	e = prepare(op, id, m);
	if (e == ERR_OK && (needed || elsewhere))
		e = blob_copy(&op->identity, id->blob);
	/* A touch, too, is asked for in words that say what it is for, and so is a passphrase. */
	if (e == ERR_OK && (needed || wants_words(id->key)))
		e = ask_consent(op, id, !needed);
	else if (e == ERR_OK && elsewhere)
		e = start_touch(op, id);
	if (e != ERR_OK) {
		sign_op_free(op);
		return refuse(r, e);
	}
	if (needed || elsewhere) {
		conn_park(r->conn, &op->parked);
		return PARKED;
	}
	sign_op_record(op, id, (struct decision){.why = ERR_OK});
	conn_hold(r->conn);
	sign_enqueue(op);
	return PARKED;
}

enum outcome req_sign(struct request *r)
{
	struct identity *id;
	const struct sigalg *alg;
	struct msg_sign m;
	enum err e = msg_sign_parse(r->body, &m);

	if (e != ERR_OK)
		return refuse(r, e);
	id = store_find(r->core->store, m.key);
	r->about.blob = m.key;
	r->about.data = m.data;
	if (id == NULL)
		return refuse(r, ERR_NOT_FOUND);
	r->about.print = id->print;
	r->about.comment = id->comment;
	r->about.destinations = id->rules.destinations;
	e = allowed(r->conn, id, m.data);
	if (e == ERR_OK)
		e = websafe_permit(r->core->options, id, m.data);
	if (e == ERR_OK)
		e = permit_algorithm(r->core->options, id->key, m.flags, &alg);
	return e == ERR_OK ? begin(r, id, alg, &m) : refuse(r, e);
}
