#include "agent/provider.h"

#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/fidomsg.h"
#include "proto/limits.h"
#include "proto/pattern.h"

/* Two processes, one after the other: nothing is loaded before its path is known to be allowed. */
struct provider {
	struct calls *calls;
	struct call *call;
	struct blob allowed; /* a copy: options may change meanwhile */
	struct blob path;
	bool resolved; /* the path is without links, and allowed */
	enum err result;
	void (*done)(void *ctx, enum err result, struct bytes path);
	void *ctx;
};

static void heard(void *ctx, struct bytes message);
static void gone(void *ctx, enum err why);

static const struct call_handler handler = {
    .message = heard, .ended = gone, .most = LIMIT_HELPER_MESSAGE, .once = true};

static enum err start(struct provider *p, enum fido_kind kind)
{
	struct builder b = {0};
	enum err e;

	fido_text_build(&b, kind, blob_view(&p->path));
	e = builder_error(&b);
	if (e == ERR_OK) {
		p->call = call_start(
		    p->calls, HELPER_FIDO, builder_view(&b), LIMIT_DEVICE_MS, &handler, p);
		e = p->call != NULL ? ERR_OK : ERR_MEMORY;
	}
	builder_clear(&b);
	return e;
}

static void tell_log(const struct fido_failure *f)
{
	char detail[FIDO_DETAIL_MOST + 1];

	if (f->detail.len != 0)
		log_info("security key library: %s (%s)", err_text(f->why),
		    text_escape(f->detail, detail, sizeof(detail)));
}

/* Its answer, but for the path that FIDO_RESOLVED has. */
static enum err read_answer(struct provider *p, struct bytes message, struct bytes *path)
{
	struct fido_failure failure;
	enum fido_kind kind;
	uint32_t version;
	enum err e = fido_kind_of(message, &kind);

	if (e != ERR_OK)
		return e;
	if (kind == FIDO_FAILED) {
		e = fido_failed_parse(message, &failure);
		if (e == ERR_OK)
			tell_log(&failure);
		return e == ERR_OK ? ERR_PROVIDER : e;
	}
	return p->resolved ? fido_loaded_parse(message, &version)
			   : fido_text_parse(message, FIDO_RESOLVED, path);
}

static void heard(void *ctx, struct bytes message)
{
	struct provider *p = ctx;
	struct bytes path = blob_view(&p->path);
	enum err e = read_answer(p, message, &path);

	if (e != ERR_OK && e != ERR_PROVIDER) {
		log_warn("signet-fido's answer makes no sense: %s", err_text(e));
		e = e == ERR_VERSION ? e : ERR_REPLY;
	}
	if (e == ERR_OK && !p->resolved) {
		struct blob kept = {0};

		if (!pattern_list_match(path, blob_view(&p->allowed)))
			e = ERR_PROVIDER_DENIED;
		else
			e = blob_copy(&kept, path);
		if (e == ERR_OK) {
			blob_clear(&p->path);
			p->path = kept;
		}
	}
	p->result = e;
	call_end(p->call, BYTES_NONE);
}

static void provider_free(struct provider *p)
{
	blob_clear(&p->path);
	blob_clear(&p->allowed);
	mem_free(p);
}

static void gone(void *ctx, enum err why)
{
	struct provider *p = ctx;
	enum err e = why;

	if (why == ERR_OK)
		e = p->result;
	else if (why == ERR_TIMEOUT)
		e = ERR_HELPER;
	else if (why == ERR_SURPLUS)
		e = ERR_REPLY;
	p->call = NULL;
	if (e == ERR_OK && !p->resolved) {
		p->resolved = true;
		e = start(p, FIDO_LOAD);
		if (e == ERR_OK)
			return;
	}
	p->done(p->ctx, e, blob_view(&p->path));
	provider_free(p);
}

struct provider *provider_check(struct calls *cs, struct bytes path, const char *allowed,
    void (*done)(void *ctx, enum err result, struct bytes path), void *ctx)
{
	struct provider *p = mem_alloc(sizeof(*p));

	if (p == NULL)
		return NULL;
	*p = (struct provider){
	    .calls = cs,
	    .done = done,
	    .ctx = ctx,
	};
	if (blob_copy(&p->allowed, bytes_str(allowed != NULL ? allowed : DEFAULT_PROVIDERS)) ==
		ERR_OK &&
	    blob_copy(&p->path, path) == ERR_OK && start(p, FIDO_RESOLVE) == ERR_OK)
		return p;
	provider_free(p);
	return NULL;
}

void provider_cancel(struct provider *p)
{
	if (p == NULL)
		return;
	if (p->call != NULL)
		call_abandon(p->call, BYTES_NONE);
	provider_free(p);
}
