#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/setup/files.h"
#include "agent/setup/rivals.h"
#include "agent/setup/run.h"
#include "agent/setup/setup.h"

/* What follows the kind of a line, when it is of that kind. */
static bool value_of(struct bytes line, const char *kind, struct path *out)
{
	size_t n = strlen(kind);

	return bytes_begin(line, kind) && line.len > n &&
	       path_set(out, "%.*s", (int)(line.len - n), (const char *)line.data + n);
}

/* The variable only where it still leads to us. */
static void forget_variable(const struct place *p)
{
	struct blob out = {0};
	struct bytes rest, line;
	struct path ours;

	if (p->socket.text[0] == '\0' || !path_set(&ours, "SSH_AUTH_SOCK=%s", p->socket.text) ||
	    run_systemctl(&out, "show-environment", NULL, NULL, NULL) != 0) {
		blob_clear(&out);
		return;
	}
	rest = blob_view(&out);
	while (line_next(&rest, &line)) {
		if (bytes_is(line, ours.text) &&
		    run_systemctl(NULL, "unset-environment", "SSH_AUTH_SOCK", NULL, NULL) == 0)
			puts("took SSH_AUTH_SOCK out of the service manager's environment");
	}
	blob_clear(&out);
}

static void stop_units(const struct place *p)
{
	if (run_systemctl(NULL, "stop", text_name(TEXT_SOCKET), text_name(TEXT_CONTROL),
		text_name(TEXT_SERVICE)) == 0)
		puts("stopped the agent of the service manager, and its keys are gone with it");
	forget_variable(p);
}

static void remove_file(struct setup *s, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return;
	if (!setup_is_ours(path)) {
		printf("left %s: it is not as Signet wrote it; remove it if you want\n", path);
		return;
	}
	if (unlink(path) == 0) {
		printf("removed %s\n", path);
		return;
	}
	fprintf(stderr, "signet-agent: cannot remove %s: %s\n", path, strerror(errno));
	s->failed = true;
}

static void remove_link(struct setup *s, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return;
	if (!S_ISLNK(st.st_mode)) {
		printf("left %s: it is no link any more; remove it if you want\n", path);
	} else if (unlink(path) == 0) {
		printf("disabled %s\n", strrchr(path, '/') + 1);
	} else {
		fprintf(stderr, "signet-agent: cannot remove %s: %s\n", path, strerror(errno));
		s->failed = true;
	}
}

static void put_back(struct setup *s)
{
	size_t at = s->ledger.text.len;
	struct bytes line;
	struct path value;

	while (ledger_back(&s->ledger, &at, &line)) {
		if (value_of(line, LEDGER_FILE, &value))
			remove_file(s, value.text);
		else if (value_of(line, LEDGER_LINK, &value))
			remove_link(s, value.text);
		else if (value_of(line, LEDGER_MASK, &value))
			rivals_put_back(s, value.text, false);
		else if (value_of(line, LEDGER_STOPPED, &value))
			rivals_put_back(s, value.text, true);
	}
}

/* The folders that were made, from the inner to the outer; what others put there keeps them. */
static void remove_folders(const struct ledger *l)
{
	size_t at = l->text.len;
	struct bytes line;
	struct path value;

	while (ledger_back(l, &at, &line)) {
		if (value_of(line, LEDGER_FOLDER, &value) && rmdir(value.text) != 0 &&
		    (errno == ENOTEMPTY || errno == EEXIST))
			printf("left the folder %s: other files are in it\n", value.text);
	}
}

int setup_undo(const struct place *p)
{
	struct setup s = {.place = p};

	ledger_open(p, &s.ledger);
	if (s.ledger.text.len == 0) {
		printf("signet-agent --setup has done nothing here that could be put back (%s is "
		       "not there).\n",
		    s.ledger.file.text);
		return EXIT_SUCCESS;
	}
	s.manager = manager_answers(s.why, sizeof(s.why));
	if (s.manager)
		stop_units(p);
	put_back(&s);
	if (s.manager)
		(void)run_systemctl(NULL, "daemon-reload", NULL, NULL, NULL);
	if (!s.failed) {
		(void)unlink(s.ledger.file.text);
		remove_folders(&s.ledger);
		puts("Lines that you put into start files of shells are yours to remove.  Shells "
		     "that run keep SSH_AUTH_SOCK: unset SSH_AUTH_SOCK");
	}
	ledger_close(&s.ledger);
	return s.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
