#include "tests/virtual/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/fdio.h"

uint64_t device_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool control_number(const char *text, unsigned *out)
{
	char *end;
	unsigned long n;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	n = strtoul(text, &end, 10);
	*out = (unsigned)n;
	return *end == '\0' && n <= UINT32_MAX;
}

bool control_switch(const char *text, bool *on)
{
	*on = text != NULL && strcmp(text, "on") == 0;
	return *on || (text != NULL && strcmp(text, "off") == 0);
}

bool control_start(struct control *c, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	c->listener = -1;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i].fd = -1;
	if (strlen(path) >= sizeof address.sun_path) {
		fprintf(stderr, "%s: too long for a socket's path\n", path);
		return false;
	}
	strcpy(address.sun_path, path);
	(void)unlink(path);
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->listener < 0 ||
	    bind(c->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(c->listener, CONTROL_CLIENTS) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

void control_end(struct control *c)
{
	fd_close(&c->listener);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		fd_close(&c->clients[i].fd);
}

static void run_line(struct control *c, int fd, char *line)
{
	char reply[CONTROL_REPLY] = "ok";
	char *rest = line;
	const char *name = strsep(&rest, " ");
	const char *wrong = "no such command";

	for (size_t i = 0; i < c->n_commands; i++)
		if (strcmp(c->commands[i].name, name) == 0)
			wrong =
			    c->commands[i].run(c->context, rest, reply) ? NULL : "not understood";
	if (wrong != NULL)
		snprintf(reply, sizeof reply, "error: %s: %s", name, wrong);
	strcat(reply, "\n");
	(void)send(fd, reply, strlen(reply), MSG_NOSIGNAL);
}

size_t control_poll(const struct control *c, struct pollfd *fds)
{
	size_t n = 0;

	fds[n++] = (struct pollfd){.fd = c->listener, .events = POLLIN};
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		fds[n++] = (struct pollfd){.fd = c->clients[i].fd, .events = POLLIN};
	return n;
}

static void take_client(struct control *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < CONTROL_CLIENTS; i++) {
		if (c->clients[i].fd >= 0)
			continue;
		c->clients[i].fd = fd;
		c->clients[i].used = 0;
		return;
	}
	fd_close(&fd);
}

static void read_client(struct control *owner, struct control_client *c)
{
	char *end;
	const ssize_t n = read(c->fd, c->line + c->used, sizeof c->line - 1 - c->used);

	if (n <= 0) {
		fd_close(&c->fd);
		return;
	}
	c->used += (size_t)n;
	c->line[c->used] = '\0';
	while ((end = strchr(c->line, '\n')) != NULL) {
		*end = '\0';
		run_line(owner, c->fd, c->line);
		c->used -= (size_t)(end + 1 - c->line);
		memmove(c->line, end + 1, c->used + 1);
	}
	if (c->used == sizeof c->line - 1)
		fd_close(&c->fd);
}

void control_serve(struct control *c, const struct pollfd *fds, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (c->clients[i - 1].fd >= 0 && fds[i].fd == c->clients[i - 1].fd &&
		    fds[i].revents != 0)
			read_client(c, &c->clients[i - 1]);
	if (n > 0 && (fds[0].revents & POLLIN) != 0)
		take_client(c);
}
