/*
 * Finding out how known_hosts names a host, for questions to a person.  The supervisor opens the
 * files, a worker reads them, and nothing waits for either but who asked.
 */
#ifndef SIGNET_HOSTNAMES_H
#define SIGNET_HOSTNAMES_H

#include "agent/hostsearch.h"
#include "agent/loop.h"
#include "agent/outbox.h"
#include "agent/workers.h"

struct hostnames_query;

/*
 * The core's queries; zero-initialised but for loop, outbox and workers.  They are answered one
 * after the other, so that files are open for one only, and no more than one worker is busy.
 */
struct hostnames {
	struct loop *loop;
	struct outbox *outbox; /* to the supervisor */
	struct workers *workers;
	uint32_t last_id;
	struct hostnames_query *first, *last; /* oldest first; those that wait or are worked on */
	struct hostnames_query *current;      /* the one that is worked on */
	size_t open;                          /* not answered, and not cancelled */
};

/*
 * Which names has the host with this key (public key blob or host certificate)?  candidates: names
 * that hashed entries are tried with (host names, addresses, or [either]:port), at most
 * LIMIT_HOST_CANDIDATES of them.  All is copied.  done is called exactly once, on the loop, never
 * from within this call, unless cancelled first; the handle is dead then.  text and result are
 * those of hostsearch_run, the text (escaped, under HOSTSEARCH_TEXT bytes; empty: no name) valid
 * during the call; or ERR_TIMEOUT, when that was not found out within LIMIT_WITNESS_MS, ERR_SYSTEM,
 * when the supervisor cannot be reached.  NULL is returned when there is no memory: done is not
 * called.
 */
struct hostnames_query *hostnames_ask(struct hostnames *h, struct bytes host_key,
    const struct bytes *candidates, size_t n,
    void (*done)(void *ctx, enum err result, const char *text), void *ctx);

/* done is not called any more.  NULL is allowed. */
void hostnames_cancel(struct hostnames_query *q);

/* The supervisor's CHANNEL_FILE came; fd (-1: none) is taken over. */
void hostnames_heard(struct hostnames *h, uint32_t id, unsigned which, int fd);

#endif
