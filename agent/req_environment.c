/*
 * CTL_ENVIRONMENT: where a person is asked from now on, for signet-add --update-environment.
 *
 * Whoever moves the questions could answer them all himself afterwards.  So the person who can be
 * asked now is asked first, where he is asked now: at the display, and where there is none at the
 * terminal of the client.  Only when there is nobody are they moved at once; that a helper could
 * not be started does not mean so.
 */
#include "agent/consent_text.h"
#include "agent/dispatch.h"

#include <stdio.h>

#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/ctlmsg.h"

struct move_op {
	struct core *core;
	struct conn *conn;
	struct blob environment; /* what is wished for */
	struct testimony *testimony;
	struct prompt *prompt;
	bool at_terminal;    /* nobody could be asked elsewhere */
	uint64_t started;    /* when the client's process was; 0: it is not known */
	struct builder text; /* the question */
	uint64_t moves;      /* core->moves when it was asked */
	struct parked parked;
};

#define OP_OF(ptr, member)                                                                         \
	((struct move_op *)(void *)((char *)(ptr)-offsetof(struct move_op, member)))

static const char title[] = "Signet: move questions elsewhere?";

/* Bytes of a variable that are shown. */
enum { SHOWN = 512 };

static void put(struct builder *b, const char *text)
{
	builder_put(b, bytes_str(text));
}

static void op_free(struct move_op *op)
{
	blob_clear(&op->environment);
	builder_clear(&op->text);
	mem_free(op);
}

/* Every variable, each after this. */
static void put_variables(struct builder *b, struct bytes environment, const char *before)
{
	struct reader r = reader_of(environment);
	struct bytes entry;
	char shown[SHOWN];

	if (r.left == 0) {
		put(b, before);
		put(b, "the display that the agent finds");
	}
	while (helper_env_next(&r, &entry) == ERR_OK) {
		put(b, before);
		put(b, text_escape(entry, shown, sizeof(shown)));
	}
}

/* For the decision log. */
static void put_destination(struct builder *b, struct bytes environment)
{
	put(b, "ask at");
	put_variables(b, environment, " ");
}

static void put_question(struct move_op *op, const struct lineage *who)
{
	struct builder *b = &op->text;
	char pid[32];

	put(b, "Ask all further questions somewhere else, and no longer here?");
	put_variables(b, blob_view(&op->environment), "\nNew: ");
	put(b, "\nAsked by ");
	if (who->count != 0) {
		question_process(b, &who->process[0]);
	} else {
		snprintf(pid, sizeof(pid), " (%ld)", (long)op->conn->peer.pid);
		put(b, "a program that has ended");
		put(b, pid);
	}
	put(b, ".");
}

static void record(const struct move_op *op, enum err why, enum consent how)
{
	struct builder words = {0};
	struct decision d = {.what = DECISION_CONTROL, .why = why, .consent = how};

	put_destination(&words, blob_view(&op->environment));
	if (builder_error(&words) == ERR_OK)
		d.destination = builder_view(&words);
	decision_record(op->core, op->conn, &d);
	builder_clear(&words);
}

static void move(struct move_op *op)
{
	struct core *core = op->core;

	blob_clear(&core->environment);
	core->environment = blob_move(&op->environment);
	core->moves++;
	residents_review(&core->residents);
}

/* It is decided, and op is dead. */
static void settle(struct move_op *op, enum err result, enum consent how)
{
	struct conn *c = op->conn;

	record(op, result, how);
	if (result == ERR_OK)
		move(op);
	else
		log_info("questions were not moved for pid %ld: %s", (long)c->peer.pid,
		    err_text(result));
	op_free(op);
	if (result == ERR_OK)
		conn_succeed(c);
	else
		conn_refuse(c, result);
}

static void person_answered(void *ctx, enum err result, struct bytes answer);

/* First without any terminal: a client must not have his own asked, remote as it may look, where a
 * display works. */
static void ask(struct move_op *op)
{
	struct core *core = op->core;
	struct helper_ask question = {
	    .kind = ASKPASS_CONFIRM,
	    .title = bytes_str(title),
	    .text = builder_view(&op->text),
	    .flags = op->at_terminal ? 0 : HELPER_ASK_FORWARDED,
	    .pid = op->at_terminal ? (uint32_t)op->conn->peer.pid : 0,
	    .started = op->at_terminal ? op->started : 0,
	    .timeout = core->options->prompt_timeout,
	    .environment = blob_view(&core->environment),
	};

	op->moves = core->moves;
	op->prompt = prompt_ask(&core->prompts, &question, person_answered, op);
	if (op->prompt == NULL)
		settle(op, ERR_MEMORY, CONSENT_NOT_ASKED);
}

/*
 * Is there nobody to be asked where it was tried: no prompter, or none that can be reached?  One
 * that fell or was killed is no such case: whoever moves the questions could have done that.
 */
static bool is_nobody(enum err result)
{
	return result == ERR_NO_PROMPT || result == ERR_DISPLAY || result == ERR_ASKER;
}

static void person_answered(void *ctx, enum err result, struct bytes answer)
{
	struct move_op *op = ctx;
	bool nobody = is_nobody(result);
	bool unseen = prompt_is_unseen(result);

	(void)answer;
	op->prompt = NULL;
	/* What was found out holds for where it was asked; meanwhile questions moved. */
	if ((result == ERR_OK || nobody) && op->moves != op->core->moves) {
		op->at_terminal = false;
		ask(op);
		return;
	}
	if (nobody && !op->at_terminal && op->started != 0) {
		op->at_terminal = true;
		ask(op);
		return;
	}
	if (nobody)
		result = ERR_OK;
	if (result == ERR_OK)
		result = lock_reason(&op->core->lock);
	settle(op, result, unseen ? CONSENT_NOT_ASKED : CONSENT_ASKED);
}

static void client_known(void *ctx, const struct lineage *who)
{
	struct move_op *op = ctx;

	op->testimony = NULL;
	op->started = who->count != 0 ? who->process[0].started : 0;
	put_question(op, who);
	if (builder_error(&op->text) == ERR_OK)
		ask(op);
	else
		settle(op, builder_error(&op->text), CONSENT_NOT_ASKED);
}

static void client_left(struct parked *p)
{
	struct move_op *op = OP_OF(p, parked);
	enum consent how = prompt_is_shown(op->prompt) ? CONSENT_ASKED : CONSENT_NOT_ASKED;

	witness_cancel(op->testimony);
	prompt_cancel(op->prompt);
	record(op, ERR_CANCELLED, how);
	op_free(op);
}

enum outcome req_environment(struct request *r)
{
	struct conn *c = r->conn;
	struct move_op *op;
	struct bytes environment;
	enum err e = ctl_environment_parse(r->body, &environment);

	if (e != ERR_OK)
		return refuse(r, e);
	op = mem_alloc(sizeof(*op));
	if (op == NULL)
		return refuse(r, ERR_MEMORY);
	*op = (struct move_op){.core = r->core, .conn = c, .parked.cancel = client_left};
	e = blob_copy(&op->environment, environment);
	if (e == ERR_OK) {
		op->testimony =
		    witness_ask(&r->core->witness, c->peer.pid, c->since, client_known, op);
		e = op->testimony != NULL ? ERR_OK : ERR_MEMORY;
	}
	if (e != ERR_OK) {
		op_free(op);
		return refuse(r, e);
	}
	conn_park(c, &op->parked);
	return PARKED;
}
