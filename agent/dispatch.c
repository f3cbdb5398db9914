#include "agent/dispatch.h"

#include "agent/firstlook.h"
#include "agent/purpose.h"

#include "proto/agentmsg.h"
#include "proto/base/log.h"
#include "proto/ctlmsg.h"

/* What a request changes: a view that shows some of the keys changes none of the others. */
enum reach {
	READS,
	CHANGES, /* keys */
	WHOLE,   /* what is no view's alone: the lock, a token */
};

struct row {
	uint8_t number;
	enum outcome (*handle)(struct request *r);
	enum decision_what what; /* in the decision log, where the handler does not say */
	enum reach reach;
	bool while_locked; /* allowed while the agent is locked */
	bool has_body;     /* false: any byte after the number is an error */
};

/*
 * RFC 9987 section 5.7 suspends at least signing while locked; as in OpenSSH
 * all but unlocking, extensions and an empty list is refused, save removing
 * all keys and a token's, which section 5.4 wants honoured always, and locking
 * with a passphrase what is locked with the screen only.
 */
static const struct row agent_rows[] = {
    {AGENT_REQUEST_IDENTITIES, req_list, DECISION_LIST_KEYS, READS, true, false},
    {AGENT_SIGN_REQUEST, req_sign, DECISION_SIGN, READS, false, true},
    {AGENT_ADD_IDENTITY, req_add, DECISION_ADD, CHANGES, false, true},
    {AGENT_ADD_ID_CONSTRAINED, req_add, DECISION_ADD, CHANGES, false, true},
    {AGENT_REMOVE_IDENTITY, req_remove, DECISION_REMOVE, CHANGES, false, true},
    {AGENT_REMOVE_ALL_IDENTITIES, req_remove_all, DECISION_REMOVE_ALL, CHANGES, true, false},
    {AGENT_ADD_SMARTCARD_KEY, req_token_add, DECISION_ADD_TOKEN, CHANGES, false, true},
    {AGENT_REMOVE_SMARTCARD_KEY, req_token_remove, DECISION_REMOVE_TOKEN, WHOLE, true, true},
    {AGENT_ADD_SMARTCARD_KEY_CONSTRAINED, req_token_add, DECISION_ADD_TOKEN, CHANGES, false, true},
    {AGENT_LOCK, req_lock, DECISION_LOCK, WHOLE, true, true},
    {AGENT_UNLOCK, req_unlock, DECISION_UNLOCK, WHOLE, true, true},
    {AGENT_EXTENSION, req_extension, DECISION_EXTENSION, READS, true, true},
};

static const struct row control_rows[] = {
    {CTL_STATUS, req_status, DECISION_CONTROL, READS, true, false},
    {CTL_LIST, req_keys, DECISION_CONTROL, READS, false, true},
    {CTL_LOG, req_log, DECISION_CONTROL, READS, true, true},
    {CTL_LOG_FOLLOW, req_follow, DECISION_CONTROL, READS, true, true},
    {CTL_ADD, req_add_with_rules, DECISION_ADD, CHANGES, false, true},
    {CTL_CERTIFICATE, req_certificate, DECISION_ADD, CHANGES, false, true},
    {CTL_ADD_TOKEN, req_token_add_with_rules, DECISION_ADD_TOKEN, CHANGES, false, true},
    {CTL_ENVIRONMENT, req_environment, DECISION_CONTROL, WHOLE, false, true},
};

static const struct row *row_in(const struct row *rows, size_t n, uint8_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].number == number)
			return &rows[i];
	}
	return NULL;
}

static const struct row *row_for(const struct conn *c, uint8_t number)
{
	if (c->control)
		return row_in(control_rows, sizeof(control_rows) / sizeof(control_rows[0]), number);
	return row_in(agent_rows, sizeof(agent_rows) / sizeof(agent_rows[0]), number);
}

/* For the log: a number that is none has no row. */
static enum decision_what what_is(const struct conn *c, uint8_t number)
{
	const struct row *row = row_for(c, number);

	if (row != NULL)
		return row->what;
	return c->control ? DECISION_CONTROL : DECISION_UNKNOWN;
}

void request_decided(struct request *r, enum err why)
{
	if (r->about.what == DECISION_UNKNOWN)
		r->about.what = what_is(r->conn, r->number);
	r->about.why = why;
	decision_record(r->core, r->conn, &r->about);
}

void decision_record(struct core *core, const struct conn *c, const struct decision *d)
{
	struct decision told = *d;
	struct asker who = {0};
	struct purpose p;

	if (c != NULL) {
		who = (struct asker){c->number, c->peer.pid, c->since};
		purpose_read(
		    &p, &(struct purpose_of){&c->route, &core->hostbook, d->data, d->destinations});
		told.forwarded = p.forwarded;
		told.view = view_name(c->view);
		told.through = bytes_str(p.through);
		if (told.destination.len == 0)
			told.destination = bytes_str(p.destination);
	}
	decisions_put(core->decisions, &who, &told);
}

enum outcome refuse(struct request *r, enum err why)
{
	r->why = why;
	return REFUSED;
}

enum outcome succeed(struct request *r)
{
	request_decided(r, ERR_OK);
	conn_build_success(r->conn, &r->core->reply);
	return ANSWERED;
}

/* For the log, as no handler will: which key a locked agent does not sign with, and what for. */
static void name_wanted_key(struct request *r)
{
	struct msg_sign m;

	if (r->conn->control || r->number != AGENT_SIGN_REQUEST ||
	    msg_sign_parse(r->body, &m) != ERR_OK)
		return;
	r->about.blob = m.key;
	r->about.data = m.data;
}

static enum err permitted_by_view(const struct view *view, enum reach reach)
{
	enum err e;

	if (view == NULL || reach == READS)
		return ERR_OK;
	e = view_permits_changes(view);
	return e == ERR_OK && reach == WHOLE ? ERR_VIEW_WHOLE : e;
}

static enum outcome run_row(const struct row *row, struct request *r)
{
	enum err e;

	if (row == NULL)
		return refuse(r, ERR_MESSAGE);
	if (!row->has_body && r->body.len != 0)
		return refuse(r, ERR_SURPLUS);
	e = permitted_by_view(r->conn->view, row->reach);
	if (e != ERR_OK)
		return refuse(r, e);
	if (lock_is_on(&r->core->lock) && !row->while_locked) {
		name_wanted_key(r);
		return refuse(r, lock_reason(&r->core->lock));
	}
	return row->handle(r);
}

static void answer_failure(struct request *r)
{
	builder_reset(&r->core->reply);
	conn_build_refusal(r->conn, &r->core->reply, r->why);
}

bool dispatch(struct conn *c, struct bytes message)
{
	return firstlook_defer(c, message) || dispatch_now(c, message);
}

/* The numbers of the control protocol are others. */
static const char *words_of(const struct request *r)
{
	return r->conn->control ? "control" : agent_number_words(r->number);
}

bool dispatch_now(struct conn *c, struct bytes message)
{
	struct request r = {.conn = c, .core = c->core, .number = message.data[0]};
	enum outcome outcome;

	r.body = BYTES(message.data + 1, message.len - 1);
	log_debug("request %u (%s) of pid %ld, %zu bytes", r.number, words_of(&r),
	    (long)c->peer.pid, message.len);
	outcome = run_row(row_for(c, r.number), &r);
	if (outcome == ANSWERED && builder_error(&c->core->reply) != ERR_OK)
		outcome = refuse(&r, builder_error(&c->core->reply));
	if (outcome == REFUSED) {
		log_info("request %u (%s) refused to pid %ld: %s", r.number, words_of(&r),
		    (long)c->peer.pid, err_text(r.why));
		request_decided(&r, r.why);
		answer_failure(&r);
	}
	return outcome == PARKED;
}
