#include "agent/prompt/serve.h"

#include <sys/epoll.h>

#include "agent/prompt/asker.h"
#include "agent/prompt/display.h"
#include "proto/base/askpass.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"
#include "proto/helperio.h"
#include "proto/limits.h"

/*
 * One descriptor that becomes readable when the question is void: the core says anything more or
 * hangs up, or signals says that this process is told to end.
 */
static enum err open_cancel(int sock, int signals, int *out)
{
	struct epoll_event on_sock = {.events = EPOLLIN | EPOLLRDHUP};
	struct epoll_event on_signal = {.events = EPOLLIN};
	int both;

	both = epoll_create1(EPOLL_CLOEXEC);
	if (both == -1 || epoll_ctl(both, EPOLL_CTL_ADD, sock, &on_sock) == -1 ||
	    epoll_ctl(both, EPOLL_CTL_ADD, signals, &on_signal) == -1) {
		fd_close(&both);
		return ERR_SYSTEM;
	}
	*out = both;
	return ERR_OK;
}

static const char *const titles[] = {
    [ASKPASS_SECRET] = "Signet: enter a passphrase or PIN",
    [ASKPASS_CONFIRM] = "Signet: allow or deny",
    [ASKPASS_NOTICE] = "Signet: please note",
};

static uint64_t deadline_of(const struct helper_ask *ask)
{
	uint64_t ms = ask->timeout != 0 ? (uint64_t)ask->timeout * 1000 : LIMIT_PROMPT_MS;

	if (ask->kind == ASKPASS_NOTICE && (ask->flags & HELPER_ASK_PASSING) == 0)
		return UINT64_MAX;
	return clock_now() + ms;
}

static enum err put_question(
    int sock, int signals, const struct helper_ask *ask, struct blob *answer)
{
	struct question q = {.ask = ask, .cancel = -1, .deadline = deadline_of(ask)};
	struct blob title = {0}, text = {0};
	struct reply reply = {.result = ERR_SYSTEM};
	enum err e = blob_copy(&text, ask->text);
	enum err display;

	if (e == ERR_OK)
		e = blob_copy(
		    &title, ask->title.len != 0 ? ask->title : bytes_str(titles[ask->kind]));
	if (e == ERR_OK)
		e = open_cancel(sock, signals, &q.cancel);
	if (e != ERR_OK)
		goto out;
	q.title = (const char *)title.data;
	q.text = (const char *)text.data;
	display = display_find(ask);
	ask_in_order(&q, &reply);
	/* A display that is dead is the better reason. */
	e = reply.result == ERR_NO_PROMPT && display != ERR_OK ? display : reply.result;
	if (e == ERR_OK && ask->kind == ASKPASS_SECRET)
		*answer = blob_move(&reply.answer);
out:
	blob_clear(&reply.answer);
	blob_clear(&title);
	blob_clear(&text);
	fd_close(&q.cancel);
	return e;
}

/* The core knows few results; the log has the others. */
static enum err result_for_core(enum err e)
{
	if (helper_result_allowed((uint8_t)e))
		return e;
	log_warn("the question could not be put: %s", err_text(e));
	return ERR_SYSTEM;
}

static enum err send_answer(int sock, enum err result, const struct blob *answer)
{
	struct helper_answer m = {result_for_core(result), blob_view(answer)};
	struct builder b = {0};
	enum err e;

	helper_answer_build(&b, &m);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = fd_write_all(sock, builder_view(&b), LIMIT_HELPER_MS);
	builder_clear(&b);
	return e;
}

enum err prompt_serve(int sock, int signals)
{
	struct blob message = {0};
	struct blob answer = {0};
	struct helper_ask ask;
	enum err e = helper_receive(sock, LIMIT_HELPER_MESSAGE, &message);

	if (e == ERR_OK)
		e = helper_ask_parse(blob_view(&message), &ask);
	if (e != ERR_OK)
		goto out;
	e = put_question(sock, signals, &ask, &answer);
	if (e != ERR_CANCELLED)
		e = send_answer(sock, e, &answer);
out:
	blob_clear(&message);
	blob_clear(&answer);
	return e;
}
