/* The socket, the variable, and who else claims it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/setup/doctor_impl.h"
#include "agent/setup/rivals.h"
#include "proto/agentmsg.h"
#include "proto/base/fdio.h"
#include "proto/base/text.h"
#include "proto/ctlmsg.h"
#include "proto/frame.h"

enum { PATIENCE_MS = 5000, ANSWER_MOST = 1 << 20 };

/* -1 with errno; ETIMEDOUT: whoever listens takes no more connections. */
static int connect_to(const char *path)
{
	const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd != -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (fd != -1 && connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0) {
		int why = errno == EAGAIN ? ETIMEDOUT : errno;

		fd_close(&fd);
		errno = why;
	}
	return fd;
}

bool socket_answers(const char *path)
{
	int fd = connect_to(path);
	bool answers = fd != -1;

	fd_close(&fd);
	return answers;
}

/* Ask with a message of one byte; the answer's content is the caller's to clear. */
static enum err ask(int fd, uint8_t number, struct blob *answer)
{
	const uint8_t request[] = {0, 0, 0, 1, number};
	uint8_t header[FRAME_HEADER];
	struct reader r = reader_of(BYTES(header, sizeof(header)));
	struct builder b = {0};
	uint32_t n = 0;
	uint8_t *room;
	enum err e = fd_write_all(fd, BYTES(request, sizeof(request)), PATIENCE_MS);

	if (e == ERR_OK)
		e = fd_read_exact(fd, header, sizeof(header), PATIENCE_MS);
	if (e == ERR_OK)
		e = reader_u32_most(&r, ANSWER_MOST, &n);
	if (e != ERR_OK)
		return e;
	room = builder_reserve(&b, n);
	e = room != NULL ? fd_read_exact(fd, room, n, PATIENCE_MS) : ERR_MEMORY;
	if (e == ERR_OK)
		e = builder_take(&b, answer);
	builder_clear(&b);
	return e;
}

static enum err ask_first(int fd, uint8_t number, uint8_t wanted, struct blob *answer)
{
	enum err e = ask(fd, number, answer);

	if (e == ERR_OK && (answer->len == 0 || answer->data[0] != wanted))
		e = ERR_REPLY;
	return e;
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
		fd = connect_to(path.text);
	if (fd == -1)
		return;
	if (ask_first(fd, CTL_STATUS, CTL_STATUS_ANSWER, &answer) == ERR_OK) {
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

/* Who answers there; true: Signet, of any version. */
static bool look_at(struct doctor *d, const char *what, const char *path)
{
	char program[PATH_MAX], version[64];
	struct blob answer = {0};
	int fd = connect_to(path);
	enum err e;

	if (fd == -1 && errno == ETIMEDOUT) {
		say_wrong(
		    d, what, "%s takes no more connections, so its agent hangs: %s", path, restart);
		return false;
	}
	if (fd == -1) {
		say_wrong(d, what, "%s: %s: run signet-agent --setup, or start an agent there",
		    path, strerror(errno));
		return false;
	}
	peer_program(fd, program, sizeof(program));
	e = ask_first(fd, AGENT_REQUEST_IDENTITIES, AGENT_IDENTITIES_ANSWER, &answer);
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
	return version[0] != '\0';
}

void check_socket(struct doctor *d)
{
	const struct place *p = d->place;
	struct stat st;

	if (p->socket.text[0] == '\0') {
		say_note("socket", "XDG_RUNTIME_DIR is not set, so the agent of your login is not "
				   "looked for");
		return;
	}
	if (stat(p->runtime.text, &st) == 0 && (st.st_uid != getuid() || (st.st_mode & 077) != 0))
		say_wrong(d, "socket",
		    "%s is not yours alone: chmod 700 %s, or log in again if it is another's",
		    p->runtime.text, p->runtime.text);
	d->ours = look_at(d, "socket", p->socket.text);
}

void check_variable(struct doctor *d)
{
	const char *value = getenv("SSH_AUTH_SOCK");
	const char *wanted = d->place->socket.text;

	if (value == NULL || value[0] == '\0') {
		if (wanted[0] != '\0')
			say_wrong(d, "variable",
			    "SSH_AUTH_SOCK is not set: log in again, or: export SSH_AUTH_SOCK=%s",
			    wanted);
		else
			say_wrong(
			    d, "variable", "SSH_AUTH_SOCK is not set: eval \"$(signet-agent -s)\"");
	} else if (strcmp(value, wanted) == 0) {
		d->variable = true;
		say_ok("variable", "SSH_AUTH_SOCK leads there");
	} else if (getenv("SSH_CONNECTION") != NULL) {
		say_note("variable",
		    "SSH_AUTH_SOCK leads to %s, as in a login with a forwarded agent", value);
	} else {
		char version[64];

		ask_version(value, version, sizeof(version));
		d->variable = version[0] != '\0';
		if (d->variable)
			say_ok(
			    "variable", "SSH_AUTH_SOCK leads to Signet %s at %s", version, value);
		else
			(void)look_at(d, "variable", value);
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
