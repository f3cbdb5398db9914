#include "proto/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/fdio.h"

/* Descriptors that one program is given at most, and the highest number of one in the child. */
enum { MOST_FDS = 16, MOST_NUMBER = 63 };

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/*
 * What the child needs, made ready before the fork: after it only
 * async-signal-safe calls are allowed, and the result of the exec is told
 * through a pipe that the exec itself closes.
 */
struct plan {
	const struct spawn_args *args;
	struct spawn_fd fds[MOST_FDS + 3]; /* args->fds, and /dev/null for 0, 1, 2 not among them */
	size_t nfds;
	int floor;     /* above every number that the child is to have */
	int open_most; /* no descriptor has a higher number, for kernels without close_range */
	pid_t parent;
	int report; /* the pipe's writing end */
};

/* In the child: tell the parent why, and end. */
static void give_up(const struct plan *p)
{
	int why = errno;
	ssize_t n;

	do
		n = write(p->report, &why, sizeof(why));
	while (n == -1 && errno == EINTR);
	_exit(127);
}

static void reset_signals(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* SIGKILL, SIGSTOP and the C library's own two refuse, rightly. */
	for (int i = 1; i < NSIG; i++)
		sigaction(i, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Let the exec close every descriptor there is now. */
static void mark_all_cloexec(const struct plan *p)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 0U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
#endif
	for (int fd = 0; fd < p->open_most; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/*
 * Sources are first copied above every number that the child is to have, so
 * that giving one descriptor its number cannot overwrite the next one's source.
 * Only dup2 leaves a descriptor open across exec.
 */
static void arrange_descriptors(struct plan *p)
{
	int report = fcntl(p->report, F_DUPFD_CLOEXEC, p->floor);

	if (report == -1)
		give_up(p);
	p->report = report;
	for (size_t i = 0; i < p->nfds; i++) {
		struct spawn_fd *fd = &p->fds[i];

		if (fd->from == -1)
			fd->from = open("/dev/null", O_RDWR | O_CLOEXEC);
		fd->from = fcntl(fd->from, F_DUPFD_CLOEXEC, p->floor);
		if (fd->from == -1)
			give_up(p);
	}
	mark_all_cloexec(p);
	for (size_t i = 0; i < p->nfds; i++) {
		if (dup2(p->fds[i].from, p->fds[i].to) == -1)
			give_up(p);
	}
}

static void __attribute__((noreturn)) run_child(struct plan *p)
{
	static const struct rlimit none = {0, 0};

	if (p->args->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
			give_up(p);
		/* It may have ended before it could be watched. */
		if (getppid() != p->parent)
			_exit(127);
	}
	if (p->args->new_session && setsid() == -1)
		give_up(p);
	if (setrlimit(RLIMIT_CORE, &none) == -1)
		give_up(p);
	arrange_descriptors(p);
	reset_signals();
	execve(p->args->path, (char *const *)(uintptr_t)p->args->argv,
	    (char *const *)(uintptr_t)p->args->env);
	give_up(p);
	_exit(127);
}

static bool planned(const struct plan *p, int to)
{
	for (size_t i = 0; i < p->nfds; i++) {
		if (p->fds[i].to == to)
			return true;
	}
	return false;
}

static enum err plan_make(const struct spawn_args *args, struct plan *p)
{
	struct rlimit files;

	if (args->path[0] != '/') {
		errno = EINVAL;
		return ERR_SYSTEM;
	}
	if (args->nfds > MOST_FDS)
		return ERR_LIMIT;
	*p = (struct plan){.args = args, .floor = 3, .parent = getpid(), .report = -1};
	for (size_t i = 0; i < args->nfds; i++) {
		if (args->fds[i].to < 0 || args->fds[i].to > MOST_NUMBER)
			return ERR_LIMIT;
		p->fds[p->nfds++] = args->fds[i];
		if (args->fds[i].to >= p->floor)
			p->floor = args->fds[i].to + 1;
	}
	for (int to = 0; to <= 2; to++) {
		if (!planned(p, to))
			p->fds[p->nfds++] = (struct spawn_fd){-1, to};
	}
	p->open_most = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 1 << 20
			   ? (int)files.rlim_cur
			   : 1 << 20;
	return ERR_OK;
}

/* Wait for the exec: 0 when it went well, else the child's errno. */
static int exec_result(int pipe_end)
{
	int why = 0;
	ssize_t n;

	do
		n = read(pipe_end, &why, sizeof(why));
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)sizeof(why) ? why : 0;
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}

/* fork with every signal held back, so that no handler of ours runs in the child. */
static pid_t fork_quietly(struct plan *p)
{
	sigset_t all, before;
	pid_t pid;
	int saved;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		run_child(p);
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return pid;
}

enum err spawn(const struct spawn_args *args, pid_t *pid)
{
	struct plan plan;
	int ends[2];
	pid_t child;
	int why;
	enum err e = plan_make(args, &plan);

	if (e != ERR_OK)
		return e;
	if (pipe2(ends, O_CLOEXEC) == -1)
		return ERR_SYSTEM;
	plan.report = ends[1];
	child = fork_quietly(&plan);
	why = child == -1 ? errno : 0;
	fd_close(&ends[1]);
	if (child != -1)
		why = exec_result(ends[0]);
	fd_close(&ends[0]);
	if (why != 0) {
		if (child != -1)
			reap(child);
		errno = why;
		return ERR_SYSTEM;
	}
	*pid = child;
	return ERR_OK;
}
