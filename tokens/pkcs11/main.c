/*
 * signet-pkcs11: one PKCS#11 module for the core or signet-add (proto/tokenmsg.h).  The module is
 * foreign code: whatever it does to this process, it is not the agent's.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/helperio.h"
#include "proto/limits.h"
#include "tokens/base/asker.h"
#include "tokens/base/sandbox.h"
#include "tokens/pkcs11/ahead.h"
#include "tokens/pkcs11/name.h"
#include "tokens/pkcs11/select.h"
#include "tokens/pkcs11/sign.h"
#include "tokens/pkcs11/slots.h"
#include "tokens/pkcs11/watch.h"

enum { LOG_FD = 65 };

/* --- the log --------------------------------------------------------------------- */

static void write_line(enum log_level level, const char *line)
{
	(void)level;
	(void)dprintf(LOG_FD, "signet-pkcs11: %s\n", line);
}

/* What a module writes to standard error is its own affair, not the agent's log. */
static void silence(void)
{
	if (dup3(STDERR_FILENO, LOG_FD, O_CLOEXEC) == LOG_FD)
		log_to(write_line);
	dup2(STDIN_FILENO, STDERR_FILENO);
}

/* --- the end --------------------------------------------------------------------- */

/* Hung up, or cannot be served. */
static _Noreturn void end(struct world *w, enum err e)
{
	if (e != ERR_OK && e != ERR_CLOSED)
		log_error("the requests were not answered: %s", err_text(e));
	if (w != NULL)
		module_rest(&w->module);
	/* Not exit(): a foreign library's last words could take for ever. */
	_exit(e == ERR_OK || e == ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Whoever asked is gone, or an answer was cut off: nothing is left to be done. */
static void gone_on(struct world *w, enum err e)
{
	if (e == ERR_CLOSED)
		end(w, e);
}

/* --- answers --------------------------------------------------------------------- */

static enum err send_failure(struct outlet *o, uint32_t number, enum err why, struct fault *f)
{
	struct token_failure m = {
	    .number = number,
	    .why = token_failure_allowed(why) ? why : ERR_TOKEN,
	    .tries = TOKEN_TRIES_UNKNOWN,
	    .detail = bytes_str(f->detail),
	};
	struct builder b = {0};

	if (why == ERR_PIN || why == ERR_PIN_NEEDED) {
		m.tries = f->tries;
		m.flags = f->flags;
	}
	token_failed_build(&b, &m);
	return outlet_send(o, &b);
}

/* --- requests -------------------------------------------------------------------- */

static void look_ahead(struct world *w, struct bytes id)
{
	struct token *t = token_find(w, id);

	if (t == NULL)
		return;
	module_enter(&w->module);
	ahead_begin(w, t);
	module_leave(&w->module);
	token_unref(w, t);
}

static void run_sign(void *ctx, struct bytes message)
{
	struct world *w = ctx;
	struct fault f = {.tries = TOKEN_TRIES_UNKNOWN};
	struct builder b = {0};
	struct token_sign m;
	bool made;
	enum err e = token_sign_parse(message, &m);

	if (e != ERR_OK)
		end(w, e);
	e = sign_run(w, &m, &b, &f);
	if (e == ERR_OK)
		e = builder_error(&b);
	made = e == ERR_OK;
	/* Flags and tries may have changed. */
	gone_on(w, inventory_tell(w));
	if (made)
		e = outlet_send(w->outlet, &b);
	else
		e = send_failure(w->outlet, m.number, e, &f);
	gone_on(w, e);
	builder_clear(&b);
	if (made)
		look_ahead(w, m.token);
}

static void run_logout(struct world *w)
{
	struct token *tokens[TOKEN_TOKENS_MOST];
	size_t n = 0;

	pthread_mutex_lock(&w->lock);
	for (struct token *t = w->tokens; t != NULL; t = t->next) {
		t->refs++;
		tokens[n++] = t;
	}
	pthread_mutex_unlock(&w->lock);
	module_enter(&w->module);
	for (size_t i = 0; i < n; i++)
		login_expire(w, tokens[i]);
	module_leave(&w->module);
	for (size_t i = 0; i < n; i++)
		token_unref(w, tokens[i]);
	gone_on(w, inventory_tell(w));
}

/* TOKEN_SELECT and TOKEN_LOGOUT, one after the other. */
static void run_other(void *ctx, struct bytes message)
{
	struct world *w = ctx;
	struct fault f = {.tries = TOKEN_TRIES_UNKNOWN};
	struct builder b = {0};
	struct token_select m;
	enum err e;

	if (token_logout_parse(message) == ERR_OK) {
		run_logout(w);
		return;
	}
	e = token_select_parse(message, &m);
	if (e != ERR_OK)
		end(w, e);
	e = select_run(w, &m, &b, &f);
	if (e == ERR_OK)
		e = builder_error(&b);
	gone_on(w, inventory_tell(w));
	if (e == ERR_OK)
		e = outlet_send(w->outlet, &b);
	else
		e = send_failure(w->outlet, m.number, e, &f);
	gone_on(w, e);
	builder_clear(&b);
}

static enum err hand_over(struct world *w, struct blob *message, bool *to_sign)
{
	enum token_message kind;
	bool waits;
	enum err e = token_message_of(blob_view(message), &kind);

	if (e != ERR_OK)
		return e;
	switch (kind) {
	case TOKEN_SIGN:
		*to_sign = true;
		return ERR_OK;
	case TOKEN_LOGOUT:
		/* Counts at once, for signatures that are asked for from now on. */
		pthread_mutex_lock(&w->lock);
		w->logouts++;
		pthread_mutex_unlock(&w->lock);
		return lane_put(w->others, message);
	case TOKEN_SELECT:
		return lane_put(w->others, message);
	case TOKEN_WATCH:
		e = token_watch_parse(blob_view(message), &waits);
		if (e == ERR_OK)
			watch_set(w, waits);
		return e;
	default:
		return ERR_MESSAGE;
	}
}

/* The next signature that is asked for; all else is handed over on the way. */
static void next_sign(void *ctx, struct blob *out)
{
	struct world *w = ctx;
	bool to_sign = false;
	enum err e = ERR_OK;

	while (e == ERR_OK && !to_sign) {
		blob_clear(out);
		e = request_next(w->sock, out);
		if (e == ERR_OK)
			e = hand_over(w, out, &to_sign);
	}
	if (e != ERR_OK)
		end(w, e);
}

static enum err serve(struct world *w)
{
	struct lane *signs = lane_new(w->module.threads ? THREADS : 1, run_sign, w);
	enum err e;

	w->others = lane_new(1, run_other, w);
	e = signs != NULL && w->others != NULL ? watch_start(w) : ERR_MEMORY;
	if (e == ERR_OK)
		lane_lead(signs, next_sign);
	return e;
}

/* --- the start --------------------------------------------------------------------- */

static struct world *world_new(void)
{
	struct world *w = mem_alloc(sizeof(*w));
	pthread_condattr_t monotonic;

	if (w == NULL)
		return NULL;
	(void)pthread_mutex_init(&w->scanning, NULL);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_mutex_init(&w->telling, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->woken, &monotonic);
	return w;
}

static enum err run_open(struct world *w, struct bytes message)
{
	struct fault f = {0};
	struct token_open m;
	enum err e = token_open_parse(message, &m);

	if (e != ERR_OK)
		return e;
	silence();
	e = sandbox_enter_module((m.flags & TOKEN_OPEN_NETWORK) != 0);
	if (e == ERR_OK)
		e = module_load(&w->module, m.path, &f);
	if (e != ERR_OK) {
		(void)send_failure(w->outlet, 0, e, &f);
		return ERR_CLOSED;
	}
	slots_scan(w, false);
	return serve(w);
}

static enum err run_resolve(struct outlet *o, struct bytes message)
{
	struct blob path = {0};
	struct builder b = {0};
	struct fault f = {0};
	struct bytes name;
	enum err e = token_resolve_parse(message, &name);

	if (e != ERR_OK)
		return e;
	e = sandbox_enter();
	if (e == ERR_OK)
		e = name_resolve(name, &path, &f);
	if (e == ERR_OK) {
		token_resolved_build(&b, blob_view(&path));
		e = outlet_send(o, &b);
	} else {
		e = send_failure(o, 0, e, &f);
	}
	blob_clear(&path);
	return e;
}

static enum err run(int sock)
{
	struct world *w = world_new();
	struct blob message = {0};
	enum token_message kind;
	enum err e = w != NULL ? harden_no_new_privileges() : ERR_MEMORY;

	if (e != ERR_OK)
		return e;
	w->sock = sock;
	w->outlet = outlet_new(sock);
	e = w->outlet != NULL ? request_next(sock, &message) : ERR_MEMORY;
	if (e == ERR_OK)
		e = token_message_of(blob_view(&message), &kind);
	if (e == ERR_OK && kind == TOKEN_OPEN)
		e = run_open(w, blob_view(&message));
	else if (e == ERR_OK && kind == TOKEN_RESOLVE)
		e = run_resolve(w->outlet, blob_view(&message));
	else if (e == ERR_OK)
		e = ERR_MESSAGE;
	blob_clear(&message);
	return e;
}

int main(void)
{
	int sock;

	log_start("signet-pkcs11", LOG_LEVEL_WARN);
	harden_process();
	signal(SIGPIPE, SIG_IGN);
	if (!helper_started()) {
		log_error(
		    "this helper is started by signet-agent; there is nothing to run by hand");
		return 2;
	}
	sock = asker_hide();
	if (sock == -1) {
		log_error("taking the agent's socket failed: %m");
		return EXIT_FAILURE;
	}
	end(NULL, run(sock));
}
