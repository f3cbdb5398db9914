/*
 * Messages between the core and its helpers: a frame (frame.h, at most
 * LIMIT_HELPER_MESSAGE), in it byte HELPER_VERSION, byte kind, and the kind's fields.
 * Both sides treat the other's bytes as hostile.
 */
#ifndef SIGNET_HELPERMSG_H
#define SIGNET_HELPERMSG_H

#include "proto/base/bytes.h"
#include "proto/builder.h"

/* Changes with every change of a message's form. */
enum { HELPER_VERSION = 1 };

/* A helper finds its socket at this descriptor. */
enum { HELPER_FD = 3 };

/* The helpers, and the file names of their programs below libexec/signet. */
#define HELPER_LIST(X) X(HELPER_PROMPT, "signet-prompt")

enum helper_id {
#define HELPER_ENUM(name, program) name,
	HELPER_LIST(HELPER_ENUM)
#undef HELPER_ENUM
	    HELPERS
};

/* The program's file name; NULL for a number that is none. */
const char *helper_program(unsigned id);

enum helper_kind {
	/* core to signet-prompt: one question. byte askpass kind, string text. The helper answers
	   once and ends. */
	HELPER_ASK = 1,
	/* signet-prompt to core: byte enum err (ERR_OK: yes), string answer (empty for a yes-or-no
	   question). */
	HELPER_ANSWER = 2,
};

struct helper_ask {
	uint8_t kind;      /* enum askpass_kind */
	struct bytes text; /* what the person reads; no NUL, control characters escaped already */
};

struct helper_answer {
	enum err result; /* ERR_OK, ERR_DENIED, ERR_TIMEOUT, ERR_NO_PROMPT, ERR_SYSTEM */
	struct bytes answer;
};

/* Whole frames into b. */
void helper_ask_build(struct builder *b, const struct helper_ask *m);
void helper_answer_build(struct builder *b, const struct helper_answer *m);

/* From a frame's content: ERR_VERSION, or why it is malformed. */
enum err helper_ask_parse(struct bytes message, struct helper_ask *out);
enum err helper_answer_parse(struct bytes message, struct helper_answer *out);

#endif
