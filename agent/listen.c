#include "agent/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sockdir.h"
#include "proto/base/fdio.h"
#include "proto/ctlmsg.h"

enum {
	FIRST_ACTIVATED = 3,              /* sd_listen_fds(3) */
	MOST_ACTIVATED = 2 + LIMIT_VIEWS, /* agent, control, and views */
};

void socket_file_note(const char *path, struct socket_file *out)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		*out = (struct socket_file){st.st_dev, st.st_ino};
}

void socket_file_remove(const char *path, const struct socket_file *ours)
{
	struct stat st;

	if (path[0] != '\0' && lstat(path, &st) == 0 && st.st_dev == ours->device &&
	    st.st_ino == ours->number)
		(void)unlink(path);
}

/* The control socket is a convenience: without room for its path the agent runs without. */
static void open_control(struct sockets *s)
{
	int n =
	    snprintf(s->control_path, sizeof(s->control_path), "%s%s", s->agent_path, CTL_SUFFIX);

	if (n < 0 || (size_t)n >= sizeof(s->control_path)) {
		errno = ENAMETOOLONG;
	} else if (socket_bind(s->control_path, &s->control) == ERR_OK) {
		socket_file_note(s->control_path, &s->control_file);
		return;
	}
	fprintf(stderr,
	    "signet-agent: no control socket %s%s: %s; signet-add --status won't work\n",
	    s->agent_path, CTL_SUFFIX, strerror(errno));
	s->control_path[0] = '\0';
}

static enum err choose_path(const struct options *o, struct sockets *s)
{
	if (o->socket == NULL)
		return o->tmp_socket ? sockdir_tmp(s->directory, s->agent_path, SOCKET_PATH)
				     : sockdir_home(s->agent_path, SOCKET_PATH);
	if (strlen(o->socket) >= SOCKET_PATH) {
		fprintf(stderr, "signet-agent: the socket path %s is longer than %d bytes\n",
		    o->socket, SOCKET_PATH - 1);
		return ERR_TOO_LONG;
	}
	strcpy(s->agent_path, o->socket);
	return ERR_OK;
}

static enum err open_new(const struct options *o, struct sockets *s)
{
	enum err e = choose_path(o, s);

	if (e != ERR_OK)
		return e;
	e = socket_bind(s->agent_path, &s->agent);
	if (e != ERR_OK) {
		int why = errno;
		bool taken = why == EADDRINUSE && socket_alive(s->agent_path);

		errno = why;
		fprintf(stderr, "signet-agent: cannot listen on %s: %s%s\n", s->agent_path,
		    strerror(errno),
		    errno != EADDRINUSE ? ""
		    : taken             ? " (an agent answers there already)"
			    : " (it is no socket of yours: remove it, or give another path)");
		if (s->directory[0] != '\0')
			(void)rmdir(s->directory);
		return e;
	}
	socket_file_note(s->agent_path, &s->agent_file);
	open_control(s);
	return ERR_OK;
}

/* Decimal digits and nothing else, at most limit. */
static bool read_number(const char *text, unsigned long limit, unsigned *out)
{
	char *rest;
	unsigned long n;

	if (text[0] < '0' || text[0] > '9')
		return false;
	n = strtoul(text, &rest, 10);
	if (*rest != '\0' || n > limit)
		return false;
	*out = (unsigned)n;
	return true;
}

/* sd_listen_fds(3): descriptors meant for this process, and for no child of ours. */
static enum err activated_count(unsigned *out)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	unsigned meant = 0;
	enum err e = ERR_OK;

	if (pid == NULL || fds == NULL || !read_number(pid, INT_MAX, &meant) ||
	    meant != (unsigned)getpid()) {
		*out = 0;
	} else if (!read_number(fds, MOST_ACTIVATED, out)) {
		fprintf(stderr,
		    "signet-agent: LISTEN_FDS=%s is no number of sockets that the agent "
		    "can take (one, or up to %u that are named)\n",
		    fds, (unsigned)MOST_ACTIVATED);
		e = ERR_FORMAT;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	return e;
}

/* The i-th of the names that are separated by colons. */
static bool name_is(const char *names, unsigned i, const char *name)
{
	while (i-- != 0) {
		names = strchr(names, ':');
		if (names == NULL)
			return false;
		names++;
	}
	return strncmp(names, name, strlen(name)) == 0 &&
	       (names[strlen(name)] == ':' || names[strlen(name)] == '\0');
}

static bool option_is(int fd, int option, int wanted)
{
	int value = -1;
	socklen_t n = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 && value == wanted;
}

static bool is_usable(int fd)
{
	return option_is(fd, SO_DOMAIN, AF_UNIX) && option_is(fd, SO_TYPE, SOCK_STREAM) &&
	       option_is(fd, SO_ACCEPTCONN, 1);
}

static void path_of(int fd, char *path)
{
	struct sockaddr_un sa = {.sun_path = ""};
	socklen_t n = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &n) == 0 && sa.sun_family == AF_UNIX)
		(void)snprintf(
		    path, SOCKET_PATH, "%.*s", (int)sizeof(sa.sun_path) - 1, sa.sun_path);
}

static enum err adopt(int fd, int *place, char *path)
{
	if (*place >= 0 || !is_usable(fd) || fd_nonblock(fd) != ERR_OK)
		return ERR_FORMAT;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	*place = fd;
	path_of(fd, path);
	return ERR_OK;
}

/* The i-th of the names, if a view can be called so. */
static bool view_named(const char *names, unsigned i, char out[LIMIT_VIEW_NAME + 1])
{
	size_t n;

	while (i-- != 0 && names != NULL) {
		names = strchr(names, ':');
		names = names == NULL ? NULL : names + 1;
	}
	n = names == NULL ? 0 : strcspn(names, ":");
	if (n == 0 || n > LIMIT_VIEW_NAME)
		return false;
	memcpy(out, names, n);
	out[n] = '\0';
	return view_name_valid(out);
}

/* It is not known yet whether there is a view of this name: sockets_views_open sees to it. */
static enum err adopt_view(int fd, const char *name, struct sockets *s)
{
	struct view_socket v = {.fd = -1};
	enum err e;

	for (size_t i = 0; i < s->view_count; i++) {
		if (strcmp(s->views[i].name, name) == 0)
			return ERR_FORMAT;
	}
	if (s->view_count == LIMIT_VIEWS)
		return ERR_LIMIT;
	e = adopt(fd, &v.fd, v.path);
	(void)snprintf(v.name, sizeof(v.name), "%s", name);
	if (e == ERR_OK)
		s->views[s->view_count++] = v;
	return e;
}

/* One unnamed descriptor is the agent's socket; several are told apart by their names. */
static enum err open_activated(unsigned count, const char *names, struct sockets *s)
{
	s->activated = true;
	for (unsigned i = 0; i < count; i++) {
		int fd = FIRST_ACTIVATED + (int)i;
		char view[LIMIT_VIEW_NAME + 1];
		enum err e = ERR_FORMAT;

		if (names != NULL && name_is(names, i, "control"))
			e = adopt(fd, &s->control, s->control_path);
		else if (count == 1 || (names != NULL && name_is(names, i, "agent")))
			e = adopt(fd, &s->agent, s->agent_path);
		else if (view_named(names, i, view))
			e = adopt_view(fd, view, s);
		if (e != ERR_OK) {
			fprintf(stderr,
			    "signet-agent: descriptor %d from the service manager is not usable: "
			    "it must be a listening Unix stream socket, the only one or named "
			    "\"agent\", \"control\" or like a view, each once "
			    "(FileDescriptorName=)\n",
			    fd);
			return e;
		}
	}
	if (s->agent >= 0)
		return ERR_OK;
	fprintf(stderr, "signet-agent: the service manager gave no socket named \"agent\"\n");
	return ERR_FORMAT;
}

enum err sockets_open(const struct options *o, struct sockets *out)
{
	struct sockets s = {.agent = -1, .control = -1};
	const char *names = getenv("LISTEN_FDNAMES");
	unsigned activated = 0;
	enum err e = ERR_OK;

	if (o->foreground && o->socket == NULL && o->command == NULL)
		e = activated_count(&activated);
	if (e == ERR_OK)
		e = activated != 0 ? open_activated(activated, names, &s) : open_new(o, &s);
	unsetenv("LISTEN_FDNAMES");
	if (e == ERR_OK)
		*out = s;
	return e;
}

void sockets_keep(const struct sockets *s, int also)
{
	int keep[3 + LIMIT_VIEWS] = {s->agent, s->control, also};

	for (size_t i = 0; i < s->view_count; i++)
		keep[3 + i] = s->views[i].fd;
	fd_keep_only(keep, 3 + s->view_count);
}

void sockets_close(struct sockets *s)
{
	fd_close(&s->agent);
	fd_close(&s->control);
	for (size_t i = 0; i < s->view_count; i++)
		fd_close(&s->views[i].fd);
}

void sockets_remove(const struct sockets *s)
{
	for (size_t i = 0; i < s->view_count; i++) {
		if (s->views[i].made)
			socket_file_remove(s->views[i].path, &s->views[i].file);
	}
	if (s->activated)
		return;
	socket_file_remove(s->agent_path, &s->agent_file);
	socket_file_remove(s->control_path, &s->control_file);
	if (s->directory[0] != '\0')
		(void)rmdir(s->directory);
}
