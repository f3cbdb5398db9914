/*
 * Messages between the core and its helpers: a frame (frame.h, at most
 * LIMIT_HELPER_MESSAGE), in it byte HELPER_VERSION, byte kind, and the kind's fields.
 * Both sides treat the other's bytes as hostile.
 */
#ifndef SIGNET_HELPERMSG_H
#define SIGNET_HELPERMSG_H

#include "proto/base/bytes.h"
#include "proto/builder.h"
#include "proto/reader.h"

/* Changes with every change of a message's form.  A test of upgrades says another one. */
#ifndef SIGNET_HELPER_VERSION
#define SIGNET_HELPER_VERSION 2
#endif
enum { HELPER_VERSION = SIGNET_HELPER_VERSION };

/* A helper finds its socket at this descriptor. */
enum { HELPER_FD = 3 };

/* The helpers, and the file names of their programs below libexec/signet. */
#define HELPER_LIST(X)                                                                             \
	X(HELPER_PROMPT, "signet-prompt")                                                          \
	X(HELPER_FIDO, "signet-fido")                                                              \
	X(HELPER_PKCS11, "signet-pkcs11")                                                          \
	X(HELPER_CARD, "signet-card")                                                              \
	X(HELPER_FILES, "signet-files")                                                            \
	X(HELPER_UNLOCK, "signet-unlock")                                                          \
	X(HELPER_KEYRING, "signet-keyring")                                                        \
	X(HELPER_SESSION, "signet-session")

enum helper_id {
#define HELPER_ENUM(name, program) name,
	HELPER_LIST(HELPER_ENUM)
#undef HELPER_ENUM
	    HELPERS
};

/* The program's file name; NULL for a number that is none. */
const char *helper_program(unsigned id);

enum helper_kind {
	/* Any helper to a core of another version: no fields, and nothing else follows. */
	HELPER_ALIEN = 0,
	/* core to signet-prompt: one question. byte askpass kind, string title, string text, uint32
	   pid, uint64 start time, uint32 flags, uint32 timeout, string environment (in it
	   strings). The helper answers once and ends; whatever else comes from the core, its
	   hanging up included, takes the question back. */
	HELPER_ASK = 1,
	/* signet-prompt to core: byte enum err (ERR_OK: yes), string answer (empty for a yes-or-no
	   question). */
	HELPER_ANSWER = 2,
};

enum helper_ask_flag {
	/* The request came over a forwarded connection: no terminal is asked, since the one that
	   the client's process has may be read and written by the other host. */
	HELPER_ASK_FORWARDED = 1u << 0,
	/* Of a notice: news that nobody has to act on.  A desktop notification or nothing, and it
	   goes by itself after the timeout. */
	HELPER_ASK_PASSING = 1u << 1,
	HELPER_ASK_FLAGS = HELPER_ASK_FORWARDED | HELPER_ASK_PASSING,
};

/* Views; all that is zero or empty is left out, save kind and text. */
struct helper_ask {
	uint8_t kind; /* enum askpass_kind */
	/* The whole question: UTF-8, no NUL, control characters escaped already, lines ended by
	   "\n" (none after the last). */
	struct bytes text;
	/* A line above it: what kind of question this is.  Empty: one that fits the kind. */
	struct bytes title;
	/* The client's process and its start time (clock ticks since boot, field 22 of
	   /proc/PID/stat), by which a number that was given out again is told apart; 0: none. */
	uint32_t pid;
	uint64_t started;
	uint32_t flags;   /* enum helper_ask_flag */
	uint32_t timeout; /* seconds, at most LIMIT_PROMPT_SECONDS; 0: LIMIT_PROMPT_MS */
	/* Display variables set by hand, which go before all others: see helper_env_next. */
	struct bytes environment;
};

struct helper_answer {
	enum err result; /* of those that helper_result_allowed */
	struct bytes answer;
};

/*
 * What all messages of all helpers begin with.  open gives the mark that builder_close wants; start
 * gives the cursor behind version and kind, or ERR_TOO_LONG over limit bytes, ERR_VERSION,
 * ERR_MESSAGE for another kind, ERR_TRUNCATED.
 */
size_t helper_message_open(struct builder *b, uint8_t kind);
enum err helper_message_start(struct bytes message, size_t limit, uint8_t kind, struct reader *out);

/* The kind of a message, for whoever takes several: ERR_VERSION, ERR_TRUNCATED. */
enum err helper_message_kind(struct bytes message, uint8_t *kind);

/* May this be an answer's result?  ERR_OK, ERR_DENIED, ERR_TIMEOUT, and why nobody was asked. */
bool helper_result_allowed(uint8_t result);

/* Whole frames into b. */
void helper_ask_build(struct builder *b, const struct helper_ask *m);
void helper_answer_build(struct builder *b, const struct helper_answer *m);

/*
 * May a question carry this NAME=VALUE?  Only display, session bus and askpass variables, with
 * values of LIMIT_PROMPT_VALUE bytes at most and no control characters.
 */
bool helper_env_allowed(struct bytes entry);

/*
 * The same for one that a client moves questions with: ERR_VARIABLE; ERR_ASKPASS_PATH where
 * SSH_ASKPASS would be looked for from the agent's folder or in its PATH.
 */
enum err helper_env_check(struct bytes entry);

/* The names of these variables: the i-th, NULL after the last. */
const char *helper_env_name(size_t i);

/*
 * The next entry of helper_ask.environment, for which *r starts as reader_of(m->environment):
 * ERR_OK, or ERR_TRUNCATED at the end.  helper_ask_parse has checked all of them; builder_string
 * puts one.
 */
enum err helper_env_next(struct reader *r, struct bytes *entry);

/* From a frame's content: ERR_VERSION, or why it is malformed. */
enum err helper_ask_parse(struct bytes message, struct helper_ask *out);
enum err helper_answer_parse(struct bytes message, struct helper_answer *out);

#endif
