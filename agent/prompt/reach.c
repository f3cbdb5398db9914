#include "agent/prompt/reach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/base/fdio.h"

enum {
	PATH_ROOM = sizeof(((struct sockaddr_un *)0)->sun_path),
	/* Display N of an X server on TCP listens at this and N (X Window System Protocol). */
	X_PORT = 6000,
	X_NUMBER_MOST = 59535,
	/* For this machine to refuse a connection over TCP, in milliseconds. */
	PATIENCE = 200,
};

/* An errno that says that nobody is there; a full queue does not. */
static bool means_nobody(int why)
{
	return why == ECONNREFUSED || why == ENOENT || why == ENOTDIR || why == EACCES ||
	       why == ENOTSOCK || why == EPROTOTYPE;
}

/* What became of a connection that was begun. */
static int outcome(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int why = 0;
	socklen_t n = sizeof(why);

	if (poll(&p, 1, PATIENCE) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) == 0)
		return why;
	return 0;
}

static bool takes(int family, const struct sockaddr *address, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int why = fd == -1 || connect(fd, address, len) == -1 ? errno : 0;

	if (fd != -1 && why == EINPROGRESS)
		why = outcome(fd);
	fd_close(&fd);
	return !means_nobody(why);
}

/* abstract: the name is none of a file. */
static bool takes_local(const char *path, bool abstract)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t n = strlen(path);

	if (n + 1 >= PATH_ROOM)
		return false;
	memcpy(sa.sun_path + abstract, path, n);
	return takes(AF_UNIX, (const struct sockaddr *)&sa,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1));
}

bool reach_socket(const char *path)
{
	return takes_local(path, false);
}

static bool takes_wayland(const char *name, const char *folder)
{
	char path[PATH_ROOM];
	int n = name[0] == '/' ? snprintf(path, sizeof(path), "%s", name)
			       : snprintf(path, sizeof(path), "%s/%s",
				     folder != NULL ? folder : "/nonexistent", name);

	return n > 0 && (size_t)n < sizeof(path) && reach_socket(path);
}

/* A display that ssh forwards, whose login may be over. */
static bool takes_loopback(unsigned long number)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};

	sa.sin_port = htons((uint16_t)(X_PORT + number));
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return takes(AF_INET, (const struct sockaddr *)&sa, sizeof(sa));
}

static bool takes_x(const char *name)
{
	const char *colon = strrchr(name, ':');
	size_t host = colon != NULL ? (size_t)(colon - name) : 0;
	unsigned long number = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
	char path[64];

	if (colon == NULL)
		return false;
	if (host == 0 || (host == 4 && memcmp(name, "unix", 4) == 0)) {
		snprintf(path, sizeof(path), "/tmp/.X11-unix/X%lu", number);
		return takes_local(path, false) || takes_local(path, true);
	}
	if ((host == 9 && memcmp(name, "localhost", 9) == 0) ||
	    (host == 9 && memcmp(name, "127.0.0.1", 9) == 0))
		return number <= X_NUMBER_MOST && takes_loopback(number);
	return true;
}

bool reach_display(const char *wayland, const char *x, const char *folder)
{
	if (wayland != NULL && wayland[0] != '\0' && takes_wayland(wayland, folder))
		return true;
	return x != NULL && x[0] != '\0' && takes_x(x);
}
