/*
 * What clients make the agent keep beyond what each connection may always have
 * (LIMIT_CONNECTION): halves of requests, requests that wait or were sent ahead, answers that
 * nobody reads, session binds.  A client that does one thing after the other, and reads, is never
 * in here.
 *
 * All of it together stays below LIMIT_BACKLOG.  Who is over it is found by processes, since one
 * can have many connections: of the process that has most, the connection that has most is to go.
 * So no client can push out one of another process that holds less.
 */
#ifndef SIGNET_BACKLOG_H
#define SIGNET_BACKLOG_H

#include <stddef.h>

struct conn;

/* Zero-initialised is empty.  Invariants: bytes is the sum over the list, in which are those with
 * more than none, and those of one process stand side by side, its newest first. */
struct backlog {
	struct conn *first;
	size_t bytes;
};

/* A connection's place in it; embed it, zero-initialised. */
struct backlog_part {
	struct conn *next, *prev;
	size_t bytes;
};

/* The connection keeps so many bytes now, those that it may always have among them. */
void backlog_note(struct backlog *b, struct conn *c, size_t bytes);

/* Which one is to be closed; NULL: there is room.  The caller sees to it that it is noted with
 * nothing before it asks again. */
struct conn *backlog_surplus(const struct backlog *b);

#endif
