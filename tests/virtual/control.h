/*
 * The socket by which tests command a virtual device, and the other end for shell tests.  A command
 * is a line, and so is every reply: "ok", what is asked for, or "error: ...".
 */
#ifndef SIGNET_TESTS_VIRTUAL_CONTROL_H
#define SIGNET_TESTS_VIRTUAL_CONTROL_H

#include <poll.h>

#include "proto/base/bytes.h"

enum { CONTROL_CLIENTS = 8, CONTROL_LINE = 256, CONTROL_REPLY = 512 };
enum { CONTROL_FDS = CONTROL_CLIENTS + 1 };

/* The words after a command's name (NULL: none).  reply (CONTROL_REPLY) is "ok" already; false: the
 * words make no sense. */
typedef bool control_fn(void *context, char *rest, char *reply);

struct control_command {
	const char *name;
	control_fn *run;
};

/* A test that is connected.  fd is -1 in an empty place. */
struct control_client {
	int fd;
	size_t used;
	char line[CONTROL_LINE];
};

struct control {
	const struct control_command *commands;
	size_t n_commands;
	void *context; /* handed to every command */
	int listener;
	struct control_client clients[CONTROL_CLIENTS];
};

/* Milliseconds of a clock that only goes forward. */
uint64_t device_now(void);

/* Words of commands; false for what is none. */
bool control_number(const char *text, unsigned *out);
bool control_switch(const char *text, bool *on); /* on, off */

/* Bind the socket; says on standard error what is wrong, and returns false. */
bool control_start(struct control *c, const char *path);
void control_end(struct control *c);

/* Fill fds (CONTROL_FDS) for poll; after it, serve what is ready. */
size_t control_poll(const struct control *c, struct pollfd *fds);
void control_serve(struct control *c, const struct pollfd *fds, size_t n);

/*
 * The other end, as the first arguments of a device's program:
 *
 *	--tell SOCKET WORD...                  say it, print the reply; 1 when that is an error
 *	--await SOCKET CONDITION... SECONDS    until each holds of `status`; 1 when it does not in
 *time
 *
 * A condition is NAME=VALUE or NAME>=NUMBER; "waiting" is short for waiting=yes.
 * False when the arguments are neither; else *status is what to exit with.
 */
bool control_client(int argc, char **argv, int *status);

#endif
