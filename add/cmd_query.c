#include <stdio.h>

#include "add/command.h"
#include "add/show.h"
#include "proto/agentmsg.h"
#include "proto/base/mem.h"

static enum err print_names(struct bytes body)
{
	struct reader r = reader_of(body);
	enum err e = ERR_OK;

	while (e == ERR_OK && r.left != 0) {
		struct bytes name;
		char *shown;

		e = reader_string(&r, &name);
		if (e != ERR_OK)
			break;
		shown = show_whole(name);
		if (shown != NULL)
			puts(shown);
		else
			e = ERR_MEMORY;
		mem_free(shown);
	}
	return e;
}

int cmd_query(struct run *r)
{
	struct builder b = {0};
	size_t mark = message_open(&b, AGENT_EXTENSION);
	struct bytes reply, body;
	enum err e;

	builder_cstring(&b, EXT_QUERY);
	message_close(&b, mark);
	e = client_call(&r->agent, &b, &reply);
	builder_clear(&b);
	if (e == ERR_OK)
		e = reply_extension(reply, EXT_QUERY, &body);
	if (e == ERR_OK)
		e = print_names(body);
	if (e == ERR_OK)
		return EXIT_DONE;
	if (e == ERR_REFUSED)
		fputs("This agent does not tell its extensions: it knows no \"query\" extension\n",
		    stderr);
	else
		fprintf(stderr, "Could not query the agent's extensions: %s\n", client_words(e));
	return EXIT_FAILED;
}
