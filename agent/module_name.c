#include "agent/module_name.h"

#include "agent/provider.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/limits.h"
#include "proto/pattern.h"
#include "proto/tokenmsg.h"

struct module_name {
	struct call *call;
	struct blob allowed; /* a copy: options may change meanwhile */
	struct blob path;
	enum err result;
	void (*done)(void *ctx, enum err result, struct bytes path);
	void *ctx;
};

static enum err why_not(struct bytes message)
{
	char detail[TOKEN_TEXT_MOST + 1];
	struct token_failure f;
	enum err e = token_failed_parse(message, &f);

	if (e != ERR_OK)
		return ERR_REPLY;
	if (f.number != 0)
		return ERR_REPLY;
	if (f.detail.len != 0)
		log_info("PKCS#11 module: %s (%s)", err_text(f.why),
		    text_escape(f.detail, detail, sizeof(detail)));
	return f.why;
}

static enum err read_answer(struct module_name *n, struct bytes message)
{
	enum token_message kind;
	struct bytes path = BYTES_NONE;
	enum err e = token_message_of(message, &kind);

	if (e == ERR_OK && kind == TOKEN_FAILED)
		return why_not(message);
	if (e == ERR_OK)
		e = token_resolved_parse(message, &path);
	if (e != ERR_OK) {
		log_warn("signet-pkcs11's answer makes no sense: %s", err_text(e));
		return e == ERR_VERSION ? e : ERR_REPLY;
	}
	if (!pattern_list_match(path, blob_view(&n->allowed)))
		return ERR_PROVIDER_DENIED;
	return blob_copy(&n->path, path);
}

static void heard(void *ctx, struct bytes message)
{
	struct module_name *n = ctx;

	n->result = read_answer(n, message);
	call_end(n->call, BYTES_NONE);
}

static void name_free(struct module_name *n)
{
	blob_clear(&n->path);
	blob_clear(&n->allowed);
	mem_free(n);
}

static void gone(void *ctx, enum err why)
{
	struct module_name *n = ctx;
	enum err e = why;

	if (why == ERR_OK)
		e = n->result;
	else if (why == ERR_TIMEOUT)
		e = ERR_HELPER;
	else if (why == ERR_SURPLUS)
		e = ERR_REPLY;
	n->done(n->ctx, e, e == ERR_OK ? blob_view(&n->path) : BYTES_NONE);
	name_free(n);
}

static const struct call_handler handler = {
    .message = heard, .ended = gone, .most = LIMIT_HELPER_MESSAGE, .once = true};

struct module_name *module_name_resolve(struct calls *cs, struct bytes name, const char *allowed,
    void (*done)(void *ctx, enum err result, struct bytes path), void *ctx)
{
	struct module_name *n = mem_alloc(sizeof(*n));
	struct builder b = {0};

	if (n == NULL)
		return NULL;
	*n = (struct module_name){
	    .done = done,
	    .ctx = ctx,
	};
	token_resolve_build(&b, name);
	if (builder_error(&b) == ERR_OK &&
	    blob_copy(&n->allowed, bytes_str(allowed != NULL ? allowed : DEFAULT_PROVIDERS)) ==
		ERR_OK)
		n->call =
		    call_start(cs, HELPER_PKCS11, builder_view(&b), LIMIT_DEVICE_MS, &handler, n);
	builder_clear(&b);
	if (n->call != NULL)
		return n;
	name_free(n);
	return NULL;
}

void module_name_cancel(struct module_name *n)
{
	if (n == NULL)
		return;
	call_abandon(n->call, BYTES_NONE);
	name_free(n);
}
