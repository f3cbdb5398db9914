/*
 * What Signet can ask of a key beyond the constraints of RFC 9987: sent with
 * an addition on the control socket (CTL_ADD), since no forwarded host and no
 * other agent has to understand it.
 */
#ifndef SIGNET_RULES_H
#define SIGNET_RULES_H

#include "proto/builder.h"
#include "proto/reader.h"

/* When a person is asked before a signature.  X(name, number, word) */
#define CONFIRM_LIST(X)                                                                            \
	X(CONFIRM_NEVER, 0, "never")                                                               \
	X(CONFIRM_ALWAYS, 1, "always")       /* each time (RFC 9987, section 5.2.7.2) */           \
	X(CONFIRM_FORWARDED, 2, "forwarded") /* each time, on forwarded connections only */        \
	X(CONFIRM_CONNECTION, 3, "once-per-connection")                                            \
	X(CONFIRM_TIMED, 4, "timed") /* once for some time, per destination and application */

enum confirm_rule {
#define CONFIRM_ENUM(name, number, word) name = number,
	CONFIRM_LIST(CONFIRM_ENUM)
#undef CONFIRM_ENUM
};

/* The word for a rule; NULL for a number that is none. */
const char *confirm_rule_word(unsigned rule);

/* Zero-initialised asks for nothing. */
struct key_rules {
	enum confirm_rule confirm;
	uint32_t confirm_seconds; /* with CONFIRM_TIMED: how long an answer holds */
	uint32_t idle;            /* seconds without use until the key goes; 0: none */
	bool local_only;          /* hidden from and refused on forwarded connections */
};

bool key_rules_none(const struct key_rules *r);

/* ERR_CONSTRAINT for a rule that is none, or CONFIRM_TIMED without a time. */
enum err key_rules_read(struct reader *r, struct key_rules *out);
void key_rules_build(struct builder *b, const struct key_rules *rules);

/*
 * What --confirm takes: never, always, forwarded, once-per-connection, or a length of
 * time (duration.h).  ERR_FORMAT for anything else.
 */
enum err confirm_rule_parse(const char *text, struct key_rules *out);

#endif
