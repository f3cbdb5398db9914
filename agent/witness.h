/*
 * Asking the supervisor who a client is (lineage.h).  Nothing waits for the
 * answer but who asked.
 */
#ifndef SIGNET_WITNESS_H
#define SIGNET_WITNESS_H

#include "agent/lineage.h"
#include "agent/loop.h"
#include "agent/outbox.h"

struct testimony;

/* The core's questions; zero-initialised but for loop and outbox. */
struct witness {
	struct loop *loop;
	struct outbox *outbox; /* to the supervisor */
	uint32_t last_id;
	struct testimony *first; /* those that are open */
	size_t open;
};

/*
 * Who is pid?  since: clock_now() when the client connected; a process that began later only
 * inherited its number, and counts as gone.  done is called exactly once, on the loop, never from
 * within this call, unless cancelled first; the record is valid during the call.  A process that is
 * gone, a supervisor that cannot be reached or does not answer within LIMIT_WITNESS_MS give a
 * record of no processes.  The handle is dead when done is called.  NULL when there is no memory:
 * done is not called.
 */
struct testimony *witness_ask(struct witness *w, pid_t pid, uint64_t since,
    void (*done)(void *ctx, const struct lineage *who), void *ctx);

/* done is not called any more.  NULL is allowed. */
void witness_cancel(struct testimony *t);

/* The supervisor's CHANNEL_LINEAGE came. */
void witness_heard(struct witness *w, uint32_t id, struct bytes record);

#endif
