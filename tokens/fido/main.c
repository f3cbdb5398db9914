/*
 * signet-fido: does one operation with security keys for the core or signet-add, answers, and
 * ends.  It can be killed at any moment; the asker closing the socket takes the request back.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"
#include "tokens/base/asker.h"
#include "tokens/fido/cancel.h"
#include "tokens/fido/op.h"
#include "tokens/base/pcsc.h"
#include "tokens/base/sandbox.h"
#include "tokens/fido/watch.h"

/*
 * libcbor takes what memory a device's answer claims to need, and writes to all of it: a few bytes
 * could have the machine's.  Sanitizers want address space of their own.
 */
#ifdef SIGNET_SANITIZE
static const rlim_t MEMORY_MOST = RLIM_INFINITY;
#else
static const rlim_t MEMORY_MOST = 512u * 1024 * 1024;
#endif

enum { STACK = 1024 * 1024 }; /* of a thread */

static const struct row {
	enum fido_kind kind;
	enum err (*run)(struct op *op);
	bool loads; /* it always loads a library; others with a provider do too */
} table[] = {
    {FIDO_LIST, op_list, false},
    {FIDO_PROBE, op_probe, false},
    {FIDO_CHOOSE, op_choose, false},
    {FIDO_SIGN, op_sign, false},
    {FIDO_RESIDENT, op_resident, false},
    {FIDO_RESOLVE, op_resolve, false},
    {FIDO_LOAD, op_load, true},
};

static const struct row *row_of(enum fido_kind kind)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].kind == kind)
			return &table[i];
	}
	return NULL;
}

static enum err send_frame(int sock, struct builder *b)
{
	enum err e = builder_error(b);

	if (e == ERR_OK)
		e = fd_write_all(sock, builder_view(b), LIMIT_HELPER_MS);
	builder_clear(b);
	return e;
}

static enum err send_failure(int sock, enum err why, const struct op *op)
{
	struct fido_failure m = {.why = fido_failure_allowed(why) ? why : ERR_SYSTEM,
	    .tries = FIDO_TRIES_UNKNOWN,
	    .detail = bytes_str(op->detail)};
	struct builder b = {0};

	if (m.why == ERR_PIN || m.why == ERR_PIN_NEEDED)
		m.tries = op->tries;
	fido_failed_build(&b, &m);
	return send_frame(sock, &b);
}

/* Does this request load a library that somebody else wrote? */
static bool loads_library(struct bytes message, const struct row *row)
{
	struct fido_sign sign;
	struct fido_resident resident;

	if (fido_sign_parse(message, &sign) == ERR_OK)
		return sign.provider.len != 0;
	if (fido_resident_parse(message, &resident) == ERR_OK)
		return resident.provider.len != 0;
	return row->loads;
}

/* What such a library writes to standard error is its own affair, not the agent's log. */
static void silence(void)
{
	dup2(STDIN_FILENO, STDERR_FILENO);
}

/* Never more than whoever started the agent allows. */
static enum err bound_memory(void)
{
	struct rlimit memory;

	if (getrlimit(RLIMIT_AS, &memory) != 0)
		return ERR_SYSTEM;
	if (memory.rlim_max > MEMORY_MOST)
		memory.rlim_max = MEMORY_MOST;
	if (memory.rlim_cur > memory.rlim_max)
		memory.rlim_cur = memory.rlim_max;
	return setrlimit(RLIMIT_AS, &memory) == 0 ? ERR_OK : ERR_SYSTEM;
}

/* Address space that nobody uses counts, too: a thread's is else as large as the main one's stack
 * may grow, and glibc sets some aside for each thread's allocations. */
static enum err bound_threads(void)
{
#ifdef __GLIBC__
	pthread_attr_t attr;
	enum err e = ERR_SYSTEM;

	(void)mallopt(M_ARENA_MAX, 1);
	if (pthread_attr_init(&attr) != 0)
		return ERR_SYSTEM;
	if (pthread_attr_setstacksize(&attr, STACK) == 0 && pthread_setattr_default_np(&attr) == 0)
		e = ERR_OK;
	(void)pthread_attr_destroy(&attr);
	return e;
#else
	return ERR_OK;
#endif
}

static enum err confine(bool loads)
{
	enum err e = harden_no_new_privileges();

	if (loads) {
		silence();
		return e;
	}
	if (e == ERR_OK)
		e = bound_threads();
	if (e == ERR_OK)
		e = bound_memory();
	return e == ERR_OK ? sandbox_enter() : e;
}

static enum err answer(int sock, const struct row *row, struct op *op)
{
	enum err e = confine(loads_library(op->message, row));
	bool taken_back;

	if (e == ERR_OK)
		e = cancel_start(sock, &op->cancel);
	if (e != ERR_OK)
		return send_failure(sock, e, op);
	e = row->run(op);
	if (e == ERR_OK)
		e = builder_error(&op->answer);
	if (e == ERR_OK && op->answer.len > LIMIT_FIDO_ANSWER)
		e = ERR_LIMIT;
	taken_back = cancel_end(op->cancel);
	if (taken_back)
		e = ERR_CANCELLED;
	return e == ERR_OK ? send_frame(sock, &op->answer) : send_failure(sock, e, op);
}

static enum err watch(int sock, struct op *op)
{
	enum err e = confine(false);

	if (e == ERR_OK)
		e = watch_run(op, sock);
	return e == ERR_OK ? e : send_failure(sock, e, op);
}

static enum err serve(int sock)
{
	struct op op = {.tries = FIDO_TRIES_UNKNOWN};
	struct blob message = {0};
	const struct row *row;
	enum fido_kind kind;
	enum err e = helper_receive(sock, LIMIT_FIDO_REQUEST, &message);

	op.message = blob_view(&message);
	if (e == ERR_OK)
		e = fido_kind_of(op.message, &kind);
	if (e == ERR_VERSION)
		goto out;
	if (e != ERR_OK) {
		send_failure(sock, e == ERR_SYSTEM ? e : ERR_FORMAT, &op);
		goto out;
	}
	row = row_of(kind);
	if (kind == FIDO_WATCH)
		e = watch(sock, &op);
	else if (row != NULL)
		e = answer(sock, row, &op);
	else
		e = send_failure(sock, kind == FIDO_CANCEL ? ERR_CANCELLED : ERR_FORMAT, &op);
out:
	builder_clear(&op.answer);
	blob_clear(&message);
	return e;
}

int main(void)
{
	enum err e;
	int sock;

	log_start("signet-fido", LOG_LEVEL_WARN);
	harden_process();
	signal(SIGPIPE, SIG_IGN);
	/* libfido2 would print what it sends to devices. */
	unsetenv("FIDO_DEBUG");
	pcsc_prepare();
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
	e = serve(sock);
	if (e == ERR_CLOSED)
		e = ERR_OK;
	if (e != ERR_OK)
		log_error("the request was not answered: %s", err_text(e));
	/* Not exit(): a foreign library's last words could take for ever. */
	_exit(e == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}
