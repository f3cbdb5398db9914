/* What every operation of signet-fido gets, and says beside its result. */
#ifndef SIGNET_FIDO_OP_H
#define SIGNET_FIDO_OP_H

#include "proto/builder.h"
#include "proto/fidomsg.h"

struct cancel;

struct op {
	struct bytes message;  /* the request, whose kind is known */
	struct cancel *cancel; /* devices that wait for a person are named to it */
	struct builder answer; /* the frame to send when the operation succeeds */
	/* With a failure: struct fido_failure's. */
	uint8_t tries;
	char detail[FIDO_DETAIL_MOST + 1];
};

/* One a request: an error of fido_failure_allowed(), or ERR_OK with the answer built. */
enum err op_list(struct op *op);
enum err op_probe(struct op *op);
enum err op_choose(struct op *op);
enum err op_sign(struct op *op);
enum err op_resident(struct op *op);
enum err op_resolve(struct op *op);
enum err op_load(struct op *op);

/* Note why, for the log, and give e back.  Bytes that are no text are escaped. */
enum err op_fail(struct op *op, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
