/* --update-environment: questions are to be asked where this command runs. */
#include <stdio.h>
#include <stdlib.h>

#include "add/control.h"
#include "add/show.h"
#include "proto/base/mem.h"
#include "proto/helpermsg.h"

/* NAME=VALUE of our own environment into b; false when it is not set. */
static bool put_variable(struct builder *b, const char *name)
{
	const char *value = getenv(name);

	if (value == NULL || *value == '\0')
		return false;
	builder_put(b, bytes_str(name));
	builder_put(b, bytes_str("="));
	builder_put(b, bytes_str(value));
	return true;
}

/* All of them into b, in the form of the message. */
static enum err gather(struct builder *b)
{
	const char *name;

	for (size_t i = 0; (name = helper_env_name(i)) != NULL; i++) {
		struct builder entry = {0};

		if (put_variable(&entry, name)) {
			if (!helper_env_allowed(builder_view(&entry))) {
				fprintf(stderr,
				    "%s is too long or has control characters in it: the agent "
				    "would not take it\n",
				    name);
				builder_clear(&entry);
				return ERR_VARIABLE;
			}
			if (helper_env_check(builder_view(&entry)) != ERR_OK) {
				fprintf(stderr, "%s\n",
				    err_text(helper_env_check(builder_view(&entry))));
				builder_clear(&entry);
				return ERR_ASKPASS_PATH;
			}
			builder_string(b, builder_view(&entry));
		}
		builder_clear(&entry);
	}
	return builder_error(b);
}

static void print_variables(struct bytes environment)
{
	struct reader r = reader_of(environment);
	struct bytes entry;

	while (helper_env_next(&r, &entry) == ERR_OK) {
		char *shown = show_whole(entry);

		printf("%s\n", shown != NULL ? shown : err_text(ERR_MEMORY));
		mem_free(shown);
	}
}

static enum err send_environment(struct client *agent, struct bytes environment)
{
	struct builder b = {0};
	struct bytes reply, reason = BYTES_NONE;
	enum err e;

	ctl_environment_build(&b, environment);
	e = client_call(agent, &b, &reply);
	builder_clear(&b);
	if (e == ERR_OK) {
		e = ctl_done_parse(reply, &reason);
		if (e == ERR_REFUSED)
			return control_refused(reason);
	}
	if (e != ERR_OK)
		fprintf(stderr, "Could not tell the agent the display: %s\n", client_words(e));
	return e;
}

int cmd_environment(struct run *r)
{
	struct builder b = {0};
	int status = EXIT_FAILED;
	enum err e = gather(&b);

	if (e == ERR_OK && b.len == 0)
		fputs("There is no display to tell the agent: neither DISPLAY nor "
		      "WAYLAND_DISPLAY is set.\n",
		    stderr);
	else if (e == ERR_OK && !control_connect(&r->agent))
		status = EXIT_NO_AGENT;
	else if (e == ERR_OK && send_environment(&r->agent, builder_view(&b)) == ERR_OK)
		status = EXIT_DONE;
	if (e == ERR_MEMORY)
		fprintf(stderr, "%s\n", err_text(e));
	if (status == EXIT_DONE && !r->options->quiet)
		print_variables(builder_view(&b));
	builder_clear(&b);
	return status;
}
