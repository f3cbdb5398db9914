/* ADD_SMARTCARD_KEY, ADD_SMARTCARD_KEY_CONSTRAINED and REMOVE_SMARTCARD_KEY (RFC 9987, sections 5.3
 * and 5.4), and CTL_ADD_TOKEN, which has more rules. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "agent/dispatch.h"
#include "agent/module_name.h"
#include "agent/token_pin.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/ctlmsg.h"
#include "proto/pattern.h"

/* Its stages: which module is it (naming), which keys are meant (selection). */
struct token_op {
	struct token_op *next, *prev; /* of the core's */
	enum err ended;               /* it is to come to nothing; ERR_OK: it goes on */
	struct core *core;
	struct conn *conn;
	struct parked parked;
	struct blob id, pin;
	bool removal;
	struct token_terms terms;
	struct module_name *naming;
	struct module *module;
	struct selection *selection;
	struct token_pin_ask asking; /* where none was given */
};

#define OP_OF(ptr, member)                                                                         \
	((struct token_op *)(void *)((char *)(ptr)-offsetof(struct token_op, member)))

/* A scheme has no case (RFC 3986, section 3.1). */
static bool has_scheme(struct bytes text, const char *scheme)
{
	size_t n = strlen(scheme);

	return text.len >= n && strncasecmp((const char *)text.data, scheme, n) == 0;
}

static bool is_card(struct bytes id)
{
	return has_scheme(id, "card:");
}

static bool is_uri(struct bytes id)
{
	return has_scheme(id, "pkcs11:");
}

/* For the log.  A URI may have a PIN in it. */
static struct bytes name_of(const struct token_op *op)
{
	struct bytes id = blob_view(&op->id);

	if (!is_uri(id))
		return id;
	return op->module != NULL ? module_path(op->module) : bytes_str("pkcs11:");
}

/* Nothing more comes of it, and nothing secret is left. */
static void halt(struct token_op *op)
{
	module_name_cancel(op->naming);
	selection_cancel(op->selection);
	op->naming = NULL;
	op->selection = NULL;
	token_pin_cancel(&op->asking);
	blob_clear(&op->pin);
}

static void op_free(struct token_op *op)
{
	halt(op);
	if (op->prev != NULL)
		op->prev->next = op->next;
	else
		op->core->token_ops = op->next;
	if (op->next != NULL)
		op->next->prev = op->prev;
	module_unref(op->module);
	token_terms_clear(&op->terms);
	blob_clear(&op->id);
	mem_free(op);
}

static void record(const struct token_op *op, enum err e)
{
	struct decision d = {.what = op->removal ? DECISION_REMOVE_TOKEN : DECISION_ADD_TOKEN,
	    .why = e,
	    .comment = name_of(op)};

	decision_record(op->core, op->conn, &d);
}

/* Answers, and op is gone. */
static void finish(struct token_op *op, enum err e)
{
	struct conn *c = op->conn;

	if (e != ERR_OK)
		log_info("%s token refused to pid %ld: %s", op->removal ? "remove" : "add",
		    (long)c->peer.pid, err_text(e));
	record(op, e);
	op_free(op);
	if (e == ERR_OK)
		conn_succeed(c);
	else
		conn_refuse(c, e);
}

static void client_left(struct parked *p)
{
	struct token_op *op = OP_OF(p, parked);

	record(op, ERR_CANCELLED);
	op_free(op);
}

/* --- that come to nothing --- */

static struct token_op *first_ended(const struct core *core)
{
	struct token_op *op = core->token_ops;

	while (op != NULL && op->ended == ERR_OK)
		op = op->next;
	return op;
}

static void tell_ended(struct task *t)
{
	struct core *core =
	    (struct core *)(void *)((char *)t - offsetof(struct core, token_ops_end));
	struct token_op *op;

	core->token_ops_posted = false;
	while ((op = first_ended(core)) != NULL)
		finish(op, op->ended);
}

/* Those of a token that is named so, or in the module with this path; all for BYTES_NONE. */
static void end_some(struct core *core, struct bytes what, enum err why)
{
	bool some = false;

	for (struct token_op *op = core->token_ops; op != NULL; op = op->next) {
		if (op->removal || op->ended != ERR_OK ||
		    (what.len != 0 && !bytes_equal(blob_view(&op->id), what) &&
			(op->module == NULL || !bytes_equal(module_path(op->module), what))))
			continue;
		halt(op);
		op->ended = why;
		some = true;
	}
	/* Not from here: another request may be being answered. */
	if (!some || core->token_ops_posted)
		return;
	core->token_ops_posted = true;
	core->token_ops_end.run = tell_ended;
	loop_post(core->loop, &core->token_ops_end);
}

void token_additions_end(struct core *core, enum err why)
{
	end_some(core, BYTES_NONE, why);
}

/* Of one token only: whose PIN it is would be a guess else. */
static void keep_pin(const struct token_op *op, uint32_t count, struct reader refs)
{
	struct token_ref ref, first = {BYTES_NONE, BYTES_NONE};
	struct place place = {.module = module_path(op->module)};
	struct builder b = {0};
	struct token *t;

	if (op->pin.len == 0 || op->core->options->remember_pin == 0)
		return;
	for (uint32_t i = 0; i < count && token_ref_next(&refs, &ref) == ERR_OK; i++) {
		if (i != 0 && !bytes_equal(ref.token, first.token))
			return;
		first = ref;
	}
	place.token = first.token;
	place.key = first.key;
	place_build(&b, &place);
	t = count != 0 && builder_error(&b) == ERR_OK
		? modules_token(op->core->modules, builder_view(&b))
		: NULL;
	if (t != NULL)
		token_pin_keep(t, blob_view(&op->pin), op->core->options->remember_pin);
	builder_clear(&b);
}

static void tell_log(const struct token_op *op, const struct token_failure *f)
{
	char detail[TOKEN_TEXT_MOST + 1], name[256];

	if (f != NULL && f->detail.len != 0)
		log_info("%s: %s (%s)", text_escape(name_of(op), name, sizeof(name)),
		    err_text(f->why), text_escape(f->detail, detail, sizeof(detail)));
}

/* An offer holds for a card that is not there yet. */
static bool may_come_later(const struct token_op *op, enum err e)
{
	return is_card(blob_view(&op->id)) &&
	       (e == ERR_NO_TOKEN || e == ERR_NO_READER || e == ERR_TOKEN_GONE);
}

static enum err take(struct token_op *op, uint32_t count, struct reader refs)
{
	struct core *core = op->core;
	struct token_given given = {0};
	bool card = is_card(blob_view(&op->id));
	struct token_taking how = {
	    .store = core->store,
	    .modules = core->modules,
	    .terms = &op->terms,
	    .given = card ? &given : NULL,
	    .config = &core->config,
	};
	enum err e = ERR_OK;

	if (count != 0 || !card)
		e = token_keys_take(&how, op->module, count, refs);
	if (e == ERR_OK && card)
		e = offers_keep(&core->offers, op->module, &op->terms, &given);
	builder_clear(&given.list);
	return e;
}

static enum err select_keys(struct token_op *op);

/* Cancelled with op. */
static void pin_typed(struct token_pin_ask *a, enum err result, struct bytes pin)
{
	struct token_op *op = OP_OF(a, asking);
	enum err e = result;

	blob_clear(&op->pin);
	if (e == ERR_OK)
		e = blob_copy(&op->pin, pin);
	if (e == ERR_OK)
		e = select_keys(op);
	if (e != ERR_OK)
		finish(op, e);
}

/* A PIN that came with the request is tried once. */
static bool ask_pin(struct token_op *op, const struct token_failure *f)
{
	return f != NULL && (op->pin.len == 0 || op->asking.times != 0) &&
	       !lock_is_on(&op->core->lock) &&
	       token_pin_ask(&op->asking, op->core, op->conn, op->module, f, pin_typed);
}

static void selected(
    void *ctx, enum err result, const struct token_failure *f, uint32_t count, struct reader refs)
{
	struct token_op *op = ctx;
	enum err e = result;

	op->selection = NULL;
	if (result != ERR_OK && ask_pin(op, f))
		return;
	if (result != ERR_OK) {
		tell_log(op, f);
		count = 0;
	}
	if (lock_is_on(&op->core->lock))
		e = lock_reason(&op->core->lock); /* since it began */
	else if (e == ERR_OK || may_come_later(op, e))
		e = take(op, count, refs);
	if (e == ERR_OK && result == ERR_OK)
		keep_pin(op, count, refs);
	finish(op, e);
}

static enum err select_keys(struct token_op *op)
{
	struct bytes id = blob_view(&op->id);

	op->selection = module_select(op->module, is_card(id) || is_uri(id) ? id : BYTES_NONE,
	    blob_view(&op->pin), op->asking.told_last ? TOKEN_LAST_TRY : 0, selected, op);
	return op->selection != NULL ? ERR_OK : ERR_MEMORY;
}

static enum err look_into(struct token_op *op, struct bytes path)
{
	struct core *core = op->core;
	const char *network = core->options->network;
	uint32_t flags = 0;

	if (network != NULL && path.data[0] == '/' && pattern_list_match(path, bytes_str(network)))
		flags = TOKEN_OPEN_NETWORK;
	op->module = module_get(core->modules, path, flags);
	if (op->module == NULL)
		return ERR_LIMIT;
	return select_keys(op);
}

/* Its keys and its offers. */
static enum err remove_module(struct core *core, struct bytes path)
{
	const struct module *m = module_find(core->modules, path);
	size_t offers = core->offers.count;

	end_some(core, path, ERR_CANCELLED);
	if (m != NULL)
		offers_end_all(&core->offers, m);
	if (token_keys_remove(core->store, path, NULL) == 0 && offers == core->offers.count)
		return ERR_NO_TOKEN;
	return ERR_OK;
}

static void named(void *ctx, enum err result, struct bytes path)
{
	struct token_op *op = ctx;
	enum err e = result;

	op->naming = NULL;
	if (e == ERR_OK && op->removal)
		e = remove_module(op->core, path);
	else if (e == ERR_OK && lock_is_on(&op->core->lock))
		e = lock_reason(&op->core->lock);
	else if (e == ERR_OK)
		e = look_into(op, path);
	if (op->removal || e != ERR_OK)
		finish(op, e);
}

/* Offers are found, and helpers asked, with the scheme in small letters. */
static enum err copy_id(struct blob *out, struct bytes id)
{
	enum err e = blob_copy(out, id);

	if (e == ERR_OK && is_card(id))
		memcpy(out->data, "card", strlen("card"));
	else if (e == ERR_OK && is_uri(id))
		memcpy(out->data, "pkcs11", strlen("pkcs11"));
	return e;
}

static struct token_op *op_new(struct request *r, const struct msg_token *m)
{
	struct token_op *op = mem_alloc(sizeof(*op));

	if (op == NULL)
		return NULL;
	*op = (struct token_op){.core = r->core,
	    .conn = r->conn,
	    .next = r->core->token_ops,
	    .parked = {.cancel = client_left}};
	if (op->next != NULL)
		op->next->prev = op;
	r->core->token_ops = op;
	if (copy_id(&op->id, m->token) == ERR_OK && blob_copy(&op->pin, m->pin) == ERR_OK)
		return op;
	op_free(op);
	return NULL;
}

static enum err resolve(struct token_op *op, const char *allowed)
{
	op->naming = module_name_resolve(&op->core->calls, blob_view(&op->id), allowed, named, op);
	return op->naming != NULL ? ERR_OK : ERR_MEMORY;
}

static enum err check(const struct msg_token *m)
{
	if (m->constraints.provider.len != 0)
		return ERR_CONSTRAINT;
	if (m->token.len == 0)
		return ERR_MODULE_NAME;
	if (m->token.len > TOKEN_PATH_MOST || m->pin.len > TOKEN_PIN_MOST)
		return ERR_TOO_LONG;
	return ERR_OK;
}

/* When its keys are to go, in clock_now() milliseconds; 0: never. */
static uint64_t end_of(const struct core *core, const struct constraints *c)
{
	uint64_t seconds = c->has_lifetime ? c->lifetime : core->options->lifetime;

	return c->has_lifetime || seconds != 0 ? clock_now() + seconds * 1000 : 0;
}

static enum err begin(struct token_op *op, const struct msg_token *m, const struct key_rules *own)
{
	const struct constraints *c = &m->constraints;
	struct rules rules = addition_rules(op->conn, c, own);
	enum err e;

	rules.expires = end_of(op->core, c);
	e = token_terms_set(&op->terms, blob_view(&op->id), &rules, c->certs, c->certs_only);
	if (e != ERR_OK)
		return e;
	if (is_card(m->token))
		return look_into(op, bytes_str(MODULE_CARDS));
	return resolve(op, op->core->options->providers);
}

/* A token is plugged in here, and its library would run here: not for another host to choose. */
static enum outcome add(
    struct request *r, struct bytes body, bool constrained, const struct key_rules *rules)
{
	struct token_op *op = NULL;
	struct msg_token m;
	enum err e = msg_token_parse(body, constrained, &m);

	if (e == ERR_OK && route_is_remote(&r->conn->route) && !r->core->options->remote_pkcs11)
		e = ERR_REMOTE_TOKEN;
	if (e == ERR_OK)
		e = check(&m);
	if (e == ERR_OK) {
		op = op_new(r, &m);
		e = op != NULL ? begin(op, &m, rules) : ERR_MEMORY;
	}
	if (e != ERR_OK) {
		if (op != NULL)
			op_free(op);
		return refuse(r, e);
	}
	conn_park(r->conn, &op->parked);
	return PARKED;
}

enum outcome req_token_add(struct request *r)
{
	const struct key_rules none = {0};

	return add(r, r->body, r->number == AGENT_ADD_SMARTCARD_KEY_CONSTRAINED, &none);
}

enum outcome req_token_add_with_rules(struct request *r)
{
	struct key_rules rules;
	struct bytes message;
	enum err e = ctl_add_parse(r->body, &rules, &message);

	return e == ERR_OK ? add(r, message, true, &rules) : refuse(r, e);
}

static bool holds_any(const struct core *core)
{
	const struct identity *id = store_first(core->store);

	while (id != NULL && !key_is_public(id->key))
		id = id->next;
	return id != NULL;
}

/* What can be removed at once: an offer by its name, a module by its path. */
static enum err remove_here(struct core *core, struct bytes id)
{
	size_t removed;

	if (is_card(id) && id.len == strlen("card:"))
		return remove_module(core, bytes_str(MODULE_CARDS));
	if (is_card(id))
		end_some(core, id, ERR_CANCELLED);
	if (is_card(id))
		return offers_end(&core->offers, id, &removed) ? ERR_OK : ERR_NO_TOKEN;
	return id.len != 0 && id.data[0] == '/' ? remove_module(core, id) : ERR_NO_TOKEN;
}

/* A name that is not the module's path itself has to be looked up: for another host where it may
 * add by names, too; and not where nothing could come of it. */
static bool may_look_up(const struct token_op *op)
{
	return !is_card(blob_view(&op->id)) && holds_any(op->core) &&
	       (op->core->options->remote_pkcs11 || !route_is_remote(&op->conn->route));
}

/* Honoured whoever asks, whatever the keys' rules are, locked or not (RFC 9987, section 5.4). */
enum outcome req_token_remove(struct request *r)
{
	bool remote = route_is_remote(&r->conn->route);
	struct token_op *op;
	struct msg_token m;
	enum err e = msg_token_parse(r->body, false, &m);

	if (e != ERR_OK)
		return refuse(r, e);
	if (!is_uri(m.token))
		r->about.comment = m.token;
	if (m.token.len == 0 || m.token.len > TOKEN_PATH_MOST)
		return refuse(r, ERR_NO_TOKEN);
	m.pin = BYTES_NONE;
	op = op_new(r, &m);
	if (op == NULL)
		return refuse(r, ERR_MEMORY);
	op->removal = true;
	e = remove_here(r->core, blob_view(&op->id));
	if (e == ERR_NO_TOKEN && may_look_up(op)) {
		e = resolve(op, remote ? r->core->options->providers : "*");
		if (e == ERR_OK) {
			conn_park(r->conn, &op->parked);
			return PARKED;
		}
	}
	op_free(op);
	return e == ERR_OK ? succeed(r) : refuse(r, e);
}
