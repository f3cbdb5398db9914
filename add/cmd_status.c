#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "add/command.h"
#include "add/show.h"
#include "proto/base/mem.h"
#include "proto/ctlmsg.h"

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

static bool connect_control(struct client *out)
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
		fputs(
		    "Only signet-agent tells its status, and only on the machine where it runs.\n",
		    stderr);
		mem_free(shown);
	}
	mem_free(path);
	return e == ERR_OK;
}

static enum err print_pair(struct reader *r)
{
	struct bytes name, value;
	char *shown_name = NULL, *shown_value = NULL;
	enum err e = ctl_pair_read(r, &name, &value);

	if (e != ERR_OK)
		return e;
	shown_name = show_whole(name);
	shown_value = show_whole(value);
	if (shown_name != NULL && shown_value != NULL)
		printf("%s: %s\n", shown_name, shown_value);
	else
		e = ERR_MEMORY;
	mem_free(shown_name);
	mem_free(shown_value);
	return e;
}

/* The reason that CTL_FAILURE gives. */
static enum err print_failure(struct reader *r)
{
	struct bytes reason;
	enum err e = reader_string(r, &reason);
	char *shown;

	if (e == ERR_OK)
		e = reader_end(r);
	if (e != ERR_OK)
		return e;
	shown = show_whole(reason);
	fprintf(stderr, "The agent refused: %s\n", shown != NULL ? shown : err_text(ERR_MEMORY));
	mem_free(shown);
	return ERR_REFUSED;
}

static enum err print_status(struct bytes reply)
{
	struct reader r = reader_of(reply);
	uint8_t number;
	enum err e = reader_u8(&r, &number);

	if (e == ERR_OK && number == CTL_FAILURE)
		return print_failure(&r);
	if (e == ERR_OK && number != CTL_STATUS_ANSWER)
		e = ERR_REPLY;
	while (e == ERR_OK && r.left != 0)
		e = print_pair(&r);
	return e;
}

int cmd_status(struct run *r)
{
	struct builder b = {0};
	size_t mark;
	struct bytes reply;
	enum err e;

	if (!connect_control(&r->agent))
		return EXIT_NO_AGENT;
	mark = builder_open(&b);
	builder_u8(&b, CTL_STATUS);
	builder_close(&b, mark);
	e = client_call(&r->agent, &b, &reply);
	builder_clear(&b);
	if (e == ERR_OK)
		e = print_status(reply);
	if (e != ERR_OK && e != ERR_REFUSED)
		fprintf(stderr, "Could not ask for the status: %s\n", client_words(e));
	return e == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}
