#include "agent/prompt.h"

#include <stddef.h>

#include "proto/base/mem.h"
#include "proto/limits.h"

enum {
	/* The helper itself gives a person LIMIT_PROMPT_MS; one that hangs, or that the supervisor
	   never starts, must not keep a client waiting for ever. */
	GRACE_MS = 2 * LIMIT_HELPER_MS,
};

/* Its owner knows it until done is called or it is cancelled; the last, once its helper is gone. */
struct prompt {
	struct prompt *next, *prev;
	struct prompts *all;
	bool in_line;
	bool notice;                                                   /* it asks nothing */
	void (*done)(void *ctx, enum err result, struct bytes answer); /* NULL: has no owner */
	void *ctx;
	struct call *call;    /* not in line; NULL: there was no memory for it, */
	struct task failed;   /* which the loop is to say, */
	enum err why;         /* for this reason */
	unsigned patience;    /* in milliseconds, once it is its turn; 0: without an end */
	struct blob question; /* a whole frame, in line */
};

static void start_some(struct prompts *ps);

static void prompt_free(struct prompt *p)
{
	struct prompts *ps = p->all;

	if (p->in_line) {
		if (ps->line == p)
			ps->line = p->next;
		ps->waiting--;
	} else {
		ps->open--;
	}
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		ps->first = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	else
		ps->last = p->prev;
	blob_clear(&p->question);
	mem_free(p);
	start_some(ps);
}

static void tell(struct prompt *p, enum err result, struct bytes answer)
{
	void (*done)(void *ctx, enum err result, struct bytes answer) = p->done;

	p->done = NULL;
	if (done != NULL)
		done(p->ctx, result, answer);
}

static void helper_said(void *ctx, struct bytes message)
{
	struct prompt *p = ctx;
	struct helper_answer m;
	enum err e = helper_answer_parse(message, &m);

	tell(p, e == ERR_OK ? m.result : e, e == ERR_OK ? m.answer : BYTES_NONE);
	call_end(p->call, BYTES_NONE);
}

static void helper_ended(void *ctx, enum err why)
{
	struct prompt *p = ctx;

	tell(p, why, BYTES_NONE);
	prompt_free(p);
}

static const struct call_handler handler = {
    .message = helper_said,
    .ended = helper_ended,
    .most = LIMIT_HELPER_MESSAGE,
    .once = true,
};

static void failed(struct task *t)
{
	struct prompt *p = (struct prompt *)(void *)((char *)t - offsetof(struct prompt, failed));

	helper_ended(p, p->why);
}

/* Nobody gets to see it. */
static void fail_soon(struct prompt *p, enum err why)
{
	p->why = why;
	p->failed.run = failed;
	loop_post(p->all->calls->loop, &p->failed);
}

static void start(struct prompt *p)
{
	struct prompts *ps = p->all;

	ps->line = p->next;
	ps->waiting--;
	p->in_line = false;
	ps->open++;
	if (ps->screen_locked) {
		blob_clear(&p->question);
		fail_soon(p, ERR_SCREEN);
		return;
	}
	p->call =
	    call_start(ps->calls, HELPER_PROMPT, blob_view(&p->question), p->patience, &handler, p);
	blob_clear(&p->question);
	if (p->call == NULL)
		fail_soon(p, ERR_MEMORY);
}

/* Never calls anybody back. */
static void start_some(struct prompts *ps)
{
	while (ps->line != NULL && (ps->open < LIMIT_PROMPTS || ps->screen_locked))
		start(ps->line);
}

/* One that was answered already is over, and its answer holds. */
void prompts_screen(struct prompts *ps, bool locked)
{
	if (ps->screen_locked == locked)
		return;
	ps->screen_locked = locked;
	if (!locked)
		return;
	for (struct prompt *p = ps->first; p != NULL; p = p->next) {
		if (p->call != NULL)
			call_fail(p->call, ERR_SCREEN);
	}
	start_some(ps);
}

/* A notice stays until it is taken back, unless it is a passing one. */
static unsigned patience_for(const struct helper_ask *ask)
{
	if (ask->kind == ASKPASS_NOTICE && (ask->flags & HELPER_ASK_PASSING) == 0)
		return 0;
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
	p->in_line = true;
	ps->waiting++;
}

struct prompt *prompt_ask(struct prompts *ps, const struct helper_ask *ask,
    void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	struct builder b = {0};
	struct prompt *p = mem_alloc(sizeof(*p));

	if (p == NULL)
		return NULL;
	*p = (struct prompt){.all = ps,
	    .done = done,
	    .ctx = ctx,
	    .patience = patience_for(ask),
	    .notice = ask->kind == ASKPASS_NOTICE};
	helper_ask_build(&b, ask);
	if (builder_take(&b, &p->question) != ERR_OK) {
		mem_free(p);
		return NULL;
	}
	join_line(p);
	start_some(ps);
	return p;
}

bool prompt_is_unseen(enum err result)
{
	switch (result) {
	case ERR_MEMORY:
	case ERR_NO_PROMPT:
	case ERR_HELPER_MISSING:
	case ERR_ASKER:
	case ERR_ASKER_SHOW:
	case ERR_DISPLAY:
	case ERR_SCREEN:
		return true;
	default:
		return false;
	}
}

bool prompt_is_shown(const struct prompt *p)
{
	return p != NULL && p->call != NULL && call_has_helper(p->call);
}

void prompt_cancel(struct prompt *p)
{
	if (p == NULL)
		return;
	p->done = NULL;
	if (p->in_line)
		prompt_free(p);
	else if (p->call != NULL)
		call_end(p->call, BYTES_NONE); /* hanging up takes the question off the screen */
}

struct prompt_counts prompt_count(const struct prompts *ps)
{
	struct prompt_counts n = {0};

	for (const struct prompt *p = ps->first; p != NULL; p = p->next) {
		if (p->notice)
			n.notices++;
		else if (p->in_line)
			n.waiting++;
		else
			n.shown++;
	}
	return n;
}
