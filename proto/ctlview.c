#include "proto/ctlview.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "proto/base/fdio.h"
#include "proto/base/text.h"
#include "proto/frame.h"

enum { PATIENCE_MS = 5000, ANSWER_MOST = 1 << 20, AGENTS_MOST = 64 };

int ctl_connect(const char *path)
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

enum err ctl_ask(int fd, uint8_t number, uint8_t wanted, struct blob *answer)
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
	if (e == ERR_OK && (answer->len == 0 || answer->data[0] != wanted))
		e = ERR_REPLY;
	return e;
}

/* "PATH (2 keys)", of a status answer: does it lie where wanted does? */
static bool is_there(struct bytes value, const struct stat *wanted)
{
	static const char end[] = " (";
	char path[PATH_MAX];
	struct stat st;
	size_t n = value.len;

	while (n > 0 && (n + 2 > value.len || memcmp(value.data + n, end, 2) != 0))
		n--;
	if (n == 0 || n >= sizeof(path) || memchr(value.data, 0, n) != NULL)
		return false;
	memcpy(path, value.data, n);
	path[n] = '\0';
	return stat(path, &st) == 0 && st.st_dev == wanted->st_dev && st.st_ino == wanted->st_ino;
}

/* Ask the agent at out->agent for its views. */
static bool ask_agent(const struct stat *wanted, struct ctl_view *out)
{
	static const char view[] = "view-";
	const size_t n = sizeof(view) - 1;
	char control[PATH_MAX + sizeof(CTL_SUFFIX)];
	struct blob answer = {0};
	struct reader r;
	struct bytes name, value;
	uint8_t number;
	bool found = false;
	int fd;

	(void)snprintf(control, sizeof(control), "%s" CTL_SUFFIX, out->agent);
	fd = ctl_connect(control);
	if (fd != -1 && ctl_ask(fd, CTL_STATUS, CTL_STATUS_ANSWER, &answer) == ERR_OK) {
		r = reader_of(blob_view(&answer));
		(void)reader_u8(&r, &number);
		while (!found && r.left != 0 && ctl_pair_read(&r, &name, &value) == ERR_OK) {
			found = name.len > n && memcmp(name.data, view, n) == 0 &&
				is_there(value, wanted);
			if (found)
				(void)text_escape(BYTES(name.data + n, name.len - n), out->name,
				    sizeof(out->name));
		}
	}
	blob_clear(&answer);
	fd_close(&fd);
	return found;
}

/* The agents whose control sockets lie in the directory of path. */
static bool ask_beside(const char *path, const struct stat *wanted, struct ctl_view *out)
{
	const size_t end = sizeof(CTL_SUFFIX) - 1;
	const char *slash = strrchr(path, '/');
	int dir = slash != NULL ? (int)(slash - path) + 1 : 2;
	const char *from = slash != NULL ? path : "./";
	unsigned asked = 0;
	bool found = false;
	const struct dirent *entry;
	char folder[PATH_MAX];
	DIR *d;

	if (snprintf(folder, sizeof(folder), "%.*s", dir, from) >= (int)sizeof(folder))
		return false;
	d = opendir(folder);
	while (d != NULL && !found && asked < AGENTS_MOST && (entry = readdir(d)) != NULL) {
		size_t n = strlen(entry->d_name);

		if (n <= end || strcmp(entry->d_name + n - end, CTL_SUFFIX) != 0 ||
		    snprintf(out->agent, sizeof(out->agent), "%s%.*s", folder, (int)(n - end),
			entry->d_name) >= (int)sizeof(out->agent))
			continue;
		asked++;
		found = ask_agent(wanted, out);
	}
	if (d != NULL)
		closedir(d);
	return found;
}

bool ctl_view_find(const char *path, struct ctl_view *out)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	if (ask_beside(path, &st, out))
		return true;
	return runtime != NULL && runtime[0] == '/' &&
	       snprintf(out->agent, sizeof(out->agent), "%s/signet/agent.sock", runtime) <
		   (int)sizeof(out->agent) &&
	       ask_agent(&st, out);
}
