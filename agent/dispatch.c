#include "agent/dispatch.h"

#include "agent/firstlook.h"
#include "agent/purpose.h"

#include "proto/agentmsg.h"
#include "proto/base/log.h"
#include "proto/ctlmsg.h"

struct row {
	uint8_t number;
	enum outcome (*handle)(struct request *r);
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
    {AGENT_REQUEST_IDENTITIES, req_list, true, false},
    {AGENT_SIGN_REQUEST, req_sign, false, true},
    {AGENT_ADD_IDENTITY, req_add, false, true},
    {AGENT_ADD_ID_CONSTRAINED, req_add, false, true},
    {AGENT_REMOVE_IDENTITY, req_remove, false, true},
    {AGENT_REMOVE_ALL_IDENTITIES, req_remove_all, true, false},
    {AGENT_ADD_SMARTCARD_KEY, req_token_add, false, true},
    {AGENT_REMOVE_SMARTCARD_KEY, req_token_remove, true, true},
    {AGENT_ADD_SMARTCARD_KEY_CONSTRAINED, req_token_add, false, true},
    {AGENT_LOCK, req_lock, true, true},
    {AGENT_UNLOCK, req_unlock, true, true},
    {AGENT_EXTENSION, req_extension, true, true},
};

static const struct row control_rows[] = {
    {CTL_STATUS, req_status, true, false},
    {CTL_LIST, req_keys, false, true},
    {CTL_LOG, req_log, true, true},
    {CTL_LOG_FOLLOW, req_follow, true, true},
    {CTL_ADD, req_add_with_rules, false, true},
    {CTL_CERTIFICATE, req_certificate, false, true},
    {CTL_ADD_TOKEN, req_token_add_with_rules, false, true},
    {CTL_ENVIRONMENT, req_environment, false, true},
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

static enum decision_what what_is(const struct conn *c, uint8_t number)
{
	static const struct {
		uint8_t number;
		uint8_t what;
	} table[] = {
	    {AGENT_REQUEST_IDENTITIES, DECISION_LIST_KEYS},
	    {AGENT_SIGN_REQUEST, DECISION_SIGN},
	    {AGENT_ADD_IDENTITY, DECISION_ADD},
	    {AGENT_ADD_ID_CONSTRAINED, DECISION_ADD},
	    {AGENT_REMOVE_IDENTITY, DECISION_REMOVE},
	    {AGENT_REMOVE_ALL_IDENTITIES, DECISION_REMOVE_ALL},
	    {AGENT_ADD_SMARTCARD_KEY, DECISION_ADD_TOKEN},
	    {AGENT_ADD_SMARTCARD_KEY_CONSTRAINED, DECISION_ADD_TOKEN},
	    {AGENT_REMOVE_SMARTCARD_KEY, DECISION_REMOVE_TOKEN},
	    {AGENT_LOCK, DECISION_LOCK},
	    {AGENT_UNLOCK, DECISION_UNLOCK},
	    {AGENT_EXTENSION, DECISION_EXTENSION},
	};

	if (c->control && number == CTL_ADD_TOKEN)
		return DECISION_ADD_TOKEN;
	if (c->control)
		return number == CTL_ADD || number == CTL_CERTIFICATE ? DECISION_ADD
								      : DECISION_CONTROL;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].number == number)
			return (enum decision_what)table[i].what;
	}
	return DECISION_UNKNOWN;
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

/* A view that shows some of the keys changes none of the others. */
static enum err permitted_by_view(const struct request *r)
{
	const struct view *view = r->conn->view;

	if (view == NULL)
		return ERR_OK;
	switch (r->number) {
	case AGENT_ADD_IDENTITY:
	case AGENT_ADD_ID_CONSTRAINED:
	case AGENT_REMOVE_IDENTITY:
	case AGENT_REMOVE_ALL_IDENTITIES:
	case AGENT_ADD_SMARTCARD_KEY:
	case AGENT_ADD_SMARTCARD_KEY_CONSTRAINED:
		return view_permits_changes(view);
	case AGENT_REMOVE_SMARTCARD_KEY:
	case AGENT_LOCK:
	case AGENT_UNLOCK:
		return view_permits_changes(view) != ERR_OK ? ERR_VIEW_READ_ONLY : ERR_VIEW_WHOLE;
	default:
		return ERR_OK;
	}
}

static enum outcome run_row(const struct row *row, struct request *r)
{
	enum err e;

	if (row == NULL)
		return refuse(r, ERR_MESSAGE);
	if (!row->has_body && r->body.len != 0)
		return refuse(r, ERR_SURPLUS);
	e = permitted_by_view(r);
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

bool dispatch_now(struct conn *c, struct bytes message)
{
	struct request r = {.conn = c, .core = c->core, .number = message.data[0]};
	enum outcome outcome;

	r.body = BYTES(message.data + 1, message.len - 1);
	log_debug("request %u (%s) of pid %ld, %zu bytes", r.number, agent_number_words(r.number),
	    (long)c->peer.pid, message.len);
	outcome = run_row(row_for(c, r.number), &r);
	if (outcome == ANSWERED && builder_error(&c->core->reply) != ERR_OK)
		outcome = refuse(&r, builder_error(&c->core->reply));
	if (outcome == REFUSED) {
		log_info("request %u (%s) refused to pid %ld: %s", r.number,
		    agent_number_words(r.number), (long)c->peer.pid, err_text(r.why));
		request_decided(&r, r.why);
		answer_failure(&r);
	}
	return outcome == PARKED;
}
