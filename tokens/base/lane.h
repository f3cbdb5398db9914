/*
 * What signet-pkcs11 and signet-card, which live long and serve several requests at once, share:
 * threads that requests are handed to in the order in which they came, and one way out for answers.
 */
#ifndef SIGNET_TOKENS_LANE_H
#define SIGNET_TOKENS_LANE_H

#include "proto/builder.h"

/* --- answers -------------------------------------------------------------------- */

struct outlet; /* of the asker's socket; used by all threads */

/* sock: blocking; stays the caller's.  NULL without memory. */
struct outlet *outlet_new(int sock);

/*
 * Send a whole frame, none between its bytes; clears frame.  ERR_CLOSED: nobody listens any more;
 * the process then has no reason to go on.  So it is where a frame cannot be sent, or was not built
 * for want of memory: the asker would wait for it, and is hung up on.
 */
enum err outlet_send(struct outlet *o, struct builder *frame);

/* Something cannot be told: nothing more is, and the asker sees the end; request_next, too. */
void outlet_hang_up(struct outlet *o);

/* --- requests ------------------------------------------------------------------- */

/*
 * The content of the next frame, of at most LIMIT_TOKEN_MESSAGE bytes, however long it takes to
 * begin; once begun it must come within LIMIT_HELPER_MS.  ERR_CLOSED: the asker hung up.
 */
enum err request_next(int sock, struct blob *out);

struct lane;

/* Threads that take turns on what is put here; run is called with each message, which it may not
 * keep; it is wiped afterwards.  NULL without memory or thread. */
struct lane *lane_new(unsigned threads, void (*run)(void *ctx, struct bytes message), void *ctx);

/* Hand it over: message is moved from.  ERR_MEMORY: it was not, and is still the caller's. */
enum err lane_put(struct lane *l, struct blob *message);

/*
 * The calling thread becomes one more of the lane's, and one of them, whichever it is, is always in
 * next, which waits for a message that is to be run (and does by itself what is not): the one that
 * it came to runs it, and another goes on.  No more than the threads of lane_new run at once; what
 * comes meanwhile waits.  Never comes back: next ends the process when there is nothing left.
 */
_Noreturn void lane_lead(struct lane *l, void (*next)(void *ctx, struct blob *out));

#endif
