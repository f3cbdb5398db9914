#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "tests/virtual/control.h"

enum { REPLY_MS = 10000, POLL_US = 10000 };

static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof address.sun_path) {
		fd_close(&fd);
		return -1;
	}
	strcpy(address.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
		fd_close(&fd);
	return fd;
}

/* Say one line, and read the line that comes back, without its end. */
static bool ask(int fd, const char *line, char reply[CONTROL_REPLY])
{
	size_t used = 0;

	if (fd_write_all(fd, bytes_str(line), REPLY_MS) != ERR_OK)
		return false;
	while (used < CONTROL_REPLY - 1 && fd_read_exact(fd, reply + used, 1, REPLY_MS) == ERR_OK) {
		if (reply[used] == '\n') {
			reply[used] = '\0';
			return true;
		}
		used++;
	}
	return false;
}

static int tell(const char *path, int n, char **words)
{
	char line[CONTROL_LINE] = "";
	char reply[CONTROL_REPLY];
	int fd = dial(path);
	bool ok = fd >= 0;

	for (int i = 0; i < n; i++) {
		if (strlen(line) + strlen(words[i]) + 2 >= sizeof line)
			return 2;
		strcat(line, words[i]);
		strcat(line, i + 1 < n ? " " : "\n");
	}
	ok = ok && ask(fd, line, reply);
	fd_close(&fd);
	if (!ok) {
		fprintf(stderr, "%s: no answer\n", path);
		return 1;
	}
	puts(reply);
	return strncmp(reply, "error:", 6) == 0;
}

/* The value of a name in a line of status, up to a space or its end; NULL: it is not there. */
static const char *find(const char *status, const char *name, size_t n)
{
	for (const char *at = status; at != NULL; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (strncmp(at, name, n) == 0 && at[n] == '=')
			return at + n + 1;
	}
	return NULL;
}

static bool holds(const char *status, const char *condition)
{
	const size_t n = strcspn(condition, "=>");
	const char *value = find(status, condition, n);
	size_t length;

	if (value == NULL)
		return false;
	length = strcspn(value, " ");
	if (condition[n] == '\0')
		return length == 3 && strncmp(value, "yes", 3) == 0;
	if (condition[n] == '>')
		return strtol(value, NULL, 10) >= strtol(condition + n + 2, NULL, 10);
	return strlen(condition + n + 1) == length &&
	       strncmp(condition + n + 1, value, length) == 0;
}

static int await(const char *path, int n, char **conditions)
{
	const uint64_t deadline = device_now() + (uint64_t)(strtod(conditions[n - 1], NULL) * 1000);
	char reply[CONTROL_REPLY] = "no answer";
	int fd = -1;

	do {
		int held = 0;

		if (fd < 0)
			fd = dial(path);
		if (fd >= 0 && !ask(fd, "status\n", reply))
			fd_close(&fd);
		while (fd >= 0 && held < n - 1 && holds(reply, conditions[held]))
			held++;
		if (held == n - 1) {
			fd_close(&fd);
			return 0;
		}
		usleep(POLL_US);
	} while (device_now() < deadline);
	fd_close(&fd);
	fprintf(stderr, "%s: still %s\n", path, reply);
	return 1;
}

bool control_client(int argc, char **argv, int *status)
{
	if (argc >= 4 && strcmp(argv[1], "--tell") == 0)
		*status = tell(argv[2], argc - 3, argv + 3);
	else if (argc >= 5 && strcmp(argv[1], "--await") == 0)
		*status = await(argv[2], argc - 3, argv + 3);
	else
		return false;
	return true;
}
