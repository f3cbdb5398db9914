/*
 * Asking a person before a key is used.
 *
 * A request goes through these stages, none of which holds up anything else: who
 * asks (witness.h), was it answered before, is the same being asked already,
 * what the hosts are called (hostnames.h), the question itself (prompt.h).
 */
#ifndef SIGNET_CONSENT_H
#define SIGNET_CONSENT_H

#include "agent/decisions.h"
#include "agent/hostbook.h"
#include "agent/hostnames.h"
#include "agent/prompt.h"
#include "agent/route.h"
#include "agent/witness.h"
#include "proto/rules.h"

struct inquiry; /* a request that waits for an answer */
struct answer;  /* one that is remembered */

/* The core's; zero-initialised but for the first seven. */
struct consents {
	struct loop *loop;
	struct witness *witness;
	struct hostnames *hostnames;
	struct prompts *prompts;
	const struct blob *environment; /* helper_ask.environment of every question; may be NULL */
	uint32_t timeout;               /* helper_ask.timeout of every question */
	struct hostbook *hostbook;      /* names that were found; may be NULL */
	struct decisions *decisions;    /* hears who asks, once that is known; may be NULL */
	struct inquiry *first, *last;   /* all that wait, oldest first */
	struct answer *answers;
	size_t answer_count;
	struct task turns; /* of those that wait for another's answer */
	bool turns_posted;
	struct task review; /* of all that wait: are they allowed still? */
	bool review_posted;
};

/* What is to be allowed.  Views, needed only during the call, but for route. */
struct consent_request {
	struct bytes comment;
	const char *print; /* its fingerprint */
	struct key_rules rules;
	struct bytes destinations;
	struct bytes data; /* to be signed */
	struct asker who;
	const struct route *route; /* outlives the request: the connection's */
	bool quiet;                /* ask nobody: only find out what consent_about says */
	/* With done's ctx, for consent_forget: may the key still be used so?  NULL: always. */
	enum err (*allowed)(void *ctx);
};

/* Does a key with these rules want a person asked on this route? */
bool consent_needed(const struct key_rules *rules, const struct route *route);

/*
 * Ask.  One that waits for another's answer has no more time than it had when it came: it is
 * refused with ERR_TIMEOUT when the other's question was not answered in time, or when its own time
 * is over before its turn comes.  done is called exactly once, on the loop, never from within this
 * call, unless cancelled first: ERR_OK, or why not (as prompt_ask); how tells whether a person was
 * asked for it or an earlier answer held; destination says in words what for, valid during the
 * call.  The handle is dead then.  NULL when there is no memory.
 */
struct inquiry *consent_ask(struct consents *cs, const struct consent_request *request,
    void (*done)(void *ctx, enum err result, enum consent how, struct bytes destination),
    void *ctx);

/*
 * For done, while it runs: who asks, what for and over which hosts, in words, beginning with an
 * empty line; and the start time of the client's process as helper_ask.started wants it.
 */
void consent_about(const struct inquiry *q, struct builder *b);
uint64_t consent_client_started(const struct inquiry *q);

/* How many requests wait for consent, and in which stage they are. */
struct consent_counts {
	size_t looking; /* for who asks, or for the names of hosts */
	size_t asking;  /* a question of theirs is open, or waits for its turn on the screen */
	size_t behind;  /* another's question is to be answered for them too */
};

struct consent_counts consent_count(const struct consents *cs);

/* Is the question before a person now?  Not while it waits for its turn, or for another's answer.
 */
bool consent_is_shown(const struct inquiry *q);

/* The client left: closes its question, or gives its turn to the next who wants the same.  NULL is
 * allowed. */
void consent_cancel(struct inquiry *q);

/*
 * Forget every remembered answer for the key of this fingerprint (NULL: for all keys), and keep
 * none to questions that are open: the key is gone or has other rules, or the agent was locked.
 * Soon, on the loop, every request that is allowed no longer is refused with the reason that
 * allowed gives, and its question closed.
 */
void consent_forget(struct consents *cs, const char *print);

#endif
