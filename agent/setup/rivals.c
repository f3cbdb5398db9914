#include "agent/setup/rivals.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/setup/files.h"
#include "agent/setup/run.h"
#include "proto/base/text.h"

/* Units that are agents, and what enables them. */
static const struct rival_unit {
	const char *unit;
	const char *name;
	bool needs_ssh_support; /* claims the variable only with enable-ssh-support */
} rival_units[] = {
    {"gcr-ssh-agent.socket", "GNOME's agent (gcr-ssh-agent)", false},
    {"gcr-ssh-agent.service", "GNOME's agent (gcr-ssh-agent)", false},
    {"gpg-agent-ssh.socket", "GnuPG's agent (enable-ssh-support)", true},
    {"ssh-agent.socket", "OpenSSH's agent", false},
    {"ssh-agent.service", "OpenSSH's agent", false},
    {"gnome-keyring-ssh.service", "GNOME Keyring's agent", false},
};

static const char *const start_files[] = {".profile", ".bash_profile", ".bash_login", ".bashrc",
    ".zshenv", ".zprofile", ".zshrc", ".zlogin", ".kshrc", ".xsessionrc", ".xprofile", ".xsession",
    ".xinitrc", ".pam_environment", ".config/fish/config.fish"};

/* Folders of pieces that a session reads or runs: in the person's configuration, and for all. */
static const char *const own_folders[] = {"environment.d", "autostart", "autostart-scripts",
    "plasma-workspace/env", "plasma-workspace/shutdown"};
static const char *const all_folders[] = {
    "/etc/environment.d", "/etc/xdg/autostart", "/etc/profile.d", "/etc/xdg/plasma-workspace/env"};

static const char xsession_options[] = "/etc/X11/Xsession.options";

struct search {
	const struct place *place;
	rival_found *found;
	void *context;
};

static void report(const struct search *s, const char *unit, const char *name, const char *remedy)
{
	struct rival r = {.unit = unit};

	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	(void)snprintf(r.remedy, sizeof(r.remedy), "%s", remedy);
	s->found(s->context, &r);
}

/* --- units ------------------------------------------------------------------ */

/* Below a folder of units: a link in some target's .wants. */
static bool is_wanted_in(const char *folder, const char *unit)
{
	static const char *const targets[] = {
	    "sockets", "default", "graphical-session-pre", "graphical-session", "basic"};
	struct path link;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		/* The link may lead nowhere for us and yet enable it. */
		char target[PATH_MAX];

		if (path_set(&link, "%s/%s.target.wants/%s", folder, targets[i], unit) &&
		    (readlink(link.text, target, sizeof(target)) >= 0 || path_there(link.text)))
			return true;
	}
	return false;
}

static bool is_masked(const struct place *p, const char *unit)
{
	struct path link;
	char target[PATH_MAX];
	ssize_t n;

	if (!path_set(&link, "%s/systemd/user/%s", p->config.text, unit))
		return false;
	n = readlink(link.text, target, sizeof(target));
	return n == 9 && memcmp(target, "/dev/null", 9) == 0;
}

/* A unit that is enabled but not installed starts nothing. */
static bool is_installed(const char *own, const char *unit)
{
	const char *const folders[] = {own, "/etc/systemd/user", "/usr/local/lib/systemd/user",
	    "/usr/lib/systemd/user", "/lib/systemd/user"};
	struct path path;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (path_set(&path, "%s/%s", folders[i], unit) && path_there(path.text))
			return true;
	}
	return false;
}

static bool has_line(const char *path, const char *word)
{
	struct blob content = {0};
	struct bytes rest, line;
	bool has = false;

	if (!file_read(path, &content))
		return false;
	rest = blob_view(&content);
	while (!has && line_next(&rest, &line)) {
		struct bytes l = bytes_trim(line);
		size_t n = strlen(word);

		has = bytes_begin(l, word) && (l.len == n || strchr(" \t#", l.data[n]) != NULL);
	}
	blob_clear(&content);
	return has;
}

/* Debian's unit for OpenSSH's agent is always enabled, and looks into X's options. */
static bool is_idle(const char *unit)
{
	return strcmp(unit, "ssh-agent.service") == 0 &&
	       has_line("/usr/lib/systemd/user/ssh-agent.service",
		   "ExecStart=/usr/lib/openssh/agent-launch") &&
	       !path_there("/etc/systemd/user/ssh-agent.service") &&
	       !has_line(xsession_options, "use-ssh-agent");
}

static bool is_enabled(const struct place *p, const char *unit)
{
	struct path own;

	if (!path_set(&own, "%s/systemd/user", p->config.text) || is_masked(p, unit) ||
	    is_idle(unit) || !is_installed(own.text, unit))
		return false;
	return is_wanted_in(own.text, unit) || is_wanted_in("/etc/systemd/user", unit) ||
	       is_wanted_in("/usr/lib/systemd/user", unit) ||
	       is_wanted_in("/usr/local/lib/systemd/user", unit);
}

/* The file where gpg-agent is told to be an SSH agent; false: it is not. */
static bool gpg_supports(const struct place *p, struct path *conf)
{
	const char *home = place_variable("GNUPGHOME");

	if (path_set(conf, "%s%s/gpg-agent.conf", home != NULL ? home : p->home.text,
		home != NULL ? "" : "/.gnupg") &&
	    has_line(conf->text, "enable-ssh-support"))
		return true;
	return path_set(conf, "/etc/gnupg/gpg-agent.conf") &&
	       has_line(conf->text, "enable-ssh-support");
}

static void find_units(const struct search *s)
{
	struct path conf;
	bool gpg = gpg_supports(s->place, &conf);
	char why[64];
	/* Elsewhere units may be installed, and start nothing. */
	bool systemd = path_there("/run/systemd/system") || manager_answers(why, sizeof(why));

	for (size_t i = 0; i < sizeof(rival_units) / sizeof(rival_units[0]); i++) {
		const struct rival_unit *u = &rival_units[i];
		struct rival r = {.unit = u->unit};

		if (!systemd || (u->needs_ssh_support && !gpg) || !is_enabled(s->place, u->unit))
			continue;
		(void)snprintf(
		    r.name, sizeof(r.name), "%s: the unit %s is enabled", u->name, u->unit);
		(void)snprintf(
		    r.remedy, sizeof(r.remedy), "systemctl --user mask --now %s", u->unit);
		s->found(s->context, &r);
	}
	if (gpg) {
		struct rival r = {.unit = NULL};

		(void)snprintf(
		    r.name, sizeof(r.name), "GnuPG's agent: %s has enable-ssh-support", conf.text);
		(void)snprintf(r.remedy, sizeof(r.remedy),
		    "put a # before enable-ssh-support in %s, then: gpgconf --kill gpg-agent",
		    conf.text);
		s->found(s->context, &r);
	}
}

/* --- start files ------------------------------------------------------------ */

bool rival_line(struct bytes line)
{
	static const char *const words[] = {"ssh-agent", "SSH_AUTH_SOCK", "keychain ",
	    "gnome-keyring-daemon", "enable-ssh-support"};
	struct bytes l = bytes_trim(line);

	if (l.len == 0 || l.data[0] == '#' || bytes_hold(l, "signet"))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!bytes_hold(l, words[i]))
			continue;
		if (strcmp(words[i], "SSH_AUTH_SOCK") == 0)
			/* Set, not only read. */
			return bytes_hold(l, "SSH_AUTH_SOCK=") || bytes_hold(l, "SSH_AUTH_SOCK ") ||
			       bytes_hold(l, "SSH_AUTH_SOCK\tDEFAULT");
		if (strcmp(words[i], "gnome-keyring-daemon") == 0)
			return bytes_hold(l, "ssh") || !bytes_hold(l, "--components");
		return true;
	}
	return false;
}

/* Each line of the file that claims the variable. */
static void find_lines(const struct search *s, const char *path, bool of_all)
{
	struct blob content = {0};
	struct bytes rest, line;
	unsigned number = 0;

	if (!file_read(path, &content))
		return;
	rest = blob_view(&content);
	while (line_next(&rest, &line)) {
		struct rival r = {.unit = NULL};
		char shown[120];

		number++;
		if (!rival_line(line))
			continue;
		(void)snprintf(r.name, sizeof(r.name), "%s, line %u: %s", path, number,
		    text_escape(bytes_trim(line), shown, sizeof(shown)));
		(void)snprintf(r.remedy, sizeof(r.remedy), "put a # before line %u of %s%s", number,
		    path, of_all ? " (as root)" : "");
		s->found(s->context, &r);
	}
	blob_clear(&content);
}

static void find_start_files(const struct search *s)
{
	struct path path;

	for (size_t i = 0; i < sizeof(start_files) / sizeof(start_files[0]); i++) {
		if (path_set(&path, "%s/%s", s->place->home.text, start_files[i]))
			find_lines(s, path.text, false);
	}
	find_lines(s, "/etc/environment", true);
}

/* --- autostart -------------------------------------------------------------- */

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

/* Hidden by a file of the same name in the person's folder, or itself. */
static bool is_hidden(const struct place *p, const char *folder, const char *name)
{
	struct path own, path;

	if (!path_set(&own, "%s/autostart/%s", p->config.text, name) ||
	    !path_set(&path, "%s/%s", folder, name))
		return false;
	return has_line(path.text, "Hidden=true") ||
	       (path_there(own.text) && strcmp(own.text, path.text) != 0);
}

/* The line Exec= is one that claims the variable. */
static bool desktop_claims(const char *path)
{
	struct blob content = {0};
	struct bytes rest, line;
	bool claims = false;

	if (!file_read(path, &content))
		return false;
	rest = blob_view(&content);
	while (!claims && line_next(&rest, &line))
		claims = bytes_begin(line, "Exec=") && rival_line(line);
	blob_clear(&content);
	return claims;
}

static void find_desktop(const struct search *s, const char *folder, const char *name)
{
	struct path path, own, mine;
	struct shell_path from, to, in;
	struct rival r = {.unit = NULL};

	if (is_hidden(s->place, folder, name) || !path_set(&path, "%s/%s", folder, name) ||
	    !path_set(&own, "%s/autostart", s->place->config.text) ||
	    !path_set(&mine, "%s/%s", own.text, name) || !desktop_claims(path.text))
		return;
	(void)snprintf(r.name, sizeof(r.name), "an agent is started by the desktop: %s", path.text);
	if (strcmp(folder, own.text) == 0)
		(void)snprintf(r.remedy, sizeof(r.remedy),
		    "sed -i '/^\\[Desktop Entry\\]/a Hidden=true' %s",
		    path_for_shell(path.text, &from));
	else
		(void)snprintf(r.remedy, sizeof(r.remedy),
		    "mkdir -p %s && sed '/^\\[Desktop Entry\\]/a Hidden=true' %s > %s",
		    path_for_shell(own.text, &in), path_for_shell(path.text, &from),
		    path_for_shell(mine.text, &to));
	s->found(s->context, &r);
}

static void find_in_folder(const struct search *s, const char *folder, bool of_all)
{
	DIR *d = opendir(folder);
	const struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL) {
		struct path path;

		if (entry->d_name[0] == '.' || !path_set(&path, "%s/%s", folder, entry->d_name))
			continue;
		if (ends_with(entry->d_name, ".desktop"))
			find_desktop(s, folder, entry->d_name);
		else
			find_lines(s, path.text, of_all);
	}
	closedir(d);
}

static void find_folders(const struct search *s)
{
	struct path path;

	for (size_t i = 0; i < sizeof(own_folders) / sizeof(own_folders[0]); i++) {
		if (path_set(&path, "%s/%s", s->place->config.text, own_folders[i]))
			find_in_folder(s, path.text, false);
	}
	for (size_t i = 0; i < sizeof(all_folders) / sizeof(all_folders[0]); i++)
		find_in_folder(s, all_folders[i], true);
}

/* --- the rest --------------------------------------------------------------- */

static void find_xsession(const struct search *s)
{
	if (has_line(xsession_options, "use-ssh-agent") &&
	    path_there("/etc/X11/Xsession.d/90x11-common_ssh-agent"))
		report(s, NULL,
		    "OpenSSH's agent, started for X sessions: /etc/X11/Xsession.options has "
		    "use-ssh-agent",
		    "sudo sed -i 's/^use-ssh-agent/no-use-ssh-agent/' /etc/X11/Xsession.options");
}

/* ssh asks the agent of IdentityAgent, whatever the variable says. */
static void find_identity_agent(const struct search *s)
{
	struct blob content = {0};
	struct bytes rest, line;
	struct path path;
	unsigned number = 0;

	if (!path_set(&path, "%s/.ssh/config", s->place->home.text) ||
	    !file_read(path.text, &content))
		return;
	rest = blob_view(&content);
	while (line_next(&rest, &line)) {
		struct bytes l = bytes_trim(line);
		struct rival r = {.unit = NULL};

		number++;
		if (l.len < 14 || strncasecmp((const char *)l.data, "IdentityAgent", 13) != 0 ||
		    bytes_hold(l, "signet") || bytes_hold(l, "SSH_AUTH_SOCK"))
			continue;
		(void)snprintf(r.name, sizeof(r.name),
		    "%s, line %u: IdentityAgent names another agent", path.text, number);
		(void)snprintf(r.remedy, sizeof(r.remedy),
		    "put a # before line %u of %s, unless you want that for those hosts", number,
		    path.text);
		s->found(s->context, &r);
	}
	blob_clear(&content);
}

void rivals_find(const struct place *p, rival_found *found, void *context)
{
	struct search s = {p, found, context};

	find_units(&s);
	find_xsession(&s);
	find_folders(&s);
	find_start_files(&s);
	find_identity_agent(&s);
}

/* --- what --setup does with them ---------------------------------------------- */

struct handling {
	struct setup *setup;
	bool replace;
	unsigned count;
	unsigned left;
};

static bool replace_unit(struct setup *s, const struct rival *r)
{
	bool runs = run_systemctl(NULL, "is-active", "--quiet", r->unit, NULL) == 0;

	if (!ledger_note(&s->ledger, runs ? LEDGER_STOPPED : LEDGER_MASK, r->unit))
		return false;
	if (run_systemctl(NULL, "mask", "--now", r->unit, NULL) != 0) {
		fprintf(stderr,
		    "signet-agent: systemctl --user mask --now %s failed; try it by "
		    "hand\n",
		    r->unit);
		return false;
	}
	printf("  %s\n    turned off by: %s\n", r->name, r->remedy);
	return true;
}

static void handle(void *context, const struct rival *r)
{
	struct handling *h = context;

	if (h->count++ == 0)
		puts("\nOther agents claim SSH_AUTH_SOCK:");
	if (h->replace && r->unit != NULL && h->setup->manager) {
		if (replace_unit(h->setup, r))
			return;
		h->setup->failed = true;
	}
	h->left++;
	printf("  %s\n    to turn it off: %s\n", r->name, r->remedy);
}

void rivals_handle(struct setup *s, bool replace)
{
	struct handling h = {.setup = s, .replace = replace};
	struct path variable;

	rivals_find(s->place, handle, &h);
	if (h.count != h.left)
		printf("Turned off: %u; signet-agent --setup --undo turns them on again.\n",
		    h.count - h.left);
	if (h.count != h.left && h.left != 0)
		printf("Left as they are: %u, for you to turn off as said above.\n", h.left);
	else if (h.left != 0 && replace)
		puts("Nothing of theirs was changed: turn them off as said above.");
	else if (h.left != 0)
		puts("Nothing of theirs was changed.  signet-agent --setup --replace turns off "
		     "those that are units; --setup --undo turns them on again.");
	if (replace && h.count != h.left && s->place->socket.text[0] != '\0' &&
	    path_set(&variable, "SSH_AUTH_SOCK=%s", s->place->socket.text))
		/* They may have set it, or taken it away as they ended. */
		(void)run_systemctl(NULL, "set-environment", variable.text, NULL, NULL);
}

void rivals_put_back(struct setup *s, const char *unit, bool started)
{
	if (s->manager && run_systemctl(NULL, "unmask", unit, NULL, NULL) == 0) {
		printf("turned on again: %s\n", unit);
		if (started)
			(void)run_systemctl(NULL, "start", unit, NULL, NULL);
		return;
	}
	fprintf(stderr,
	    "signet-agent: %s is still off, since the service manager does not answer; log in and "
	    "run: systemctl --user unmask %s\n",
	    unit, unit);
	s->failed = true;
}
