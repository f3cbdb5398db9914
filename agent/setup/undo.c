#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/setup/doctor_impl.h"
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

static void stop_units(void)
{
	if (run_systemctl(NULL, "stop", text_name(TEXT_SOCKET), text_name(TEXT_CONTROL),
		text_name(TEXT_SERVICE)) == 0)
		puts("stopped the agent of the service manager, and its keys are gone with it");
}

static bool set_variable(const char *value)
{
	struct path word;

	return path_set(&word, "SSH_AUTH_SOCK=%s", value) &&
	       run_systemctl(NULL, "set-environment", word.text, NULL, NULL) == 0;
}

/* Where the variable led before --setup: the newest that was noted. */
static bool earlier_variable(const struct ledger *l, struct path *out)
{
	size_t at = l->text.len;
	struct bytes line;

	while (ledger_back(l, &at, &line)) {
		if (value_of(line, LEDGER_VARIABLE, out))
			return true;
	}
	return false;
}

/*
 * The variable as it was before --setup, where it led to us until now (before).  Our socket's unit
 * took it away as it stopped, another's may have set it as it started.
 */
static void put_back_variable(const struct setup *s, const struct path *before)
{
	const char *ours = s->place->socket.text;
	struct path now, earlier;

	if (before->text[0] != '/' ||
	    (manager_variable("SSH_AUTH_SOCK", &now) && strcmp(now.text, ours) != 0))
		return;
	if (strcmp(before->text, ours) != 0) {
		(void)set_variable(before->text);
		return;
	}
	if (earlier_variable(&s->ledger, &earlier)) {
		if (socket_answers(earlier.text) && set_variable(earlier.text)) {
			printf("set SSH_AUTH_SOCK in the service manager's environment to %s, as "
			       "before --setup\n",
			    earlier.text);
			return;
		}
		printf(
		    "nobody answers at %s, where SSH_AUTH_SOCK led before --setup\n", earlier.text);
	}
	if (run_systemctl(NULL, "unset-environment", "SSH_AUTH_SOCK", NULL, NULL) == 0)
		puts("took SSH_AUTH_SOCK out of the service manager's environment");
}

static void remove_file(struct setup *s, const char *path)
{
	enum standing standing = setup_file(&s->ledger, path);

	if (standing == STANDING_NONE)
		return;
	if (standing == STANDING_UNKNOWN) {
		s->failed = true;
		return;
	}
	if (standing != STANDING_OURS) {
		printf("left %s: it was changed since --setup wrote it; remove it if you do not "
		       "want it\n",
		    path);
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
	enum standing standing = setup_link(&s->ledger, path);

	if (standing == STANDING_NONE)
		return;
	if (standing == STANDING_UNKNOWN) {
		s->failed = true;
		return;
	}
	if (standing != STANDING_OURS) {
		printf("left %s: it is not the link that --setup made; remove it if you do not "
		       "want it\n",
		    path);
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
	struct path before;

	if (!ledger_open(p, &s.ledger))
		return EXIT_FAILURE;
	if (s.ledger.text.len == 0) {
		printf("signet-agent --setup has done nothing here that could be put back (%s is "
		       "not there).\n",
		    s.ledger.file.text);
		return EXIT_SUCCESS;
	}
	s.manager = manager_answers(s.why, sizeof(s.why));
	if (s.manager) {
		(void)manager_variable("SSH_AUTH_SOCK", &before);
		stop_units();
	}
	put_back(&s);
	if (s.manager) {
		(void)run_systemctl(NULL, "daemon-reload", NULL, NULL, NULL);
		put_back_variable(&s, &before);
	}
	if (!s.failed) {
		(void)unlink(s.ledger.file.text);
		remove_folders(&s.ledger);
		puts("Lines that you put into start files of shells are yours to remove.  Shells "
		     "that run keep SSH_AUTH_SOCK: unset SSH_AUTH_SOCK");
	}
	ledger_close(&s.ledger);
	return s.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
