/* --log: what the agent decided lately, oldest first. */
#include <stdio.h>

#include "add/control.h"
#include "add/show.h"
#include "proto/base/mem.h"

/* Words before the value of a pair, or nothing when the record has none. */
static void put(struct reader pairs, const char *name, const char *before)
{
	struct bytes value;
	char *shown = ctl_value(pairs, name, &value) ? show_field(value) : NULL;

	if (shown != NULL)
		printf("%s%s", before, shown);
	mem_free(shown);
}

/* Of the owner's choice: marked off.  Without a key it is what a token was named by. */
static void put_comment(struct reader pairs)
{
	struct bytes value, key;
	char *shown = ctl_value(pairs, "comment", &value) ? show_quoted(value) : NULL;

	if (shown != NULL)
		printf("%s%s", ctl_value(pairs, "key", &key) ? " " : "; token ", shown);
	mem_free(shown);
}

static bool holds(struct reader pairs, const char *name, const char *wanted)
{
	struct bytes value;

	return ctl_value(pairs, name, &value) && bytes_is(value, wanted);
}

/* TIME  sign refused: the agent is locked; key SHA256:... "comment"; by ssh; pid 12; to ... */
static enum err print_line(struct reader pairs)
{
	put(pairs, "time", "");
	put(pairs, "request", "  ");
	put(pairs, "answer", " ");
	put(pairs, "reason", ": ");
	put(pairs, "key", "; key ");
	put_comment(pairs);
	put(pairs, "program", "; by ");
	put(pairs, "pid", "; pid ");
	put(pairs, "destination", "; to ");
	if (holds(pairs, "forwarded", "yes"))
		fputs("; forwarded", stdout);
	put(pairs, "through", " through ");
	put(pairs, "view", "; view ");
	if (!holds(pairs, "consent", "not asked"))
		put(pairs, "consent", "; consent ");
	put(pairs, "hidden", "; hidden: ");
	putchar('\n');
	return ERR_OK;
}

static enum err print_record(void *ctx, struct reader pairs)
{
	const struct run *r = ctx;

	return r->options->json ? pairs_print_json(pairs) : print_line(pairs);
}

int cmd_log(struct run *r)
{
	uint64_t after = 0;
	enum err e;

	if (!control_connect(&r->agent))
		return EXIT_NO_AGENT;
	e = control_records(&r->agent, CTL_LOG, &after, print_record, r);
	if (e == ERR_OK && r->options->follow) {
		(void)fflush(stdout);
		e = control_follow(&r->agent, &after, print_record, r);
	}
	if (e != ERR_OK && e != ERR_REFUSED)
		fprintf(stderr, "Could not read the log: %s\n", client_words(e));
	return e == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}
