#include "add/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "add/show.h"
#include "proto/base/mem.h"
#include "proto/ctlview.h"

/* The control socket lies beside the agent's. */
static char *control_path(void)
{
	const char *agent = getenv("SSH_AUTH_SOCK");
	size_t length;
	char *path;

	if (agent == NULL || *agent == '\0')
		return NULL;
	length = strlen(agent);
	path = mem_alloc(length + sizeof(CTL_SUFFIX));
	if (path != NULL) {
		memcpy(path, agent, length);
		memcpy(path + length, CTL_SUFFIX, sizeof(CTL_SUFFIX));
	}
	return path;
}

enum err control_try(struct client *out)
{
	char *path = control_path();
	enum err e = path == NULL ? ERR_CONNECT : client_connect(path, out);
	int saved = errno;

	mem_free(path);
	errno = saved;
	return e;
}

/* Why there is none beside what SSH_AUTH_SOCK names. */
static void explain(void)
{
	struct ctl_view view;
	char *agent = NULL;

	if (ctl_view_find(getenv("SSH_AUTH_SOCK"), &view))
		agent = show_whole(bytes_str(view.agent));
	if (agent != NULL)
		fprintf(stderr,
		    "SSH_AUTH_SOCK leads to the view %s, and a view has no control socket.  Use "
		    "the agent's own socket: export SSH_AUTH_SOCK=%s\n",
		    view.name, agent);
	else
		fputs("Only signet-agent has a control socket, beside its own socket, not beside "
		      "that of a view, and only on the machine where it runs.\n",
		    stderr);
	mem_free(agent);
}

bool control_connect(struct client *out)
{
	char *path = control_path();
	enum err e;
	char *shown;

	if (path == NULL) {
		/* Says that SSH_AUTH_SOCK is not set, and how to set it. */
		return client_connect_agent(out) == ERR_OK;
	}
	e = client_connect(path, out);
	if (e != ERR_OK) {
		shown = show_whole(bytes_str(path));
		fprintf(stderr, "Error connecting to %s: %s\n", shown != NULL ? shown : CTL_SUFFIX,
		    e == ERR_SYSTEM ? strerror(errno) : err_text(e));
		explain();
		mem_free(shown);
	}
	mem_free(path);
	return e == ERR_OK;
}

enum err control_refused(struct bytes reason)
{
	char *shown = show_whole(reason);

	fprintf(stderr, "The agent refused: %s\n", shown != NULL ? shown : err_text(ERR_MEMORY));
	mem_free(shown);
	return ERR_REFUSED;
}

enum err control_call(struct client *c, struct builder *request)
{
	struct bytes reply, reason = BYTES_NONE;
	enum err e = client_call(c, request, &reply);

	if (e == ERR_OK)
		e = ctl_done_parse(reply, &reason);
	return e == ERR_REFUSED ? control_refused(reason) : e;
}

/* Who walks records, and how far they came. */
struct walk {
	uint64_t *after;
	enum err (*one)(void *ctx, struct reader pairs);
	void *ctx;
};

/* An agent that counts backwards would have us ask for ever. */
static enum err take_record(const struct walk *w, struct reader pairs)
{
	uint64_t number;
	enum err e = ctl_record_number(pairs, &number);

	if (e == ERR_OK && number <= *w->after)
		e = ERR_REPLY;
	if (e != ERR_OK)
		return e;
	*w->after = number;
	return w->one(w->ctx, pairs);
}

static enum err take_page(const struct walk *w, struct bytes reply, size_t *count)
{
	struct reader records, pairs;
	struct bytes reason;
	bool more = true;
	enum err e = ctl_records_parse(reply, &records, &reason);

	*count = 0;
	if (e == ERR_REFUSED)
		return control_refused(reason);
	while (e == ERR_OK && more) {
		e = ctl_record_next(&records, &more, &pairs);
		if (e == ERR_OK && more) {
			++*count;
			e = take_record(w, pairs);
		}
	}
	return e;
}

static enum err ask_page(
    struct client *c, enum ctl_number number, uint64_t after, struct bytes *reply)
{
	struct builder b = {0};
	enum err e;

	ctl_page_build(&b, number, after);
	e = client_call(c, &b, reply);
	builder_clear(&b);
	return e;
}

enum err control_records(struct client *c, enum ctl_number number, uint64_t *after,
    enum err (*one)(void *ctx, struct reader pairs), void *ctx)
{
	const struct walk w = {after, one, ctx};
	struct bytes reply;
	size_t count = 1;
	enum err e = ERR_OK;

	while (e == ERR_OK && count != 0) {
		e = ask_page(c, number, *after, &reply);
		if (e == ERR_OK)
			e = take_page(&w, reply, &count);
	}
	return e;
}

enum err control_follow(
    struct client *c, uint64_t *after, enum err (*one)(void *ctx, struct reader pairs), void *ctx)
{
	const struct walk w = {after, one, ctx};
	struct bytes reply;
	size_t count;
	enum err e = ask_page(c, CTL_LOG_FOLLOW, *after, &reply);

	while (e == ERR_OK) {
		e = take_page(&w, reply, &count);
		if (e == ERR_OK && fflush(stdout) != 0)
			e = ERR_SYSTEM;
		if (e == ERR_OK)
			e = client_next(c, &reply);
	}
	return e;
}
