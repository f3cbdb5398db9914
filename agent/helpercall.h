/*
 * One helper process and what is said with it: started through the supervisor, spoken to over a
 * socket, told to end, and killed when it does not.  Nothing waits for it.
 */
#ifndef SIGNET_HELPERCALL_H
#define SIGNET_HELPERCALL_H

#include "agent/loop.h"
#include "proto/base/bytes.h"
#include "proto/helpermsg.h"

struct call;
struct outbox;

/* The core's calls; zero-initialised but for loop and outbox. */
struct calls {
	struct loop *loop;
	struct outbox *outbox; /* to the supervisor, who starts and kills helpers */
	uint32_t last_id;
	struct call *first, *last; /* oldest first */
	struct call *line;         /* the first that waits to be started; so does all after it */
	size_t open;               /* all of them, */
	size_t starting;           /* those that the supervisor was asked for */
};

struct call_handler {
	/* A whole message of the helper (the content of a frame), valid during the call, which may
	   end or cancel the call.  What it makes of a malformed one is call_fail. */
	void (*message)(void *ctx, struct bytes message);
	/*
	 * The process is gone, or could not be started; exactly once, on the loop, never from
	 * within call_start.  ERR_OK: call_end was called before.  ERR_HELPER: it closed its socket
	 * unasked; ERR_HELPER_MISSING: it could not be started; ERR_TIMEOUT: the deadline passed;
	 * or what call_fail was given.  The handle is dead.
	 */
	void (*ended)(void *ctx, enum err why);
	uint32_t most; /* bytes of the longest message that it may send */
	bool once;     /* it sends one: what comes along with more is ended with ERR_SURPLUS, and
			  no message */
};

/*
 * Start helper id and send it request (a whole frame; copied).  Few are started at once, the others
 * wait in line.  timeout_ms: how long it may take in all, once its turn to be started came; 0: as
 * long as it likes.  NULL when there is no memory.  handler must live as long as the call.
 */
struct call *call_start(struct calls *cs, enum helper_id id, struct bytes request,
    unsigned timeout_ms, const struct call_handler *handler, void *ctx);

/* Has its helper been started, so that it has the request or is being sent it? */
bool call_has_helper(const struct call *c);

/*
 * Send it one more message (a whole frame; copied), behind what it was sent before; for helpers
 * that take several.  ERR_MEMORY; ERR_LIMIT: LIMIT_CALL_BACKLOG bytes wait to be taken by it.  On a
 * call that is over, nothing happens.
 */
enum err call_send(struct call *c, struct bytes message);

/*
 * It is done with: cancel (a whole frame; empty: none) is sent if the socket takes it, and the
 * sending side shut; after LIMIT_CANCEL_MS the process is killed.  ended comes when it is gone:
 * only then is what it had open free again.  No message comes after this.  Once more, or after
 * call_fail, it does nothing.
 */
void call_end(struct call *c, struct bytes cancel);

/* It misbehaved: as call_end, and why goes to ended. */
void call_fail(struct call *c, enum err why);

/* Whoever owns the call is going away: as call_end, but neither message nor ended comes.  NULL is
 * allowed. */
void call_abandon(struct call *c, struct bytes cancel);

/* The supervisor answered CHANNEL_STARTED: fd is the helper's socket or -1.  Takes fd over. */
void calls_started(struct calls *cs, uint32_t id, int fd);

#endif
