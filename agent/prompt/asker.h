/*
 * Ways to put a question to the person: one row of the table in order.c each.
 */
#ifndef SIGNET_PROMPT_ASKER_H
#define SIGNET_PROMPT_ASKER_H

#include "proto/helpermsg.h"

/* One question, the same for every way that is tried.  Views of what serve.c holds. */
struct question {
	const struct helper_ask *ask;
	const char *title; /* never empty */
	const char *text;
	/* Readable when the question is void: the core hung up, or this process was told to end. */
	int cancel;
	uint64_t deadline; /* clock_now(); UINT64_MAX for a notice that only the core ends */
};

struct reply {
	/* ERR_OK, ERR_DENIED, ERR_TIMEOUT, ERR_CANCELLED, or why it could not be put */
	enum err result;
	struct blob answer; /* of a question for a secret; the holder clears it */
};

struct asker {
	const char *name; /* as in SIGNET_PROMPT */
	/*
	 * Ask, and wait for the answer.  False when the person saw nothing of it, so that the next
	 * way can be tried; reply->result is then ERR_NO_PROMPT where this way does not exist here,
	 * else what went wrong.  Once the question may have been seen it is true, whatever came of
	 * it.
	 */
	bool (*ask)(const struct question *q, struct reply *reply);
};

extern const struct asker asker_askpass;
extern const struct asker asker_notify; /* for notices only */
extern const struct asker asker_pinentry;
extern const struct asker asker_terminal;

/* Milliseconds until the deadline, for poll(2): -1 for none. */
int question_time_left(const struct question *q);

/*
 * Try the ways in their order until one has asked.  The order is SIGNET_PROMPT's (names with spaces
 * between), or askpass, notify, pinentry, terminal; a client in a remote login is asked at its
 * terminal first, if the list has it.  A passing notice (HELPER_ASK_PASSING) is tried with notify
 * alone, whatever the list: a window to be closed by hand is no way to tell of a refusal.
 */
void ask_in_order(const struct question *q, struct reply *reply);

#endif
