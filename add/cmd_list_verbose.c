/* -l -v: the keys with what the agent knows of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "add/control.h"
#include "add/show.h"
#include "proto/base/mem.h"

struct listing {
	bool json;
	size_t count;
};

static bool in_headline(struct bytes name)
{
	static const char *const names[] = {
	    "number", "bits", "fingerprint", "comment", "type", "certificate"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (bytes_is(name, names[i]))
			return true;
	}
	return false;
}

static void put(struct reader pairs, const char *name, const char *before, const char *after)
{
	struct bytes value;
	char *shown = ctl_value(pairs, name, &value) ? show_whole(value) : NULL;

	if (shown != NULL)
		printf("%s%s%s", before, shown, after);
	mem_free(shown);
}

/* The line that -l prints, then all the rest, a line each. */
static enum err print_key(struct reader pairs)
{
	struct bytes name, value;
	enum err e = ERR_OK;

	put(pairs, "bits", "", " ");
	put(pairs, "fingerprint", "", " ");
	put(pairs, "comment", "", "");
	put(pairs, "type", " (", "");
	fputs(
	    ctl_value(pairs, "certificate", &value) && bytes_is(value, "yes") ? "-CERT)\n" : ")\n",
	    stdout);
	while (e == ERR_OK && pairs.left != 0) {
		char *shown_name, *shown;

		e = ctl_pair_read(&pairs, &name, &value);
		if (e != ERR_OK || in_headline(name))
			continue;
		shown_name = show_whole(name);
		shown = show_whole(value);
		if (shown_name != NULL && shown != NULL)
			printf("    %s: %s\n", shown_name, shown);
		mem_free(shown_name);
		mem_free(shown);
	}
	return e;
}

static enum err print_record(void *ctx, struct reader pairs)
{
	struct listing *l = ctx;

	l->count++;
	return l->json ? pairs_print_json(pairs) : print_key(pairs);
}

/* Another agent, or a forwarded one: only the plain list can be had. */
static int plain_list(struct run *r)
{
	fprintf(stderr,
	    "The agent's control socket cannot be reached (%s); this is the plain list.\n",
	    strerror(errno));
	if (client_connect_agent(&r->agent) != ERR_OK)
		return EXIT_NO_AGENT;
	return cmd_list(r);
}

int cmd_list_verbose(struct run *r)
{
	struct listing l = {.json = r->options->json};
	uint64_t after = 0;
	enum err e = control_try(&r->agent);

	if (e == ERR_CONNECT)
		return client_connect_agent(&r->agent) == ERR_OK ? EXIT_FAILED : EXIT_NO_AGENT;
	if (e != ERR_OK)
		return plain_list(r);
	e = control_records(&r->agent, CTL_LIST, &after, print_record, &l);
	if (e != ERR_OK && e != ERR_REFUSED)
		fprintf(stderr, "error fetching identities: %s\n", client_words(e));
	if (e != ERR_OK)
		return EXIT_FAILED;
	if (l.count == 0 && !l.json)
		puts("The agent has no identities.");
	return l.count == 0 ? EXIT_FAILED : EXIT_DONE;
}
