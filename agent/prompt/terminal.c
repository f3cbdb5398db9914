#include "agent/prompt/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/text.h"

enum {
	/* Device numbers (Linux, Documentation/admin-guide/devices.txt). */
	MAJOR_CONSOLE = 4,
	CONSOLES = 64, /* /dev/tty1 to tty63; serial lines follow */
	MAJOR_PTS = 136,
	PTS_MAJORS = 8,
	PTS_EACH = 256,
	WRITE_MS = 2000,
	/* Milliseconds between two tries to get a terminal that another question has. */
	TRY_AGAIN = 100,
};

/* The name under which udev and devpts keep it. */
static enum err path_of(dev_t device, char *out, size_t room)
{
	unsigned major = major(device), minor = minor(device);

	if (major >= MAJOR_PTS && major < MAJOR_PTS + PTS_MAJORS)
		snprintf(out, room, "/dev/pts/%u", (major - MAJOR_PTS) * PTS_EACH + minor);
	else if (major == MAJOR_CONSOLE && minor > 0 && minor < CONSOLES)
		snprintf(out, room, "/dev/tty%u", minor);
	else if (major == MAJOR_CONSOLE && minor >= CONSOLES)
		snprintf(out, room, "/dev/ttyS%u", minor - CONSOLES);
	else
		return ERR_NO_PROMPT;
	return ERR_OK;
}

/* In line mode, with echo and the keys that interrupt: as a program finds it that never asked. */
static bool is_plain(const struct termios *mode)
{
	return (mode->c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG);
}

/* The client as it is now, if it is still the one that asked and waits in the foreground. */
static enum err read_client(pid_t pid, uint64_t started, struct process *out)
{
	struct process p;

	if (process_read(pid, &p) != ERR_OK || p.started != started || p.terminal == 0 ||
	    p.group != p.foreground)
		return ERR_NO_PROMPT;
	*out = p;
	return ERR_OK;
}

/* What was opened by name is the device that the client has, and the user's. */
static bool is_right_device(const struct terminal *t)
{
	struct stat st;

	return fstat(t->fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == t->client.terminal &&
	       st.st_uid == getuid() && isatty(t->fd);
}

/* The lock ends with the descriptor, however we end. */
static enum err wait_for_turn(const struct question *q, int fd)
{
	struct pollfd over = {.fd = q->cancel, .events = POLLIN | POLLRDHUP};

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int left = question_time_left(q);

		if (errno != EWOULDBLOCK && errno != EINTR)
			return ERR_NO_PROMPT;
		if (left == 0)
			return ERR_TIMEOUT;
		if (poll(&over, 1, left < 0 || left > TRY_AGAIN ? TRY_AGAIN : left) > 0)
			return ERR_CANCELLED;
	}
	return ERR_OK;
}

void terminal_pass_on(const struct terminal *t)
{
	(void)flock(t->fd, LOCK_UN);
}

enum err terminal_open(const struct question *q, struct terminal *out)
{
	const struct helper_ask *ask = q->ask;
	struct terminal t = {.fd = -1};
	struct process again;
	enum err e = ERR_NO_PROMPT;

	if (ask->pid == 0 || (ask->flags & HELPER_ASK_FORWARDED) != 0)
		return e;
	e = read_client((pid_t)ask->pid, ask->started, &t.client);
	if (e == ERR_OK && !process_shares_mounts(&t.client))
		e = ERR_NO_PROMPT;
	if (e == ERR_OK)
		e = path_of(t.client.terminal, t.path, sizeof(t.path));
	if (e != ERR_OK)
		return e;
	t.fd = open(t.path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (t.fd == -1)
		return ERR_NO_PROMPT;
	/* No lock on what is not the user's terminal. */
	e = is_right_device(&t) ? wait_for_turn(q, t.fd) : ERR_NO_PROMPT;
	/* Only now can nobody put another terminal under its name, or has a question of ours set
	 * it. */
	if (e == ERR_OK)
		e = read_client((pid_t)ask->pid, ask->started, &again);
	if (e == ERR_OK && (again.terminal != t.client.terminal || !is_right_device(&t) ||
			       tcgetattr(t.fd, &t.found) != 0 || !is_plain(&t.found)))
		e = ERR_NO_PROMPT;
	if (e != ERR_OK) {
		fd_close(&t.fd);
		return e;
	}
	t.set = t.found;
	*out = t;
	return ERR_OK;
}

enum err terminal_prepare(struct terminal *t, bool echo)
{
	struct termios mode = t->found;

	if (!echo)
		mode.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(t->fd, TCSAFLUSH, &mode) != 0 || tcgetattr(t->fd, &t->set) != 0)
		return ERR_SYSTEM;
	return ERR_OK;
}

static bool mode_is_ours(const struct terminal *t)
{
	struct termios now;

	return tcgetattr(t->fd, &now) == 0 && now.c_lflag == t->set.c_lflag &&
	       now.c_iflag == t->set.c_iflag && now.c_oflag == t->set.c_oflag;
}

bool terminal_is_ours(const struct terminal *t)
{
	struct process p;

	return mode_is_ours(t) && read_client(t->client.pid, t->client.started, &p) == ERR_OK &&
	       p.terminal == t->client.terminal;
}

void terminal_close(struct terminal *t)
{
	if (t->fd != -1 && t->set.c_lflag != t->found.c_lflag && mode_is_ours(t))
		(void)tcsetattr(t->fd, TCSADRAIN, &t->found);
	fd_close(&t->fd);
}

enum err terminal_write(const struct terminal *t, const char *text)
{
	bool translates = (t->set.c_oflag & OPOST) != 0 && (t->set.c_oflag & ONLCR) != 0;
	enum err e = ERR_OK;

	while (e == ERR_OK && *text != '\0') {
		size_t n = strcspn(text, "\n");
		/* The longest escape of one byte has four characters, of one character ten. */
		size_t room = n * 4 + 16;
		char *line = malloc(room);

		if (line == NULL)
			return ERR_MEMORY;
		text_escape(BYTES(text, n), line, room);
		e = fd_write_all(t->fd, bytes_str(line), WRITE_MS);
		free(line);
		text += n;
		if (e == ERR_OK && *text == '\n') {
			e = fd_write_all(t->fd, bytes_str(translates ? "\n" : "\r\n"), WRITE_MS);
			text++;
		}
	}
	return e;
}
