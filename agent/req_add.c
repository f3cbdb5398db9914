/* ADD_IDENTITY and ADD_ID_CONSTRAINED (RFC 9987, section 5.2), and CTL_ADD, which has more rules.
 */
#include <string.h>

#include "agent/dispatch.h"
#include "agent/policy.h"
#include "agent/provider.h"
#include "keystore/fingerprint.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/ctlmsg.h"
#include "proto/fidomsg.h"

/* An addition whose key is being checked on a worker. */
struct add_op {
	struct core *core;
	struct conn *conn; /* NULL when the client left: the key is then dropped */
	struct parked parked;
	struct job job;
	struct task done;
	struct blob body; /* what message views */
	struct msg_add message;
	struct provider *checking; /* of a security key's library, before the job; */
	struct blob provider;      /* then its path; empty: ours */
	struct key_rules rules;    /* of CTL_ADD */
	struct key *key;
	enum err error;
};

#define OP_OF(ptr, member)                                                                         \
	((struct add_op *)(void *)((char *)(ptr)-offsetof(struct add_op, member)))

static void import(struct job *j)
{
	struct add_op *op = OP_OF(j, job);

	op->error = key_import(&op->message.key, &op->key);
	loop_post(op->core->loop, &op->done);
}

enum {
	/* Seconds that ssh-add and signet-add have an agent hold a certificate beyond its end, */
	CERT_GRACE = 300,
	/* and by how many what they count may differ from what we do. */
	CERT_SLACK = 5,
};

/*
 * Is the lifetime that came with a certificate its own end, which ssh-add (since
 * OpenSSH 10.1) and signet-add make a constraint?  Such a one is no wish that the default should
 * give way to.
 */
static bool ends_with_cert(const struct add_op *op)
{
	uint64_t lifetime = op->message.constraints.lifetime;
	uint64_t now = (uint64_t)clock_wall(), left;
	struct cert cert;

	if (op->message.key.cert.len == 0 || cert_parse(op->message.key.cert, &cert) != ERR_OK ||
	    cert.valid_before >= UINT64_MAX - CERT_GRACE || cert.valid_before + CERT_GRACE < now)
		return false;
	left = cert.valid_before + CERT_GRACE - now;
	return lifetime + CERT_SLACK >= left && lifetime <= left + CERT_SLACK;
}

/* When it is to go, in clock_now() milliseconds; 0: never. */
static uint64_t end_of(const struct add_op *op)
{
	const struct constraints *c = &op->message.constraints;
	uint64_t seconds = op->core->options->lifetime;

	if (c->has_lifetime && (seconds == 0 || c->lifetime < seconds || !ends_with_cert(op)))
		seconds = c->lifetime;
	else if (seconds == 0)
		return 0;
	return clock_now() + seconds * 1000;
}

struct rules addition_rules(
    const struct conn *conn, const struct constraints *c, const struct key_rules *own)
{
	struct rules rules = {.key = *own, .destinations = c->destinations};

	if (conn->control)
		rules.source = SOURCE_CONTROL_SOCKET;
	else if (route_is_remote(&conn->route))
		rules.source = SOURCE_FORWARDED;
	if (c->confirm)
		rules.key.confirm = CONFIRM_ALWAYS;
	return rules;
}

/* Without a fingerprint those of its patterns match nothing, so there must be one. */
static enum err apply_policy(const struct add_op *op, struct rules *rules)
{
	char print[FINGERPRINT_ROOM];
	struct key_facts facts = {
	    .file = files_path_of(op->core->files, key_blob(op->key)),
	    .comment = op->message.comment,
	    .print = print,
	};
	enum err e = fingerprint(key_blob(op->key), FINGERPRINT_SHA256, print);

	if (facts.file.len != 0) /* ends with a NUL */
		rules->known_file = (const char *)facts.file.data;
	if (e == ERR_OK)
		policy_apply(op->core->config, &facts, rules);
	return e;
}

static enum err store_key(struct add_op *op)
{
	struct core *core = op->core;
	struct rules rules;
	struct bytes cert = op->message.key.cert;
	struct bytes blob = cert.len != 0 ? cert : key_blob(op->key);
	enum err e;

	if (op->conn == NULL)
		return ERR_CANCELLED;
	if (lock_is_on(&core->lock))
		return lock_reason(&core->lock); /* while the key was being checked */
	rules = addition_rules(op->conn, &op->message.constraints, &op->rules);
	rules.provider = blob_view(&op->provider);
	rules.expires = end_of(op);
	e = apply_policy(op, &rules);
	if (e == ERR_OK)
		e = store_put(core->store, op->key, blob, op->message.comment, &rules);
	if (e != ERR_OK)
		return e;
	if (rules.source != SOURCE_FORWARDED && op->conn->view == NULL)
		files_added(core->files, op->message.comment, key_blob(op->key));
	if (key_is_shielded(op->key))
		log_debug("key kept encrypted between uses");
	op->key = NULL;
	return ERR_OK;
}

static void op_free(struct add_op *op)
{
	blob_clear(&op->body);
	blob_clear(&op->provider);
	key_unref(op->key);
	mem_free(op);
}

/* A key that was kept is found by its blob, which lives on in the store. */
static void record(const struct add_op *op, struct bytes blob, enum err e)
{
	struct decision d = {
	    .what = DECISION_ADD, .why = e, .blob = blob, .comment = op->message.comment};

	decision_record(op->core, op->conn, &d);
}

static void imported(struct task *t)
{
	struct add_op *op = OP_OF(t, done);
	struct conn *c = op->conn;
	struct bytes cert = op->message.key.cert;
	struct bytes blob = cert.len != 0         ? cert
			    : op->error == ERR_OK ? key_blob(op->key)
						  : BYTES_NONE;
	enum err e = op->error != ERR_OK ? op->error : store_key(op);

	if (c != NULL && e != ERR_OK)
		log_info("add key refused to pid %ld: %s", (long)c->peer.pid, err_text(e));
	record(op, blob, e);
	op_free(op);
	if (c == NULL)
		return;
	if (e == ERR_OK)
		conn_succeed(c);
	else
		conn_refuse(c, e);
}

/* What nobody waits for is not begun: else clients that come, ask and leave could pile up work. */
static void client_left(struct parked *p)
{
	struct add_op *op = OP_OF(p, parked);

	if (op->checking != NULL) {
		provider_cancel(op->checking);
		op_free(op);
	} else if (workers_cancel(op->core->slow, &op->job)) {
		op_free(op);
	} else
		op->conn = NULL;
}

/* What can be said without looking at the numbers. */
static enum err check_type(const struct core *core, const struct keytype *type)
{
	if (type->family == FAMILY_DSA && !core->options->allow_dss)
		return ERR_KEY_TYPE_OFF;
	return key_type_available(type) ? ERR_OK : ERR_KEY_TYPE;
}

static bool is_ours(struct bytes provider)
{
	static const char internal[] = "internal";

	return provider.len == 0 ||
	       (provider.len == sizeof(internal) - 1 &&
		   strncasecmp((const char *)provider.data, internal, provider.len) == 0);
}

/* A library runs here: it is not for another host to choose. */
static enum err check_provider(const struct request *r, const struct msg_add *m)
{
	struct bytes provider = m->constraints.provider;

	if (m->constraints.has_certs)
		return ERR_CONSTRAINT; /* of tokens */
	if (provider.len == 0)
		return ERR_OK;
	if (m->key.type->family != FAMILY_SK_ECDSA && m->key.type->family != FAMILY_SK_ED25519)
		return ERR_CONSTRAINT;
	if (is_ours(provider))
		return ERR_OK;
	if (provider.len > FIDO_PATH_MOST)
		return ERR_TOO_LONG;
	if (route_is_remote(&r->conn->route) && !r->core->options->remote_pkcs11)
		return ERR_REMOTE_PROVIDER;
	return ERR_OK;
}

static void provider_checked(void *ctx, enum err result, struct bytes path)
{
	struct add_op *op = ctx;

	op->checking = NULL;
	if (result == ERR_OK)
		result = blob_copy(&op->provider, path);
	op->error = result;
	if (result == ERR_OK)
		workers_run(op->core->slow, &op->job);
	else
		imported(&op->done);
}

/* Look at its library first, then at the key. */
static enum err begin(struct add_op *op)
{
	struct bytes provider = op->message.constraints.provider;

	if (is_ours(provider)) {
		workers_run(op->core->slow, &op->job);
		return ERR_OK;
	}
	op->checking = provider_check(
	    &op->core->calls, provider, op->core->options->providers, provider_checked, op);
	return op->checking != NULL ? ERR_OK : ERR_MEMORY;
}

static enum outcome add(
    struct request *r, struct bytes body, bool constrained, const struct key_rules *rules)
{
	struct add_op *op = mem_alloc(sizeof(*op));
	enum err e = ERR_MEMORY;

	if (op != NULL)
		e = blob_copy(&op->body, body);
	if (e == ERR_OK)
		e = msg_add_parse(blob_view(&op->body), constrained, &op->message);
	if (e == ERR_OK)
		e = check_type(r->core, op->message.key.type);
	if (e == ERR_OK)
		e = check_provider(r, &op->message);
	if (e == ERR_OK) {
		op->core = r->core;
		op->conn = r->conn;
		op->rules = *rules;
		op->parked.cancel = client_left;
		op->job.run = import;
		op->done.run = imported;
		e = begin(op);
	}
	if (e != ERR_OK) {
		if (op != NULL)
			op_free(op);
		return refuse(r, e);
	}
	conn_park(r->conn, &op->parked);
	return PARKED;
}

enum outcome req_add(struct request *r)
{
	const struct key_rules none = {0};

	return add(r, r->body, r->number == AGENT_ADD_ID_CONSTRAINED, &none);
}

enum outcome req_add_with_rules(struct request *r)
{
	struct key_rules rules;
	struct bytes message;
	enum err e = ctl_add_parse(r->body, &rules, &message);

	return e == ERR_OK ? add(r, message, true, &rules) : refuse(r, e);
}
