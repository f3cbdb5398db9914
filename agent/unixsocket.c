#include "agent/unixsocket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/fdio.h"

enum { BACKLOG = 128 };

static enum err address_of(const char *path, struct sockaddr_un *sa)
{
	size_t n = strlen(path);

	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n >= sizeof(sa->sun_path)) {
		errno = ENAMETOOLONG;
		return ERR_TOO_LONG;
	}
	memcpy(sa->sun_path, path, n + 1);
	return ERR_OK;
}

bool socket_alive(const char *path)
{
	struct sockaddr_un sa;
	int fd, result, why;

	if (address_of(path, &sa) != ERR_OK)
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true; /* not known: then nothing may be removed */
	result = connect(fd, (const struct sockaddr *)&sa, sizeof(sa));
	why = errno;
	fd_close(&fd);
	return result == 0 || (why != ECONNREFUSED && why != ENOENT);
}

/* A socket that is there and that nobody answers on. */
static bool is_dead_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == getuid() &&
	       !socket_alive(path);
}

static int bind_once(int fd, const struct sockaddr_un *sa)
{
	mode_t before = umask(0177);
	int result = bind(fd, (const struct sockaddr *)sa, sizeof(*sa));

	umask(before);
	return result;
}

enum err socket_bind(const char *path, int *out)
{
	struct sockaddr_un sa;
	enum err e = address_of(path, &sa);
	int fd, result;

	if (e != ERR_OK)
		return e;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_SYSTEM;
	result = bind_once(fd, &sa);
	if (result != 0 && errno == EADDRINUSE) {
		if (is_dead_socket(path) && unlink(path) == 0)
			result = bind_once(fd, &sa);
		else
			errno = EADDRINUSE;
	}
	if (result != 0 || listen(fd, BACKLOG) != 0) {
		int why = errno;

		fd_close(&fd);
		errno = why;
		return ERR_SYSTEM;
	}
	*out = fd;
	return ERR_OK;
}
