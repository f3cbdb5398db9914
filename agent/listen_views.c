/* The sockets of views: bound at the start and when the configuration was read anew. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/listen.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

enum { WHY = 256, SHOWN = 512, TURNED_AWAY_AT_ONCE = 16 };

bool view_name_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_";
	size_t n = strlen(name);

	return n != 0 && n <= LIMIT_VIEW_NAME && strspn(name, letters) == n &&
	       strcmp(name, "agent") != 0 && strcmp(name, "control") != 0;
}

static void complain(const struct config_view *v, const char *why)
{
	char name[SHOWN];

	log_warn("view %s (line %u of the configuration) is not served: %s",
	    text_escape(bytes_str(v->name), name, sizeof(name)), v->line, why);
}

/* The part of path before its last slash; room for SOCKET_PATH.  False: it has none. */
static bool directory_of(const char *path, char *out)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL) {
		strcpy(out, ".");
		return path[0] != '\0';
	}
	(void)snprintf(out, SOCKET_PATH, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return true;
}

/* Where its socket is to be.  False: nowhere, and why. */
static bool choose_path(
    const struct sockets *s, const struct config_view *v, char *path, char why[WHY])
{
	char directory[SOCKET_PATH];
	int n;

	if (v->socket == NULL && !directory_of(s->agent_path, directory)) {
		(void)snprintf(why, WHY,
		    "the agent's socket has no path to put it beside: say where (Socket)");
		return false;
	}
	n = v->socket != NULL ? snprintf(path, SOCKET_PATH, "%s", v->socket)
			      : snprintf(path, SOCKET_PATH, "%s/%s.sock", directory, v->name);
	if (n >= 0 && n < SOCKET_PATH)
		return true;
	(void)snprintf(why, WHY,
	    "the path of its socket is longer than %d bytes: give a shorter one (Socket)",
	    SOCKET_PATH - 1);
	return false;
}

/* Who can write to the directory could put a socket of his own there. */
static bool is_private(const char *path, char why[WHY])
{
	char directory[SOCKET_PATH], shown[SHOWN];
	struct stat st;

	if (!directory_of(path, directory))
		return false;
	if (stat(directory, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	    (st.st_mode & 022) == 0)
		return true;
	(void)snprintf(why, WHY,
	    "%.120s must be a directory of yours that nobody else can write to (chmod 700): make "
	    "it, or put the socket elsewhere (Socket)",
	    text_escape(bytes_str(directory), shown, sizeof(shown)));
	return false;
}

static bool is_taken(const struct sockets *s, const char *path, char why[WHY])
{
	const char *whose = NULL;

	if (strcmp(path, s->agent_path) == 0 || strcmp(path, s->control_path) == 0)
		whose = "the agent";
	for (size_t i = 0; i < s->view_count && whose == NULL; i++) {
		if (strcmp(path, s->views[i].path) == 0)
			whose = s->views[i].name;
	}
	if (whose != NULL)
		(void)snprintf(why, WHY,
		    "its socket is that of %s already: give it one of its own (Socket)", whose);
	return whose != NULL;
}

/* False: it cannot be bound, and why. */
static bool bind_view(const struct sockets *s, struct view_socket *v, char why[WHY])
{
	char shown[SHOWN];
	enum err e;

	if (is_taken(s, v->path, why) || !is_private(v->path, why))
		return false;
	e = socket_bind(v->path, &v->fd);
	if (e == ERR_OK) {
		v->made = true;
		socket_file_note(v->path, &v->file);
		return true;
	}
	(void)snprintf(why, WHY, "cannot listen on %.120s: %s",
	    text_escape(bytes_str(v->path), shown, sizeof(shown)),
	    e != ERR_SYSTEM         ? err_text(e)
	    : errno != EADDRINUSE   ? strerror(errno)
	    : socket_alive(v->path) ? "somebody answers there already: end that agent, or put the "
				      "socket elsewhere (Socket)"
				    : "it is no socket of yours: remove it, or put the socket "
				      "elsewhere (Socket)");
	return false;
}

static struct view_socket *find(struct sockets *s, const char *name)
{
	for (size_t i = 0; i < s->view_count; i++) {
		if (strcmp(s->views[i].name, name) == 0)
			return &s->views[i];
	}
	return NULL;
}

/* Bind it, or take what the service manager gave.  NULL: there is nothing new to serve. */
static struct view_socket *open_view(
    struct sockets *s, const struct config_view *v, size_t *left_out)
{
	struct view_socket *there, fresh = {.fd = -1, .served = true};
	char why[WHY] = "";

	if (!view_name_valid(v->name)) {
		complain(v,
		    "a name is of letters, digits, - and _, at most 32 of them, and neither "
		    "\"agent\" nor \"control\": call it otherwise");
		return NULL;
	}
	there = find(s, v->name);
	if (there != NULL && !there->served) {
		there->served = true;
		return there;
	}
	if (there != NULL)
		return NULL;
	if (s->view_count == LIMIT_VIEWS) {
		++*left_out;
		return NULL;
	}
	(void)strcpy(fresh.name, v->name);
	if (!choose_path(s, v, fresh.path, why) || !bind_view(s, &fresh, why)) {
		complain(v, why);
		return NULL;
	}
	s->views[s->view_count] = fresh;
	return &s->views[s->view_count++];
}

static void tell_left_out(size_t n)
{
	if (n != 0)
		log_warn("the configuration has %zu more views than the agent serves: it serves "
			 "%u, remove some",
		    n, LIMIT_VIEWS);
}

void sockets_views_open(struct sockets *s, const struct config *c)
{
	size_t left_out = 0;

	for (size_t i = 0; i < c->view_count; i++)
		(void)open_view(s, &c->views[i], &left_out);
	tell_left_out(left_out);
	for (size_t i = 0; i < s->view_count; i++) {
		if (!s->views[i].served)
			log_warn("the service manager gave a socket named %s: clients are turned "
				 "away from it until a view of the configuration has that name",
			    s->views[i].name);
	}
}

size_t sockets_unserved(const struct sockets *s, struct pollfd *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->view_count; i++) {
		if (!s->views[i].served)
			out[n++] = (struct pollfd){.fd = s->views[i].fd, .events = POLLIN};
	}
	return n;
}

void socket_turn_away(int fd)
{
	for (int i = 0; i < TURNED_AWAY_AT_ONCE; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			return;
		fd_close(&client);
	}
}

/* --- reload ------------------------------------------------------------------------ */

static enum err send_view(int channel, const struct view_socket *v, int fd)
{
	struct channel_message m = {.kind = CHANNEL_VIEW};

	(void)snprintf(m.text, sizeof(m.text), "%s %s", v->name, fd < 0 ? "" : v->path);
	return channel_send(channel, &m, fd);
}

static const struct config_view *configured(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->view_count; i++) {
		if (strcmp(c->views[i].name, name) == 0)
			return &c->views[i];
	}
	return NULL;
}

/* Is its socket where the configuration wants it? */
static bool stays(
    const struct sockets *s, const struct view_socket *v, const struct config_view *wanted)
{
	char path[SOCKET_PATH], why[WHY];

	if (wanted == NULL)
		return false;
	return !v->made || (choose_path(s, wanted, path, why) && strcmp(path, v->path) == 0);
}

/* True: it is gone from the list.  What the service manager gave is kept, for it may be wanted
 * again. */
static bool close_view(struct view_socket *v)
{
	if (!v->made) {
		v->served = false;
		return false;
	}
	socket_file_remove(v->path, &v->file);
	fd_close(&v->fd);
	return true;
}

void sockets_views_reload(struct sockets *s, const struct config *c, int channel)
{
	size_t kept = 0, left_out = 0;

	for (size_t i = 0; i < s->view_count; i++) {
		struct view_socket *v = &s->views[i];
		const struct config_view *wanted = configured(c, v->name);

		if (!stays(s, v, wanted)) {
			/* The core closed those of views that went. */
			if (wanted != NULL)
				(void)send_view(channel, v, -1);
			if (close_view(v))
				continue;
		}
		if (kept != i)
			s->views[kept] = *v;
		kept++;
	}
	s->view_count = kept;
	for (size_t i = 0; i < c->view_count; i++) {
		struct view_socket *v = open_view(s, &c->views[i], &left_out);

		if (v == NULL || send_view(channel, v, v->fd) == ERR_OK)
			continue;
		complain(&c->views[i], "its socket could not be handed over: reload again");
		s->view_count -= close_view(v); /* a new one is the last */
	}
	tell_left_out(left_out);
}
