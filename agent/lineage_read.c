/* Reading /proc (proc(5)) for lineage.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/lineage.h"
#include "proto/base/fdio.h"
#include "proto/base/text.h"

/* musl has it from 1.2.5 on. */
#ifndef STATX_BASIC_STATS
#include <linux/stat.h>

static int statx(int dir, const char *path, int flags, unsigned mask, struct statx *got)
{
	return (int)syscall(SYS_statx, dir, path, flags, mask, got);
}
#endif

/* How far up an ssh daemon is looked for. */
enum { ANCESTORS_MOST = 64 };

/* What a walk needs of a process beside what is recorded. */
struct stat_line {
	long parent, group, session;
	unsigned long tty;
};

/* Programs that do another program's errand, by their files: a process gives itself any name. */
static const char *const errands[] = {"ssh", "scp", "sftp", "rsync", "git", "ssh-keygen", "ssh-add",
    "signet-add", "env", "nice", "nohup", "setsid", "stdbuf", "timeout", "xargs"};

static const char *const shells[] = {
    "sh", "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "tcsh", "zsh"};

static const char *const daemons[] = {"sshd", "sshd-session", "sshd-auth", "dropbear"};

#define LISTED(list, name) is_listed(list, sizeof(list) / sizeof((list)[0]), name)

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static bool is_listed(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

/* The first bytes of a file, NUL-terminated; -1 when it cannot be read. */
static ssize_t read_some(int dir, const char *name, char *out, size_t room)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && got < room - 1) {
		n = read(fd, out + got, room - 1 - got);
		if (n > 0)
			got += (size_t)n;
	}
	fd_close(&fd);
	out[got] = '\0';
	return n < 0 && got == 0 ? -1 : (ssize_t)got;
}

/* The name may hold anything, parentheses too, so the last one ends it. */
static bool read_stat(int dir, struct process *p, struct stat_line *s)
{
	char text[1024];
	char *name, *end;

	if (read_some(dir, "stat", text, sizeof(text)) <= 0)
		return false;
	name = strchr(text, '(');
	end = strrchr(text, ')');
	if (name == NULL || end == NULL || end < name)
		return false;
	text_escape(BYTES(name + 1, end - name - 1), p->name, sizeof(p->name));
	return sscanf(end + 1,
		   " %*c %ld %ld %ld %lu %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		   "%" SCNu64,
		   &s->parent, &s->group, &s->session, &s->tty, &p->started) == 5;
}

static bool read_uid(int dir, struct process *p)
{
	char text[2048];
	const char *line;
	unsigned uid;

	if (read_some(dir, "status", text, sizeof(text)) <= 0)
		return false;
	line = strstr(text, "\nUid:");
	if (line == NULL || sscanf(line, "\nUid: %u", &uid) != 1)
		return false;
	p->uid = uid;
	return true;
}

/*
 * May only root change what this is?  A file that hangs must not hold the supervisor up, and what
 * belongs to root is whose / is, also where the agent sees other users' numbers.
 */
static bool is_roots(int at, const char *path, unsigned forbidden, struct statx *got)
{
	const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
	struct statx top;

	return statx(AT_FDCWD, "/", flags, STATX_UID, &top) == 0 &&
	       statx(at, path, at == AT_FDCWD ? flags : AT_STATX_DONT_SYNC, STATX_BASIC_STATS,
		   got) == 0 &&
	       got->stx_uid == top.stx_uid && (got->stx_mode & forbidden) == 0;
}

/*
 * Is the program file at this path, as the agent sees it, and can only root have put it there?
 * From the top down, so that nothing below somebody's folder is touched.  In a store of packages
 * a sticky folder may be writable: what is root's there stays.  The path alone proves nothing, for
 * a process in a mount namespace of its own has what it likes below /usr.
 */
static bool is_settled(int dir, char *path)
{
	enum { OPEN = S_IWGRP | S_IWOTH };
	struct statx here, there;

	for (char *slash = path[0] == '/' ? strchr(path + 1, '/') : NULL; slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		bool last = strchr(slash + 1, '/') == NULL, roots;

		*slash = '\0';
		roots = is_roots(AT_FDCWD, path, 0, &here) &&
			((here.stx_mode & OPEN) == 0 || (!last && (here.stx_mode & S_ISVTX) != 0));
		*slash = '/';
		if (!roots)
			return false;
	}
	return path[0] == '/' && is_roots(AT_FDCWD, path, OPEN, &here) &&
	       is_roots(dir, "exe", OPEN, &there) && here.stx_ino == there.stx_ino &&
	       here.stx_dev_major == there.stx_dev_major &&
	       here.stx_dev_minor == there.stx_dev_minor;
}

static void read_exe(int dir, struct process *p)
{
	static const char deleted[] = " (deleted)";
	char path[PATH_MAX + 1], shown[PATH_MAX];
	ssize_t n = readlinkat(dir, "exe", path, PATH_MAX);
	size_t len = n < 0 ? 0 : (size_t)n, tail = sizeof(deleted) - 1;

	/* The program was replaced while it ran, as an upgrade does. */
	if (len > tail && memcmp(path + len - tail, deleted, tail) == 0)
		len -= tail;
	path[len] = '\0';
	p->settled = is_settled(dir, path);
	lineage_tail(
	    text_escape(BYTES(path, len), shown, sizeof(shown)), p->exe, sizeof(p->exe) - 1);
}

/* Through one descriptor of its folder, so that all is of the same process. */
static bool read_process(int dir, struct process *p, struct stat_line *s)
{
	*p = (struct process){0};
	*s = (struct stat_line){0};
	if (!read_stat(dir, p, s) || !read_uid(dir, p))
		return false;
	read_exe(dir, p);
	return true;
}

static int open_process(long pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%ld", pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* An argument that does not fit is left out whole. */
static void read_args(int dir, struct lineage *l)
{
	ssize_t n = read_some(dir, "cmdline", l->args, sizeof(l->args));

	while (n > 0 && l->args[n - 1] != '\0')
		n--;
	l->args_len = n < 0 ? 0 : (size_t)n;
}

/* Device numbers of terminals: the kernel's admin-guide/devices.txt. */
static void name_terminal(unsigned long device, struct lineage *l)
{
	unsigned from = major((dev_t)device), n = minor((dev_t)device);

	if (from >= 136 && from <= 143)
		snprintf(l->tty, sizeof(l->tty), "pts/%u", (from - 136) * 256 + n);
	else if (from == 4)
		snprintf(l->tty, sizeof(l->tty), n < 64 ? "tty%u" : "ttyS%u", n < 64 ? n : n - 64);
}

/* Long options of shells that take the next argument for their value. */
static const char *const valued[] = {"--init-command", "--init-file", "--rcfile"};

/* One argument of a shell, as far as it matters here. */
struct shell_option {
	bool is_one, command, interactive, valued;
};

static struct shell_option shell_option(const char *arg)
{
	size_t n = strlen(arg);
	struct shell_option o = {.is_one = n > 1 && (arg[0] == '-' || arg[0] == '+')};

	if (o.is_one && arg[1] == '-') {
		o.valued = LISTED(valued, arg);
		o.command = strncmp(arg, "--command", 9) == 0;
	} else if (o.is_one) {
		o.valued = strchr("oOC", arg[n - 1]) != NULL;
		o.command = arg[0] == '-' && strchr(arg, 'c') != NULL;
		o.interactive = strpbrk(arg, "is") != NULL;
	}
	return o;
}

/*
 * Does a shell with these arguments (len bytes, and a NUL behind them) run a command or a script,
 * and not what a person types?
 */
static bool runs_command(const char *args, size_t len)
{
	const char *end = args + len;
	bool interactive = false;

	/* The first is its own name. */
	for (args += strlen(args) + 1; args < end; args += strlen(args) + 1) {
		struct shell_option o = shell_option(args);

		interactive = interactive || o.interactive;
		if (o.command)
			return true;
		if (!o.is_one)
			return !interactive;
		if (o.valued)
			args += strlen(args) + 1;
		if (args >= end)
			break;
	}
	return false;
}

static bool shell_runs_command(int dir)
{
	char args[LINEAGE_ARGS + 1];
	ssize_t n = read_some(dir, "cmdline", args, sizeof(args));

	return n > 0 && runs_command(args, (size_t)n);
}

/*
 * Does the process run for the one above it?  By the file of its program alone, and where that
 * cannot be read it runs for itself.  A shell that was given a command or a script does, also where
 * an editor had it lead the session of a terminal; one at which a person types does not: it leads
 * such a session, or puts what it starts into a process group of its own.
 */
static bool is_helper(int dir, const struct process *p, const struct stat_line *s, long group_below)
{
	const char *program = base_name(p->exe);

	if (LISTED(errands, program) || strncmp(program, "git-", 4) == 0)
		return true;
	if (!LISTED(shells, program))
		return false;
	if (shell_runs_command(dir))
		return true;
	if (p->pid == s->session && s->tty != 0)
		return false;
	return group_below == 0 || group_below == s->group;
}

/* A walk up the tree. */
struct walk {
	struct lineage *out;
	bool recorded; /* up to the session leader: only daemons are of interest above it */
	uint64_t started_below;
	long group_below;
};

/* Take in one process, whose folder is dir; false ends the walk. */
static bool step(struct walk *w, int dir, struct process *p, const struct stat_line *s)
{
	struct lineage *l = w->out;
	/* Their files cannot be read, mostly: they were root's. */
	bool daemon = LISTED(daemons, p->name) || LISTED(daemons, base_name(p->exe));

	/* Its child is older: the parent died, and its number was given anew. */
	if (l->count != 0 && p->started > w->started_below)
		return false;
	p->helper = is_helper(dir, p, s, w->group_below);
	if (l->count == LINEAGE_MOST)
		w->recorded = true;
	if (!w->recorded)
		l->process[l->count++] = *p;
	if (p->pid == s->session && !p->helper)
		w->recorded = true;
	if (daemon && l->count > 1)
		l->remote = true;
	w->started_below = p->started;
	w->group_below = s->group;
	return !l->remote;
}

void lineage_read(pid_t pid, struct lineage *out)
{
	struct walk w = {.out = out};
	long next = pid;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < ANCESTORS_MOST && next > 0; i++) {
		struct process p;
		struct stat_line s;
		int dir = open_process(next);
		bool more = dir >= 0 && read_process(dir, &p, &s);

		if (more) {
			p.pid = (pid_t)next;
			if (i == 0) {
				read_args(dir, out);
				name_terminal(s.tty, out);
			}
			more = step(&w, dir, &p, &s);
			next = s.parent;
		}
		fd_close(&dir);
		if (!more)
			return;
	}
}
