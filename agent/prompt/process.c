#include "agent/prompt/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "proto/base/fdio.h"

enum {
	/* Generations looked at on the way up to a login. */
	MOST_ANCESTORS = 64,
	STAT_ROOM = 1024,
	STATUS_ROOM = 8192,
	ENVIRONMENT_MOST = 256 * 1024,
};

/* A file below /proc/PID into out, NUL-terminated. */
static enum err read_proc(pid_t pid, const char *name, char *out, size_t room)
{
	char path[64];
	size_t len = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return ERR_NOT_FOUND;
	while (len < room - 1 && (n = read(fd, out + len, room - 1 - len)) > 0)
		len += (size_t)n;
	fd_close(&fd);
	out[len] = '\0';
	return n >= 0 && len != 0 ? ERR_OK : ERR_NOT_FOUND;
}

/* The kernel's form of a device number in this file. */
static dev_t device_of(unsigned nr)
{
	return makedev((nr >> 8) & 0xfff, (nr & 0xff) | ((nr >> 12) & 0xfff00));
}

enum err process_read(pid_t pid, struct process *out)
{
	struct process p = {.pid = pid};
	char line[STAT_ROOM];
	char state;
	int terminal;
	unsigned long long started;
	char *open, *close;
	enum err e = read_proc(pid, "stat", line, sizeof(line));

	if (e != ERR_OK)
		return e;
	/* The name may hold anything, parentheses and spaces included. */
	open = strchr(line, '(');
	close = strrchr(line, ')');
	if (open == NULL || close == NULL || close < open)
		return ERR_FORMAT;
	snprintf(p.name, sizeof(p.name), "%.*s", (int)(close - open - 1), open + 1);
	if (sscanf(close + 1,
		" %c %d %d %d %d %d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		&state, &p.parent, &p.group, &p.session, &terminal, &p.foreground, &started) != 7)
		return ERR_FORMAT;
	if (state == 'Z' || state == 'X')
		return ERR_NOT_FOUND;
	p.terminal = device_of((unsigned)terminal);
	p.started = started;
	*out = p;
	return ERR_OK;
}

static bool runs_as_root(pid_t pid)
{
	char status[STATUS_ROOM];
	unsigned real, effective;
	char *line;

	if (read_proc(pid, "status", status, sizeof(status)) != ERR_OK)
		return false;
	line = strstr(status, "\nUid:");
	return line != NULL && sscanf(line, "\nUid: %u %u", &real, &effective) == 2 && real == 0 &&
	       effective == 0;
}

/*
 * A server that lets people in from elsewhere.  What runs as root has its name from root; what runs
 * as the user (a mosh or tmux server) could be started by any client, or be named like one.
 */
static bool is_login_server(const struct process *p)
{
	static const char *const servers[] = {"sshd", "sshd-session", "dropbear"};

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		if (strcmp(p->name, servers[i]) == 0)
			return runs_as_root(p->pid);
	}
	return false;
}

bool process_is_remote(pid_t pid)
{
	struct process p;
	dev_t terminal, login;

	if (process_read(pid, &p) != ERR_OK || p.terminal == 0)
		return false;
	terminal = login = p.terminal;
	for (int i = 0; i < MOST_ANCESTORS && p.parent > 1; i++) {
		if (process_read(p.parent, &p) != ERR_OK)
			return false;
		/* One that a client has made for itself below the login's is not the person's. */
		if (is_login_server(&p))
			return login == terminal;
		if (p.terminal != 0)
			login = p.terminal;
	}
	return false;
}

/* Its mount namespace; false when it is not ours to see. */
static bool mounts_of(const char *process, struct stat *st)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	return stat(path, st) == 0;
}

bool process_shares_mounts(const struct process *p)
{
	/* Whose terminal it is, is said by the leader of its session, who took it. */
	const pid_t whom[] = {p->session, p->pid};
	struct stat ours, theirs;

	if (!mounts_of("self", &ours))
		return false;
	for (size_t i = 0; i < sizeof(whom) / sizeof(whom[0]); i++) {
		char number[32];

		snprintf(number, sizeof(number), "%ld", (long)whom[i]);
		if (whom[i] > 0 && mounts_of(number, &theirs))
			return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
	}
	return false;
}

/* The value in NAME=VALUE NUL NAME=VALUE NUL ...; NULL when it is not there, or cut off. */
static const char *find_variable(struct bytes environment, const char *name)
{
	size_t len = strlen(name);

	while (environment.len != 0) {
		const char *entry = (const char *)environment.data;
		size_t n = strnlen(entry, environment.len);

		if (n == environment.len)
			return NULL;
		if (n > len && memcmp(entry, name, len) == 0 && entry[len] == '=')
			return entry + len + 1;
		environment = BYTES(entry + n + 1, environment.len - n - 1);
	}
	return NULL;
}

enum err process_variable(pid_t pid, const char *name, char *out, size_t room)
{
	struct blob environment = {0};
	char path[64];
	const char *value = NULL;
	enum err e;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/environ", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return ERR_NOT_FOUND;
	e = fd_read_file(fd, ENVIRONMENT_MOST, &environment);
	fd_close(&fd);
	if (e == ERR_OK)
		value = find_variable(blob_view(&environment), name);
	if (value == NULL || strlen(value) >= room)
		e = ERR_NOT_FOUND;
	else
		strcpy(out, value);
	blob_clear(&environment);
	return e;
}
