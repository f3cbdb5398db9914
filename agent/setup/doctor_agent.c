/* The socket, the variable, and who else claims it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/setup/doctor_impl.h"
#include "agent/setup/rivals.h"
#include "proto/agentmsg.h"
#include "proto/base/fdio.h"
#include "proto/base/text.h"
#include "proto/ctlview.h"

bool socket_answers(const char *path)
{
	int fd = ctl_connect(path);
	bool answers = fd != -1;

	fd_close(&fd);
	return answers;
}

/* The version that an agent's control socket tells; empty: it has none that answers. */
static void ask_version(const char *socket_path, char *out, size_t room)
{
	struct path path;
	struct blob answer = {0};
	struct reader r;
	struct bytes name, value;
	uint8_t number;
	int fd = -1;

	out[0] = '\0';
	if (path_set(&path, "%s" CTL_SUFFIX, socket_path))
		fd = ctl_connect(path.text);
	if (fd == -1)
		return;
	if (ctl_ask(fd, CTL_STATUS, CTL_STATUS_ANSWER, &answer) == ERR_OK) {
		r = reader_of(blob_view(&answer));
		(void)reader_u8(&r, &number);
		while (r.left != 0 && ctl_pair_read(&r, &name, &value) == ERR_OK) {
			if (bytes_is(name, "version"))
				(void)text_escape(value, out, room);
		}
	}
	blob_clear(&answer);
	fd_close(&fd);
}

/* The program behind a socket: of a socket that a service manager made it is the manager. */
static void peer_program(int fd, char *out, size_t room)
{
	struct peer peer;
	struct path link;
	char target[PATH_MAX];
	ssize_t n = -1;

	if (fd_peer(fd, &peer) != ERR_OK) {
		(void)snprintf(out, room, "an unknown program");
		return;
	}
	if (path_set(&link, "/proc/%ld/exe", (long)peer.pid))
		n = readlink(link.text, target, sizeof(target));
	if (n > 0)
		(void)text_escape(BYTES(target, (size_t)n), out, room);
	else
		(void)snprintf(out, room, "process %ld", (long)peer.pid);
}

/* How a running agent is replaced by the installed one. */
static const char restart[] = "systemctl --user restart signet-agent.service (keys added by hand "
			      "are to be added again)";

/* Does SSH_AUTH_SOCK lead to an agent of ours, or to a view of one?  *where: to what, in words. */
static bool variable_is_ours(char *where, size_t room)
{
	const char *value = getenv("SSH_AUTH_SOCK");
	struct ctl_view view;
	char version[64];

	if (value == NULL || value[0] == '\0')
		return false;
	ask_version(value, version, sizeof(version));
	if (version[0] != '\0')
		(void)snprintf(where, room, "Signet %s at %s", version, value);
	else if (ctl_view_find(value, &view))
		(void)snprintf(where, room, "the view %s of the agent at %s (its socket is %s)",
		    view.name, view.agent, value);
	else
		return false;
	return true;
}

enum { WHERE = 2 * PATH_MAX + 256 };

/* Nobody listens at the login's socket (errno): one at a place of its own choice need not. */
static bool is_elsewhere(const struct doctor *d, const char *path)
{
	const char *value = getenv("SSH_AUTH_SOCK");
	char where[WHERE];

	return (errno == ENOENT || errno == ECONNREFUSED) &&
	       strcmp(path, d->place->socket.text) == 0 && value != NULL &&
	       strcmp(value, path) != 0 && variable_is_ours(where, sizeof(where));
}

static void say_nobody(struct doctor *d, const char *what, const char *path)
{
	int why = errno;

	if (why == ETIMEDOUT)
		say_wrong(
		    d, what, "%s takes no more connections, so its agent hangs: %s", path, restart);
	else if (is_elsewhere(d, path))
		say_note(what,
		    "nobody listens at %s, where signet-agent --setup has the agent of a login; "
		    "SSH_AUTH_SOCK leads to another agent of Signet",
		    path);
	else
		say_wrong(d, what, "%s: %s: run signet-agent --setup, or start an agent there",
		    path, strerror(why));
}

/* Who answers there. */
static void look_at(struct doctor *d, const char *what, const char *path)
{
	char program[PATH_MAX], version[64];
	struct blob answer = {0};
	int fd = ctl_connect(path);
	enum err e;

	if (fd == -1) {
		say_nobody(d, what, path);
		return;
	}
	peer_program(fd, program, sizeof(program));
	e = ctl_ask(fd, AGENT_REQUEST_IDENTITIES, AGENT_IDENTITIES_ANSWER, &answer);
	blob_clear(&answer);
	fd_close(&fd);
	ask_version(path, version, sizeof(version));
	if (e != ERR_OK)
		say_wrong(d, what,
		    "%s: %s does not answer as an agent does (%s): see journalctl --user -u "
		    "signet-agent, or end it",
		    path, program, err_text(e));
	else if (version[0] == '\0')
		say_wrong(d, what,
		    "%s is answered by %s, which is not Signet: run signet-agent "
		    "--setup, and log in again",
		    path, program);
	else if (strcmp(version, SIGNET_VERSION) != 0)
		say_wrong(d, what, "%s is answered by Signet %s, and %s is installed: %s", path,
		    version, SIGNET_VERSION, restart);
	else
		say_ok(what, "%s is answered by Signet %s", path, version);
}

void check_socket(struct doctor *d)
{
	const struct place *p = d->place;
	struct shell_path word;
	struct stat st;

	if (p->socket.text[0] == '\0') {
		say_note("socket", "XDG_RUNTIME_DIR is not set, so the agent of your login is not "
				   "looked for");
		return;
	}
	if (stat(p->runtime.text, &st) == 0 && (st.st_uid != getuid() || (st.st_mode & 077) != 0))
		say_wrong(d, "socket",
		    "%s is not yours alone: chmod 700 %s, or log in again if it is another's",
		    p->runtime.text, path_for_shell(p->runtime.text, &word));
	look_at(d, "socket", p->socket.text);
}

void check_variable(struct doctor *d)
{
	const char *value = getenv("SSH_AUTH_SOCK");
	const char *wanted = d->place->socket.text;
	struct shell_path word;
	char where[WHERE];

	if (value == NULL || value[0] == '\0') {
		if (wanted[0] != '\0')
			say_wrong(d, "variable",
			    "SSH_AUTH_SOCK is not set: log in again, or: export SSH_AUTH_SOCK=%s",
			    path_for_shell(wanted, &word));
		else
			say_wrong(
			    d, "variable", "SSH_AUTH_SOCK is not set: eval \"$(signet-agent -s)\"");
	} else if (strcmp(value, wanted) == 0) {
		d->variable = true;
		say_ok("variable", "SSH_AUTH_SOCK leads there");
	} else if (getenv("SSH_CONNECTION") != NULL) {
		say_note("variable",
		    "SSH_AUTH_SOCK leads to %s, as in a login with a forwarded agent", value);
	} else if (variable_is_ours(where, sizeof(where))) {
		d->variable = true;
		say_ok("variable", "SSH_AUTH_SOCK leads to %s", where);
	} else {
		look_at(d, "variable", value);
	}
}

struct rivals_seen {
	struct doctor *doctor;
	unsigned count;
};

static void see_rival(void *context, const struct rival *r)
{
	struct rivals_seen *seen = context;

	seen->count++;
	if (seen->doctor->variable)
		say_note("others", "%s; to turn it off: %s", r->name, r->remedy);
	else
		say_wrong(seen->doctor, "others", "%s: %s", r->name, r->remedy);
}

void check_rivals(struct doctor *d)
{
	struct rivals_seen seen = {.doctor = d};

	rivals_find(d->place, see_rival, &seen);
	if (seen.count == 0)
		say_ok("others", "no other agent claims SSH_AUTH_SOCK");
}
