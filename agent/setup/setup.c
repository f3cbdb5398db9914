#include "agent/setup/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/setup/files.h"
#include "agent/setup/rivals.h"
#include "agent/setup/run.h"

static const enum text_id units[] = {TEXT_SOCKET, TEXT_CONTROL, TEXT_SERVICE};
enum { UNITS = sizeof(units) / sizeof(units[0]) };

static enum standing unknown(const char *path)
{
	fprintf(stderr, "signet-agent: cannot read %s: it is left as it is\n", path);
	return STANDING_UNKNOWN;
}

enum standing setup_file(const struct ledger *l, const char *path)
{
	struct blob content = {0};
	struct bytes rest, line;
	struct stat st;
	enum standing standing = STANDING_OTHER;
	bool noted = ledger_has(l, LEDGER_FILE, path);

	if (lstat(path, &st) != 0)
		return STANDING_NONE;
	if (!S_ISREG(st.st_mode) || st.st_size > FILES_MOST)
		return noted ? STANDING_CHANGED : STANDING_OTHER;
	if (!file_read(path, &content))
		return unknown(path);
	rest = blob_view(&content);
	if (ledger_has_text(l, path, rest))
		standing = STANDING_OURS;
	else if (noted || (line_next(&rest, &line) && bytes_is(line, TEXT_MARK)))
		standing = STANDING_CHANGED;
	blob_clear(&content);
	return standing;
}

enum standing setup_link(const struct ledger *l, const char *path)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (lstat(path, &st) != 0)
		return STANDING_NONE;
	n = readlink(path, target, sizeof(target));
	if (n < 0 && S_ISLNK(st.st_mode))
		return unknown(path);
	if (n >= 0 && ledger_has_text(l, path, BYTES((const uint8_t *)target, (size_t)n)))
		return STANDING_OURS;
	return ledger_has(l, LEDGER_LINK, path) ? STANDING_CHANGED : STANDING_OTHER;
}

static bool is_same(const char *path, const struct blob *text)
{
	struct blob content = {0};
	bool same = file_read(path, &content) && bytes_equal(blob_view(&content), blob_view(text));

	blob_clear(&content);
	return same;
}

static bool put(struct setup *s, const struct blob *text, const char *path)
{
	enum standing standing = setup_file(&s->ledger, path);
	bool same = is_same(path, text);

	if (standing == STANDING_UNKNOWN)
		return false;
	if (standing == STANDING_OTHER && !same) {
		fprintf(stderr,
		    "signet-agent: %s is there and not Signet's, so it was left alone: move it "
		    "away, then run signet-agent --setup again\n",
		    path);
		return false;
	}
	if (standing == STANDING_CHANGED && !same) {
		printf("left %s: it was changed since --setup wrote it; to have what Signet would "
		       "write, move it away and run signet-agent --setup again\n",
		    path);
		return true;
	}
	if (!ledger_folders(&s->ledger, path) || !ledger_note(&s->ledger, LEDGER_FILE, path) ||
	    !ledger_note_text(&s->ledger, path, blob_view(text)))
		return false;
	if (same)
		return true;
	if (!file_write(path, blob_view(text), 0644)) {
		fprintf(stderr, "signet-agent: cannot write %s: %s\n", path, strerror(errno));
		return false;
	}
	printf("wrote %s\n", path);
	return true;
}

bool setup_put(struct setup *s, enum text_id id, const char *snippet, const char *path)
{
	struct blob text = {0};
	enum err e = text_make(id, s->place, snippet, &text);
	bool well = false;

	if (e == ERR_TEXT)
		fprintf(stderr,
		    "signet-agent: %s cannot be written: Signet lies in a folder with one of \" \\ "
		    "$ %% ` in its path; install it elsewhere\n",
		    path);
	else if (e != ERR_OK)
		fprintf(stderr, "signet-agent: cannot write %s: %s\n", path, err_text(e));
	else
		well = put(s, &text, path);
	blob_clear(&text);
	s->failed = s->failed || !well;
	return well;
}

/* A link, as `systemctl --user enable` makes it: also where no manager answers yet. */
static bool link_unit(struct setup *s, const char *unit, const char *target)
{
	struct path link;
	char now[PATH_MAX] = "";
	ssize_t n;
	bool same;

	if (!path_set(
		&link, "%s/systemd/user/sockets.target.wants/%s", s->place->config.text, unit))
		return false;
	n = readlink(link.text, now, sizeof(now) - 1);
	same = n >= 0 && strcmp(now, target) == 0;
	switch (setup_link(&s->ledger, link.text)) {
	case STANDING_UNKNOWN:
		return false;
	case STANDING_OTHER:
	case STANDING_CHANGED:
		if (same)
			return true;
		printf("left %s, which leads to %s\n", link.text, n >= 0 ? now : "nowhere");
		return true;
	case STANDING_OURS:
		if (same)
			return true;
		(void)unlink(link.text);
		break;
	case STANDING_NONE:
		break;
	}
	if (!ledger_folders(&s->ledger, link.text) ||
	    !ledger_note(&s->ledger, LEDGER_LINK, link.text) ||
	    !ledger_note_text(&s->ledger, link.text, bytes_str(target)))
		return false;
	if (symlink(target, link.text) != 0) {
		fprintf(stderr, "signet-agent: cannot make the link %s: %s\n", link.text,
		    strerror(errno));
		return false;
	}
	printf("enabled %s\n", unit);
	return true;
}

/* One of ours from before would hide its packaged one. */
static void uncover(const struct setup *s, const char *own, const char *packaged)
{
	enum standing standing = setup_file(&s->ledger, own);

	if (standing == STANDING_OURS && unlink(own) == 0)
		printf("removed %s, since %s is there\n", own, packaged);
	else if (standing == STANDING_CHANGED)
		printf("left %s: it was changed since --setup wrote it, and is used instead of %s; "
		       "remove it if you do not want that\n",
		    own, packaged);
}

/* Packaged units are used as they are. */
static void install_units(struct setup *s)
{
	const struct place *p = s->place;

	for (size_t i = 0; i < UNITS; i++) {
		const char *name = text_name(units[i]);
		struct path own, packaged;

		if (!path_set(&own, "%s/systemd/user/%s", p->config.text, name) ||
		    !path_set(&packaged, "%s/%s", p->units.text, name)) {
			s->failed = true;
			continue;
		}
		if (p->packaged)
			uncover(s, own.text, packaged.text);
		if (!p->packaged && !setup_put(s, units[i], NULL, own.text))
			continue;
		if (units[i] != TEXT_SERVICE &&
		    !link_unit(s, name, p->packaged ? packaged.text : own.text))
			s->failed = true;
	}
}

/* Which agent others were told of, for --undo. */
static void note_variable(struct setup *s)
{
	struct path value;

	if (manager_variable("SSH_AUTH_SOCK", &value) && value.text[0] == '/' &&
	    strcmp(value.text, s->place->socket.text) != 0 &&
	    !ledger_note(&s->ledger, LEDGER_VARIABLE, value.text))
		s->failed = true;
}

static void start_sockets(struct setup *s)
{
	struct blob out = {0};

	note_variable(s);
	(void)run_systemctl(NULL, "daemon-reload", NULL, NULL, NULL);
	if (run_systemctl(&out, "start", text_name(TEXT_SOCKET), text_name(TEXT_CONTROL), NULL) ==
	    0) {
		printf("started %s: the agent starts when it is first asked\n",
		    text_name(TEXT_SOCKET));
	} else {
		fprintf(stderr,
		    "signet-agent: systemctl --user start %s %s failed:\n%.*s"
		    "See why with: systemctl --user status %s\n",
		    text_name(TEXT_SOCKET), text_name(TEXT_CONTROL), (int)out.len,
		    out.data != NULL ? (const char *)out.data : "", text_name(TEXT_SOCKET));
		s->failed = true;
	}
	blob_clear(&out);
}

static void setup_systemd(struct setup *s)
{
	struct path path;

	install_units(s);
	if (path_set(
		&path, "%s/environment.d/%s", s->place->config.text, text_name(TEXT_ENVIRONMENT)))
		(void)setup_put(s, TEXT_ENVIRONMENT, NULL, path.text);
	if (s->failed)
		return;
	if (s->manager)
		start_sockets(s);
	else
		printf("Your service manager does not answer here (%s), so nothing was started; "
		       "it takes the units up at your next login.\n",
		    s->why);
}

void setup_snippet(const struct place *p, struct path *out)
{
	if (path_set(out, "%s/%s", p->share.text, text_name(TEXT_SNIPPET)) && path_there(out->text))
		return;
	(void)path_set(out, "%s/signet/%s", p->config.text, text_name(TEXT_SNIPPET));
}

static void setup_autostart(struct setup *s, const char *snippet)
{
	struct path path;

	printf("This machine does not run systemd: the agent is started by your desktop's "
	       "autostart.\n");
	if (path_set(&path, "%s/autostart/%s", s->place->config.text, text_name(TEXT_DESKTOP)))
		(void)setup_put(s, TEXT_DESKTOP, snippet, path.text);
}

static void print_next(const struct setup *s, const char *snippet)
{
	const char *now = getenv("SSH_AUTH_SOCK");
	const char *wanted = s->place->socket.text;
	struct shell_path word;

	puts("\nWhat to do next:");
	puts("  Log out and in: what your desktop starts then has SSH_AUTH_SOCK set.");
	if (wanted[0] != '\0' && s->manager && (now == NULL || strcmp(now, wanted) != 0))
		printf("  In this shell at once:  export SSH_AUTH_SOCK=%s\n",
		    path_for_shell(wanted, &word));
	printf(
	    "  For shells that no desktop starts (ssh, text consoles), this line in ~/.profile:\n"
	    "    . %s\n"
	    "  To see whether all is well:  signet-agent --doctor\n"
	    "  To take all this back:       signet-agent --setup --undo\n",
	    path_for_shell(snippet, &word));
}

int setup_do(const struct place *p, bool replace)
{
	struct setup s = {.place = p};
	struct path snippet;

	if (!ledger_open(p, &s.ledger))
		return EXIT_FAILURE;
	s.manager = manager_answers(s.why, sizeof(s.why));
	setup_snippet(p, &snippet);
	if (snippet.text[0] == '\0')
		s.failed = true;
	else if (setup_file(&s.ledger, snippet.text) != STANDING_OTHER)
		(void)setup_put(&s, TEXT_SNIPPET, snippet.text, snippet.text);
	if (s.manager || path_there("/run/systemd/system"))
		setup_systemd(&s);
	else
		setup_autostart(&s, snippet.text);
	rivals_handle(&s, replace);
	if (!s.failed)
		print_next(&s, snippet.text);
	ledger_close(&s.ledger);
	return s.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
