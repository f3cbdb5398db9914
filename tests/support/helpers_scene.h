/*
 * Helpers of the core, with the test as supervisor and as every helper, and with a clock that only
 * the test moves.  A helper is started as soon as it is asked for, unless the test says otherwise.
 */
#ifndef TESTS_HELPERS_SCENE_H
#define TESTS_HELPERS_SCENE_H

#include "tests/support/base_test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/helpercall.h"
#include "agent/outbox.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/fidomsg.h"
#include "proto/frame.h"
#include "proto/limits.h"

enum { CORE, SUPERVISOR, HELPERS_MOST = 600, ROUNDS = 6, HEARD_MOST = 8 * 1024 };

/* One process. */
struct helper {
	uint32_t id;
	unsigned program;
	int fd; /* -1: not started, or ended */
	bool started, killed, hung_up, stubborn;
	size_t len;
	uint8_t heard[HEARD_MOST]; /* what it was told so far, as much as there is room for */
	size_t told;               /* bytes in all, */
	uint8_t last;              /* the last of them */
};

struct helpers_scene {
	struct loop *loop;
	int channel[2];
	struct watch core_end;
	struct outbox outbox;
	struct calls calls;
	struct helper *helper[HELPERS_MOST]; /* in the order in which they were asked for */
	size_t count;
	bool slow, unable; /* what the supervisor does: nothing; -1 for a socket */
	struct task tick;
	unsigned rounds;
	size_t open_before;
};

static uint64_t scene_now;

static inline uint64_t scene_clock(void)
{
	return scene_now;
}

static inline void scene_open(struct helpers_scene *s)
{
	scene_now = 1000000;
	clock_replace(scene_clock, NULL);
	s->open_before = base_open_count();
	s->loop = loop_new();
	assert_non_null(s->loop);
	assert_int_equal(channel_pair(s->channel), ERR_OK);
	assert_int_equal(fd_nonblock(s->channel[SUPERVISOR]), ERR_OK);
	s->core_end.fd = s->channel[CORE];
	s->outbox.channel = &s->core_end;
	s->calls = (struct calls){.loop = s->loop, .outbox = &s->outbox};
}

static inline void scene_tick(struct task *t)
{
	struct helpers_scene *s =
	    (struct helpers_scene *)(void *)((char *)t - offsetof(struct helpers_scene, tick));

	if (s->rounds-- == 0)
		loop_stop(s->loop);
	else
		loop_post(s->loop, t);
}

/* Some rounds of the loop; nothing in them waits for the machine's time. */
static inline void scene_turn(struct helpers_scene *s)
{
	s->rounds = ROUNDS;
	s->tick.run = scene_tick;
	loop_post(s->loop, &s->tick);
	loop_run(s->loop);
}

/* The core's end of a helper's socket; -1 when it cannot be started. */
static inline void helper_begin(struct helpers_scene *s, struct helper *h)
{
	int ends[2] = {-1, -1};

	if (!s->unable)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	h->fd = ends[1];
	h->started = true;
	calls_started(&s->calls, h->id, ends[0]);
}

static inline void helper_close(struct helper *h)
{
	fd_close(&h->fd);
}

static inline struct helper *helper_numbered(const struct helpers_scene *s, uint32_t id)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->helper[i]->id == id)
			return s->helper[i];
	}
	return NULL;
}

/* The supervisor's part: false when the core asked for nothing. */
static inline bool supervise(struct helpers_scene *s)
{
	struct channel_message m;
	struct helper *h;
	int fd;

	if (channel_receive(s->channel[SUPERVISOR], &m, &fd) != ERR_OK)
		return false;
	assert_int_equal(fd, -1);
	if (m.kind == CHANNEL_END) {
		h = helper_numbered(s, m.id);
		assert_non_null(h);
		h->killed = true;
		if (!h->stubborn)
			helper_close(h);
		return true;
	}
	assert_int_equal(m.kind, CHANNEL_START);
	assert_true(s->count < HELPERS_MOST);
	h = calloc(1, sizeof(*h));
	assert_non_null(h);
	h->id = m.id;
	h->program = m.arg;
	h->fd = -1;
	s->helper[s->count++] = h;
	if (!s->slow)
		helper_begin(s, h);
	return true;
}

static inline bool helper_hear(struct helper *h)
{
	uint8_t room[4096];
	bool news = false;
	ssize_t n;

	while (
	    h->fd >= 0 && !h->hung_up && (n = recv(h->fd, room, sizeof(room), MSG_DONTWAIT)) >= 0) {
		size_t keep = (size_t)n < HEARD_MOST - h->len ? (size_t)n : HEARD_MOST - h->len;

		memcpy(h->heard + h->len, room, keep);
		h->len += keep;
		h->told += (size_t)n;
		h->last = n != 0 ? room[n - 1] : h->last;
		h->hung_up = n == 0;
		news = true;
	}
	return news;
}

/* Until neither the core nor the supervisor nor a helper has anything to do. */
static inline void settle(struct helpers_scene *s)
{
	bool busy;

	do {
		scene_turn(s);
		busy = false;
		while (supervise(s))
			busy = true;
		for (size_t i = 0; i < s->count; i++)
			busy = helper_hear(s->helper[i]) || busy;
	} while (busy);
}

static inline void pass(struct helpers_scene *s, uint64_t ms)
{
	scene_now += ms;
	settle(s);
}

static inline void helper_say(struct helper *h, const void *p, size_t n)
{
	assert_int_equal(send(h->fd, p, n, MSG_NOSIGNAL), n);
}

/* True when nothing of the scene is left open; it is freed. */
static inline bool scene_close(struct helpers_scene *s)
{
	bool good;

	for (size_t i = 0; i < s->count; i++)
		helper_close(s->helper[i]);
	settle(s);
	/* Helpers that came with the end of others. */
	for (size_t i = 0; i < s->count; i++)
		helper_close(s->helper[i]);
	settle(s);
	good = s->calls.open == 0 && s->calls.first == NULL && s->calls.starting == 0;
	clock_replace(NULL, NULL);
	loop_free(s->loop);
	fd_close(&s->channel[CORE]);
	fd_close(&s->channel[SUPERVISOR]);
	for (size_t i = 0; i < s->count; i++)
		free(s->helper[i]);
	return good && base_open_count() == s->open_before;
}

/* The nth helper (from 0) that was asked for and runs with this request, or NULL. */
static inline struct helper *helper_with(
    const struct helpers_scene *s, enum fido_kind kind, unsigned nth)
{
	for (size_t i = 0; i < s->count; i++) {
		struct helper *h = s->helper[i];
		struct bytes message;
		enum fido_kind k;

		if (h->fd >= 0 && !h->hung_up &&
		    frame_next(BYTES(h->heard, h->len), LIMIT_FIDO_REQUEST, &message) ==
			FRAME_READY &&
		    fido_kind_of(message, &k) == ERR_OK && k == kind && nth-- == 0)
			return h;
	}
	return NULL;
}

#endif
