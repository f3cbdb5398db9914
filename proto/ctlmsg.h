/*
 * The control protocol, spoken on the control socket (the agent socket's path
 * with CTL_SUFFIX), which is never forwarded.  Frames as in the agent
 * protocol; the first byte is a number of this list.
 *
 * What is told is told as pairs (string name, string value), so that a later agent can say more
 * and an older client still reads it: a client passes over names that it does not know.  The page
 * signet-control(7) describes names and values.
 */
#ifndef SIGNET_CTLMSG_H
#define SIGNET_CTLMSG_H

#include "proto/builder.h"
#include "proto/reader.h"
#include "proto/rules.h"

#define CTL_SUFFIX ".ctl"

enum ctl_number {
	CTL_STATUS = 1,        /* no fields */
	CTL_STATUS_ANSWER = 2, /* pairs (string name, string value) up to the end */
	CTL_FAILURE = 3,       /* string: the reason in a sentence */

	/* byte version, uint64 after: what comes after this number, 0 from the start.  Answered by
	   CTL_RECORDS; one that holds no record says that there is no more. */
	CTL_LIST = 4,       /* keys */
	CTL_LOG = 5,        /* decisions, oldest first */
	CTL_LOG_FOLLOW = 6, /* decisions, without an end: CTL_RECORDS again and again */

	CTL_RECORDS = 7, /* byte version, then strings up to the end, each a record of pairs; every
			    record has the pair "number", which asks for what comes after it */

	CTL_ADD = 8,  /* rules (rules.h), string: what an ADD_ID_CONSTRAINED says after its number.
			 Answered by CTL_DONE */
	CTL_DONE = 9, /* no fields */

	CTL_ENVIRONMENT = 10, /* string, in it strings NAME=VALUE: the display variables that
				 questions are asked with from now on.  Answered by CTL_DONE */

	CTL_CERTIFICATE = 11, /* string: a certificate blob, for the loaded key that it belongs to;
				 an earlier one of the same key and authority makes room.
				 Answered by CTL_DONE */
	CTL_ADD_TOKEN = 12,   /* rules (rules.h), string: what an ADD_SMARTCARD_KEY_CONSTRAINED says
				 after its number.  Answered by CTL_DONE */
};

/* Of LIST, LOG, LOG_FOLLOW and RECORDS; changes only when older readers would misunderstand.  A
 * test of upgrades says another one. */
#ifndef SIGNET_CTL_VERSION
#define SIGNET_CTL_VERSION 1
#endif
enum { CTL_VERSION = SIGNET_CTL_VERSION };

/* A pair of a status answer or of a record. */
void ctl_pair_build(struct builder *b, const char *name, const char *value);
void ctl_pair_bytes(struct builder *b, const char *name, struct bytes value);
void ctl_pair_number(struct builder *b, const char *name, uint64_t value);
enum err ctl_pair_read(struct reader *r, struct bytes *name, struct bytes *value);

/* A request for a page of records: a whole frame into b. */
void ctl_page_build(struct builder *b, enum ctl_number number, uint64_t after);

/* Its content after the number.  ERR_VERSION for a version that is not ours. */
enum err ctl_page_parse(struct bytes body, uint64_t *after);

/* The frame of an answer: records go between open and close, each between builder_open and
 * builder_close. */
size_t ctl_records_open(struct builder *b);
void ctl_records_close(struct builder *b, size_t mark);

/*
 * Read an answer of records: message (the number first) into a cursor for ctl_record_next.
 * ERR_REFUSED for CTL_FAILURE, whose sentence is then in *reason; ERR_REPLY for another answer;
 * ERR_VERSION.
 */
enum err ctl_records_parse(struct bytes message, struct reader *records, struct bytes *reason);

/* The next record, its pairs checked to be well-formed; *more is false after the last. */
enum err ctl_record_next(struct reader *records, bool *more, struct reader *pairs);

/* The value of a name in a record that ctl_record_next gave; false: it has none. */
bool ctl_value(struct reader pairs, const char *name, struct bytes *value);

/* The number of a record: what to ask after.  ERR_REPLY when it has none. */
enum err ctl_record_number(struct reader pairs, uint64_t *out);

/* An addition with rules: a whole frame into b.  message is what follows the number. */
void ctl_add_build(struct builder *b, const struct key_rules *rules, struct bytes message);

/* Its content after the number; *message is a view into body. */
enum err ctl_add_parse(struct bytes body, struct key_rules *rules, struct bytes *message);

/* The same of a token; ctl_add_parse reads it. */
void ctl_add_token_build(struct builder *b, const struct key_rules *rules, struct bytes message);

/* A certificate: a whole frame into b; and its content after the number, a view into body. */
void ctl_certificate_build(struct builder *b, struct bytes cert);
enum err ctl_certificate_parse(struct bytes body, struct bytes *cert);

/*
 * Where questions are to be asked: a whole frame into b.  environment is in the form of
 * helper_ask.environment (helpermsg.h).
 */
void ctl_environment_build(struct builder *b, struct bytes environment);

/*
 * Its content after the number; *environment is a view into body, of at most LIMIT_PROMPT_VARIABLES
 * entries, each as helper_env_check has it and no name twice.  Empty: none set by hand any more.
 * ERR_LIMIT; ERR_VARIABLE or ERR_ASKPASS_PATH for an entry that is not so.
 */
enum err ctl_environment_parse(struct bytes body, struct bytes *environment);

/* Answers without records: whole frames into b. */
void ctl_done_build(struct builder *b);
void ctl_failure_build(struct builder *b, const char *reason);

/*
 * Read an answer that has no records.  ERR_REFUSED for CTL_FAILURE, whose sentence is then in
 * *reason; ERR_REPLY for another answer than CTL_DONE.
 */
enum err ctl_done_parse(struct bytes message, struct bytes *reason);

#endif
