#include "agent/prompt.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/channel.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

/*
 * The helper itself gives a person LIMIT_PROMPT_MS; one that hangs, or that the supervisor never
 * starts, must not keep a client waiting for ever.
 */
enum { GRACE_MS = 2 * LIMIT_HELPER_MS };

/*
 * Life: asked (fd -1) -> started (question written, waiting to be read) -> gone.
 * A prompt cancelled before it started is kept, without owner, until its helper's socket comes.
 */
struct prompt {
	struct prompt *next, *prev;
	struct prompts *all;
	uint32_t id;
	bool cancelled;
	void (*done)(void *ctx, enum err result, struct bytes answer);
	void *ctx;
	struct watch watch;
	struct timer late;
	struct blob question; /* a whole frame */
	struct builder answer;
	struct task burial;
};

#define PROMPT_OF(ptr, member)                                                                     \
	((struct prompt *)(void *)((char *)(ptr)-offsetof(struct prompt, member)))

static void bury(struct task *t)
{
	mem_free(PROMPT_OF(t, burial));
}

static void prompt_free(struct prompt *p)
{
	struct prompts *ps = p->all;

	loop_unwatch(&p->watch);
	timer_cancel(ps->loop, &p->late);
	fd_close(&p->watch.fd);
	blob_clear(&p->question);
	builder_clear(&p->answer);
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		ps->first = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	ps->open--;
	p->burial.run = bury;
	loop_defer(ps->loop, &p->burial);
}

static void finish(struct prompt *p, enum err result, struct bytes answer)
{
	p->done(p->ctx, result, answer);
	prompt_free(p);
}

/* One whole answer in the buffer?  Ends the prompt when it is, or when it can never be. */
static void look_at_answer(struct prompt *p)
{
	struct bytes message;
	struct helper_answer m;
	enum err e;

	switch (frame_next(builder_view(&p->answer), LIMIT_HELPER_MESSAGE, &message)) {
	case FRAME_MORE:
		return;
	case FRAME_READY:
		e = p->answer.len == FRAME_HEADER + message.len ? helper_answer_parse(message, &m)
								: ERR_SURPLUS;
		finish(p, e == ERR_OK ? m.result : e, e == ERR_OK ? m.answer : BYTES_NONE);
		return;
	default:
		finish(p, ERR_REPLY, BYTES_NONE);
	}
}

static void helper_ready(struct watch *w, uint32_t events)
{
	struct prompt *p = PROMPT_OF(w, watch);
	uint8_t *place = builder_reserve(&p->answer, 512);
	ssize_t n = place == NULL ? -1 : read(w->fd, place, 512);

	(void)events;
	if (n < 0 && place != NULL && (errno == EAGAIN || errno == EINTR)) {
		p->answer.len -= 512;
		return;
	}
	if (n <= 0) {
		finish(p, n == 0 ? ERR_CLOSED : ERR_SYSTEM, BYTES_NONE);
		return;
	}
	p->answer.len -= 512 - (size_t)n;
	look_at_answer(p);
}

static void too_late(struct timer *t)
{
	struct prompt *p = PROMPT_OF(t, late);

	p->done(p->ctx, ERR_TIMEOUT, BYTES_NONE);
	prompt_cancel(p);
}

/* A notice stays until it is taken back, unless it is a passing one. */
static enum err set_deadline(struct prompt *p, const struct helper_ask *ask)
{
	if (ask->kind == ASKPASS_NOTICE && (ask->flags & HELPER_ASK_PASSING) == 0)
		return ERR_OK;
	p->late.due = too_late;
	return timer_arm(p->all->loop, &p->late,
	    clock_now() + (ask->timeout != 0 ? ask->timeout * 1000u : LIMIT_PROMPT_MS) + GRACE_MS);
}

struct prompt *prompt_ask(struct prompts *ps, const struct helper_ask *ask,
    void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	struct channel_message m = {.kind = CHANNEL_START, .arg = HELPER_PROMPT};
	struct builder b = {0};
	struct prompt *p = ps->open < LIMIT_PROMPTS ? mem_alloc(sizeof(*p)) : NULL;

	if (p == NULL)
		return NULL;
	*p = (struct prompt){.all = ps, .done = done, .ctx = ctx, .watch = {.fd = -1}};
	p->id = m.id = ++ps->last_id;
	helper_ask_build(&b, ask);
	if (builder_take(&b, &p->question) != ERR_OK || set_deadline(p, ask) != ERR_OK ||
	    channel_send(ps->channel, &m, -1) != ERR_OK) {
		timer_cancel(ps->loop, &p->late);
		blob_clear(&p->question);
		mem_free(p);
		return NULL;
	}
	p->next = ps->first;
	if (p->next != NULL)
		p->next->prev = p;
	ps->first = p;
	ps->open++;
	return p;
}

void prompt_cancel(struct prompt *p)
{
	if (p == NULL)
		return;
	p->cancelled = true;
	timer_cancel(p->all->loop, &p->late);
	/* Closing its socket ends the helper, and with it the question on the screen. */
	if (p->watch.fd >= 0)
		prompt_free(p);
}

/* The question fits into the fresh socket's buffer, so this never waits. */
static enum err send_question(struct prompt *p)
{
	struct bytes q = blob_view(&p->question);

	return send(p->watch.fd, q.data, q.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)q.len
		   ? ERR_OK
		   : ERR_SYSTEM;
}

void prompts_started(struct prompts *ps, uint32_t id, int fd)
{
	struct prompt *p = ps->first;
	enum err e;

	while (p != NULL && p->id != id)
		p = p->next;
	if (p == NULL || p->watch.fd >= 0) {
		fd_close(&fd);
		return;
	}
	p->watch.fd = fd;
	p->watch.ready = helper_ready;
	if (p->cancelled) {
		prompt_free(p);
		return;
	}
	e = fd < 0 ? ERR_NO_PROMPT : fd_nonblock(fd);
	if (e == ERR_OK)
		e = send_question(p);
	if (e == ERR_OK)
		e = loop_watch(ps->loop, &p->watch, EPOLLIN);
	if (e != ERR_OK)
		finish(p, e, BYTES_NONE);
}
