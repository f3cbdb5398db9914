/*
 * A hostile agent, for fuzzers of a helper's own request loop.  An input is a byte of settings and
 * steps (steps.h); whenever the helper waits (poll) and nothing is there for it, the agent takes
 * its next step: a message that is as it should be, or one that is bent, cut, split, too long, of
 * another version, followed by more, said twice; a pause; something that happens outside; or it
 * hangs up.  After the last step it does.  Time is that of the fuzzer.
 *
 * The includer says what messages and happenings there are, and what answers may be.  Whatever
 * comes, a helper sends whole messages only, each of which the core understands; its loop ends; and
 * what is secret in a request is in no line of the log.
 */
#ifndef SIGNET_FUZZ_HOSTILE_AGENT_H
#define SIGNET_FUZZ_HOSTILE_AGENT_H

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/builder.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"
#include "tests/fuzz/steps.h"

/* In requests, where a passphrase or PIN is. */
#define AGENT_SECRET "most secret"

enum {
	AGENT_STEPS = 40,
	AGENT_POLLS = 100000, /* of a helper that asks for ever */
	AGENT_ROOM = 512 * 1024,
};

struct hostile_agent {
	int sock[2]; /* the helper's, and ours */
	size_t limit;
	struct reader script;
	struct reader step;     /* what is left of the one that is taken */
	struct builder pending; /* the rest of a split message */
	struct builder last;    /* the last whole one */
	uint8_t heard[AGENT_ROOM];
	size_t len;
	unsigned steps, polls, sent, answers;
	bool hung_up;
	bool strange; /* something else than messages as they should be was sent */
	uint64_t now;
};

static struct hostile_agent agent;

/* --- the includer's -------------------------------------------------------------------------- */

/* A well-formed message; step is left at its arguments. */
static void agent_says(struct builder *b);
/* The last one is said once more. */
static void agent_says_again(void);
/* Something outside. */
static void agent_does(void);
/* An answer; it must be one. */
static void agent_hears(struct bytes message);

/* --- arguments ------------------------------------------------------------------------------- */

/* below 256; 0: any byte. */
static unsigned agent_pick(unsigned below)
{
	uint8_t byte = 0;

	(void)reader_u8(&agent.step, &byte);
	return below == 0 ? byte : byte % below;
}

/* --- what is sent and heard --------------------------------------------------------------------
 */

static void agent_listen(void)
{
	struct bytes message;
	size_t done = 0;
	ssize_t n;

	while ((n = recv(agent.sock[1], agent.heard + agent.len, AGENT_ROOM - agent.len,
		    MSG_DONTWAIT)) > 0)
		agent.len += (size_t)n;
	fuzz_require(agent.len < AGENT_ROOM, "a helper does not tell without end");
	while (frame_next(BYTES(agent.heard + done, agent.len - done), agent.limit, &message) ==
	       FRAME_READY) {
		agent.answers++;
		agent_hears(message);
		done += FRAME_HEADER + message.len;
	}
	memmove(agent.heard, agent.heard + done, agent.len - done);
	agent.len -= done;
}

/* What does not fit at once is lost: the helper does not listen. */
static void agent_send(struct bytes b)
{
	(void)send(agent.sock[1], b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	agent.sent++;
}

static void agent_hang_up(void)
{
	agent.hung_up = true;
	(void)shutdown(agent.sock[1], SHUT_WR);
}

/* --- steps -------------------------------------------------------------------------------------
 */

enum agent_step {
	AGENT_SPLIT = 6,
	AGENT_BENT,
	AGENT_CUT, /* and what comes next is taken for the rest of it */
	AGENT_RAW,
	AGENT_LENGTH, /* any */
	AGENT_SURPLUS,
	AGENT_AGAIN,
	AGENT_PAUSE,
	AGENT_ACT,
	AGENT_END,
	AGENT_ACTS, /* those below AGENT_SPLIT are messages as they should be */
};

static void agent_set_length(struct builder *b, uint32_t n)
{
	for (unsigned i = 0; i < FRAME_HEADER && b->len >= FRAME_HEADER; i++)
		b->data[i] = (uint8_t)(n >> (24 - 8 * i));
}

static void agent_bend(enum agent_step how, struct builder *b)
{
	size_t at = agent_pick(0);
	uint8_t with = (uint8_t)agent_pick(0);

	if (b->len <= FRAME_HEADER)
		return;
	if (how == AGENT_BENT)
		b->data[FRAME_HEADER + at % (b->len - FRAME_HEADER)] ^= with;
	if (how == AGENT_LENGTH)
		agent_set_length(b, (uint32_t)at << 24 | (uint32_t)with << (at % 24));
	if (how == AGENT_SURPLUS) {
		builder_u8(b, with);
		agent_set_length(b, (uint32_t)b->len - FRAME_HEADER);
	}
}

static void agent_message(enum agent_step how)
{
	size_t part;

	builder_reset(&agent.last);
	agent_says(&agent.last);
	fuzz_require(builder_error(&agent.last) == ERR_OK, "there is memory");
	agent_bend(how, &agent.last);
	agent.strange = agent.strange || how > AGENT_SPLIT;
	part = how == AGENT_SPLIT || how == AGENT_CUT ? agent_pick(0) % (agent.last.len + 1)
						      : agent.last.len;
	agent_send(BYTES(agent.last.data, part));
	if (how == AGENT_SPLIT)
		builder_put(&agent.pending, BYTES(agent.last.data + part, agent.last.len - part));
}

/* Milliseconds that it takes. */
static uint64_t agent_step(void)
{
	enum agent_step how = agent_pick(AGENT_ACTS);

	switch (how) {
	case AGENT_RAW:
		agent.strange = true;
		agent_send(reader_rest(&agent.step));
		return 0;
	case AGENT_AGAIN:
		agent_send(builder_view(&agent.last));
		agent_says_again();
		return 0;
	case AGENT_PAUSE:
		return 1 + (uint64_t)agent_pick(0) * 50;
	case AGENT_ACT:
		agent_does();
		return 0;
	case AGENT_END:
		agent_hang_up();
		return 0;
	default:
		agent_message(how);
		return 0;
	}
}

static uint64_t agent_turn(void)
{
	if (agent.pending.len != 0) {
		agent_send(builder_view(&agent.pending));
		builder_reset(&agent.pending);
		return 0;
	}
	if (!agent.hung_up && agent.steps++ < AGENT_STEPS && steps_next(&agent.script, &agent.step))
		return agent_step();
	if (!agent.hung_up)
		agent_hang_up();
	return 1000;
}

/* --- instead of libc's -------------------------------------------------------------------------
 */

/* Under a name of its own, since headers may have an inline function of poll's. */
int agent_poll(struct pollfd *fds, nfds_t n, int timeout) __asm__("poll");

/* Whoever waits without end, with the agent gone, would. */
int agent_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	static const struct timespec at_once = {0, 0};
	uint64_t until = timeout < 0 ? UINT64_MAX : agent.now + (uint64_t)timeout;

	for (;;) {
		int ready;

		agent_listen();
		ready = ppoll(fds, n, &at_once, NULL);
		fuzz_require(++agent.polls < AGENT_POLLS, "a helper's loop ends");
		if (ready != 0 || agent.now >= until)
			return ready;
		agent.now += agent_turn();
		if (agent.now > until)
			agent.now = until;
	}
}

static uint64_t agent_clock(void)
{
	return agent.now;
}

static int64_t agent_wall(void)
{
	return 1700000000;
}

static void agent_log(enum log_level level, const char *line)
{
	(void)level;
	fuzz_touch(bytes_str(line));
	fuzz_require(strstr(line, AGENT_SECRET) == NULL, "a secret is not logged");
}

/* --- beginning and end -------------------------------------------------------------------------
 */

/* For LLVMFuzzerInitialize; limit: of an answer. */
static void agent_start(size_t limit)
{
	log_to(agent_log);
	clock_replace(agent_clock, agent_wall);
	agent.limit = limit;
}

/* The settings; what the helper is to serve is agent.sock[0]. */
static uint8_t agent_begin(const uint8_t *data, size_t size)
{
	uint8_t settings = 0;

	agent.script = reader_of(BYTES(data, size));
	(void)reader_u8(&agent.script, &settings);
	agent.step = reader_of(BYTES_NONE);
	agent.len = 0;
	agent.steps = agent.polls = agent.sent = agent.answers = 0;
	agent.hung_up = agent.strange = false;
	agent.now = 100000;
	fuzz_require(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, agent.sock) == 0, "a socket");
	return settings;
}

static void agent_end(void)
{
	agent_listen();
	fuzz_require(agent.len == 0, "a helper sends whole messages");
	close(agent.sock[0]);
	close(agent.sock[1]);
	builder_clear(&agent.last);
	builder_clear(&agent.pending);
}

#endif
