#include "tokens/fido/serve.h"

#include "proto/base/fdio.h"
#include "proto/helperio.h"
#include "proto/limits.h"
#include "tokens/fido/cancel.h"
#include "tokens/fido/confine.h"
#include "tokens/fido/op.h"
#include "tokens/fido/watch.h"

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

static enum err answer(int sock, const struct row *row, struct op *op)
{
	enum err e = fido_confine(loads_library(op->message, row));
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
	enum err e = fido_confine(false);

	if (e == ERR_OK)
		e = watch_run(op, sock);
	return e == ERR_OK ? e : send_failure(sock, e, op);
}

enum err fido_serve(int sock)
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
