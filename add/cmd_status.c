#include <stdio.h>

#include "add/control.h"
#include "add/show.h"
#include "proto/base/mem.h"

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

	if (e == ERR_OK)
		e = reader_end(r);
	return e == ERR_OK ? control_refused(reason) : e;
}

static enum err print_status(struct bytes reply, bool json)
{
	struct reader r = reader_of(reply);
	uint8_t number;
	enum err e = reader_u8(&r, &number);

	if (e == ERR_OK && number == CTL_FAILURE)
		return print_failure(&r);
	if (e == ERR_OK && number != CTL_STATUS_ANSWER)
		e = ERR_REPLY;
	if (e == ERR_OK && json)
		return pairs_print_json(r);
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

	if (!control_connect(&r->agent))
		return EXIT_NO_AGENT;
	mark = builder_open(&b);
	builder_u8(&b, CTL_STATUS);
	builder_close(&b, mark);
	e = client_call(&r->agent, &b, &reply);
	builder_clear(&b);
	if (e == ERR_OK)
		e = print_status(reply, r->options->json);
	if (e != ERR_OK && e != ERR_REFUSED)
		fprintf(stderr, "Could not ask for the status: %s\n", client_words(e));
	return e == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}
