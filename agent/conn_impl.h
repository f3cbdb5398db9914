/*
 * What the parts of conn.h share: conn.c (connections as the loop has them) and attend.c (those
 * that a worker attends).  All of it is for whoever is in the loop, but for conn_is,
 * conn_write_answer and conn_give_back.
 */
#ifndef SIGNET_CONN_IMPL_H
#define SIGNET_CONN_IMPL_H

#include "agent/conn.h"

/* From any thread. */
static inline bool conn_is(const struct conn *c, enum conn_state state)
{
	return atomic_load_explicit(&c->state, memory_order_acquire) == state;
}

/* On a worker: write the answer to a lent connection.  False: not all of it could be written, or
 * the client is to be hung up on; the connection is CALLED, and to be given back. */
bool conn_write_answer(struct conn *c, const struct builder *reply);

/* Free a connection on which nobody works, when this round is over; its descriptor is -1 then. */
void conn_close(struct conn *c);

/* Handle what was read from a connection that is READING, and keep what is no whole message yet.
 * It may be closed then. */
void conn_handle(struct conn *c, struct bytes data);

/* With nothing else on the stack that looks at a connection: c has done something; make room for
 * what is kept of it, by which it may be closed. */
void conn_settle(struct conn *c);

/* Have the loop go on with a connection that is CALLED in a later round. */
void conn_give_back(struct conn *c);

#endif
