#include "agent/prompt.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

enum {
	/* The helper itself gives a person LIMIT_PROMPT_MS; one that hangs, or that the supervisor
	   never starts, must not keep a client waiting for ever. */
	GRACE_MS = 2 * LIMIT_HELPER_MS,
	/* Helpers being started at once: whatever else is asked of the supervisor waits for no more
	   than these. */
	MOST_STARTING = 8,
};

/* In this order; a CANCELLED one has no owner any more, and waits for its helper's socket. */
enum state { IN_LINE, STARTING, CANCELLED, SHOWN };

struct prompt {
	struct prompt *next, *prev;
	struct prompts *all;
	enum state state;
	struct letter letter; /* asks for the helper */
	void (*done)(void *ctx, enum err result, struct bytes answer);
	void *ctx;
	struct watch watch;
	struct timer late;    /* always armed, so that it can be moved without memory */
	enum err why;         /* what is told when it is due */
	uint64_t patience;    /* how long after the start, in milliseconds; UINT64_MAX: for ever */
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

/* What p counted as. */
static void leave_state(struct prompt *p)
{
	struct prompts *ps = p->all;

	if (p->state == IN_LINE) {
		if (ps->line == p)
			ps->line = p->next;
		ps->waiting--;
		return;
	}
	if (p->state != SHOWN)
		ps->starting--;
	ps->open--;
}

static void start_some(struct prompts *ps);

static void prompt_free(struct prompt *p)
{
	struct prompts *ps = p->all;

	leave_state(p);
	outbox_take_back(ps->outbox, &p->letter);
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
	else
		ps->last = p->prev;
	p->burial.run = bury;
	loop_defer(ps->loop, &p->burial);
	start_some(ps);
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

	if (p->state == CANCELLED)
		prompt_free(p);
	else
		finish(p, p->why, BYTES_NONE);
}

/* Armed already: this cannot fail. */
static void be_due_in(struct prompt *p, uint64_t ms)
{
	(void)timer_arm(p->all->loop, &p->late, ms == UINT64_MAX ? ms : clock_now() + ms);
}

static void start(struct prompt *p)
{
	struct prompts *ps = p->all;

	leave_state(p);
	p->state = STARTING;
	ps->open++;
	ps->starting++;
	be_due_in(p, p->patience);
	if (outbox_send(ps->outbox, &p->letter) == ERR_OK)
		return;
	p->why = ERR_HELPER_MISSING;
	be_due_in(p, 0);
}

/* Never calls anybody back. */
static void start_some(struct prompts *ps)
{
	while (ps->line != NULL && ps->open < LIMIT_PROMPTS && ps->starting < MOST_STARTING)
		start(ps->line);
}

/* A notice stays until it is taken back, unless it is a passing one. */
static uint64_t patience_for(const struct helper_ask *ask)
{
	if (ask->kind == ASKPASS_NOTICE && (ask->flags & HELPER_ASK_PASSING) == 0)
		return UINT64_MAX;
	return (ask->timeout != 0 ? ask->timeout * 1000u : LIMIT_PROMPT_MS) + GRACE_MS;
}

static void join_line(struct prompt *p)
{
	struct prompts *ps = p->all;

	p->prev = ps->last;
	if (ps->last != NULL)
		ps->last->next = p;
	else
		ps->first = p;
	ps->last = p;
	if (ps->line == NULL)
		ps->line = p;
	ps->waiting++;
}

struct prompt *prompt_ask(struct prompts *ps, const struct helper_ask *ask,
    void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	struct builder b = {0};
	struct prompt *p = mem_alloc(sizeof(*p));

	if (p == NULL)
		return NULL;
	*p = (struct prompt){.all = ps, .done = done, .ctx = ctx, .watch = {.fd = -1}};
	p->letter =
	    (struct letter){.kind = CHANNEL_START, .arg = HELPER_PROMPT, .id = ++ps->last_id};
	p->late.due = too_late;
	p->why = ERR_TIMEOUT;
	p->patience = patience_for(ask);
	helper_ask_build(&b, ask);
	if (builder_take(&b, &p->question) != ERR_OK ||
	    timer_arm(ps->loop, &p->late, UINT64_MAX) != ERR_OK) {
		blob_clear(&p->question);
		mem_free(p);
		return NULL;
	}
	join_line(p);
	start_some(ps);
	return p;
}

bool prompt_is_shown(const struct prompt *p)
{
	return p != NULL && p->state == SHOWN;
}

void prompt_cancel(struct prompt *p)
{
	if (p == NULL)
		return;
	/* Closing its socket ends the helper, and with it the question on the screen. */
	if (p->state != STARTING || p->letter.waits || p->why == ERR_HELPER_MISSING) {
		prompt_free(p);
		return;
	}
	p->state = CANCELLED;
	be_due_in(p, GRACE_MS);
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

	while (p != NULL && p->letter.id != id)
		p = p->next;
	if (p == NULL || (p->state != STARTING && p->state != CANCELLED)) {
		fd_close(&fd);
		return;
	}
	p->watch.fd = fd;
	p->watch.ready = helper_ready;
	if (p->state == CANCELLED) {
		prompt_free(p);
		return;
	}
	e = fd < 0 ? ERR_HELPER_MISSING : fd_nonblock(fd);
	if (e == ERR_OK)
		e = send_question(p);
	if (e == ERR_OK)
		e = loop_watch(ps->loop, &p->watch, EPOLLIN);
	if (e != ERR_OK) {
		finish(p, e, BYTES_NONE);
		return;
	}
	p->state = SHOWN;
	ps->starting--;
	start_some(ps);
}
