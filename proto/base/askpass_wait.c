/* Waiting for an askpass program, and ending it. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/askpass.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/mem.h"

enum {
	/* Bytes of output: above any answer that a caller takes (limits.h), with its line end. */
	OUTPUT_MOST = 2048,
	/* Milliseconds between SIGTERM and SIGKILL. */
	GRACE = 1000,
	/* Milliseconds between two looks at the program where the kernel has no pidfd_open. */
	LOOK_AGAIN = 50,
	/* Exit statuses from here on are no program's answer: shells end so when a command could
	   not be started, or was killed. */
	NO_ANSWER = 126,
};

/* What is being waited for. */
struct wait {
	struct askpass *a;
	int pidfd; /* -1: the kernel has none */
	int cancel;
	uint64_t deadline; /* clock_now(); UINT64_MAX: none */
	bool ended;        /* but not yet reaped, so that its number is nobody else's, */
	bool lost;         /* save by somebody else */
	int status;        /* it exited with this, once it has ended; -1: in another way */
	uint8_t *text;     /* OUTPUT_MOST + 1 bytes that wipe themselves */
	size_t len;
};

static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0U);
#else
	(void)pid;
	return -1;
#endif
}

/* Has it ended?  Somebody else having reaped it counts as that, too. */
static bool look(struct wait *w, int flags)
{
	siginfo_t info = {0};
	int got;

	if (w->ended)
		return true;
	do
		got = waitid(P_PID, (id_t)w->a->pid, &info, WEXITED | WNOWAIT | flags);
	while (got == -1 && errno == EINTR);
	w->lost = got == -1;
	w->ended = w->lost || info.si_pid != 0;
	w->status = got == 0 && info.si_code == CLD_EXITED ? info.si_status : -1;
	return w->ended;
}

static int poll_time(const struct wait *w, uint64_t deadline)
{
	uint64_t now = clock_now();
	uint64_t left = deadline > now ? deadline - now : 0;

	if (w->pidfd == -1 && left > LOOK_AGAIN)
		return LOOK_AGAIN;
	if (deadline == UINT64_MAX)
		return -1;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Take what is there; at its end, the pipe is closed. */
static enum err take_output(struct wait *w)
{
	while (w->a->output != -1) {
		ssize_t n = read(w->a->output, w->text + w->len, OUTPUT_MOST - w->len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n <= 0) {
			fd_close(&w->a->output);
			break;
		}
		w->len += (size_t)n;
		if (w->len == OUTPUT_MOST)
			return ERR_TOO_LONG;
	}
	return ERR_OK;
}

/* Until the program has ended (ERR_OK), or why it should be ended. */
static enum err wait_for_end(struct wait *w)
{
	while (!look(w, WNOHANG)) {
		struct pollfd fds[] = {
		    {.fd = w->cancel, .events = POLLIN | POLLRDHUP},
		    {.fd = w->a->output, .events = POLLIN},
		    {.fd = w->pidfd, .events = POLLIN},
		};
		int n = poll(fds, 3, poll_time(w, w->deadline));
		enum err e = ERR_OK;

		if (n == -1 && errno != EINTR)
			return ERR_SYSTEM;
		if (n > 0 && fds[0].revents != 0)
			return ERR_CANCELLED;
		if (n > 0 && fds[1].revents != 0)
			e = take_output(w);
		if (e != ERR_OK)
			return e;
		if (n == 0 && (w->pidfd != -1 || clock_now() >= w->deadline))
			return ERR_TIMEOUT;
	}
	return take_output(w);
}

/* The program with its children, where it leads a group of its own. */
static void signal_program(const struct wait *w, int number)
{
	pid_t pid = w->a->pid;

	if (!w->lost)
		kill(getpgid(pid) == pid ? -pid : pid, number);
}

/* What it has started goes with it: nothing of a question is left once it is decided. */
static void end_program(struct wait *w)
{
	uint64_t deadline = clock_now() + GRACE;

	if (!look(w, WNOHANG))
		signal_program(w, SIGTERM);
	while (!look(w, WNOHANG)) {
		struct pollfd p = {.fd = w->pidfd, .events = POLLIN};
		int n = poll(&p, 1, poll_time(w, deadline));

		if ((n == 0 && w->pidfd != -1) || clock_now() >= deadline)
			break;
	}
	signal_program(w, SIGKILL);
	while (waitpid(w->a->pid, NULL, 0) == -1 && errno == EINTR)
		;
}

/* The first line, up to a NUL if there is one. */
static struct bytes first_line(const struct wait *w)
{
	return BYTES(w->text, strcspn((const char *)w->text, "\r\n"));
}

static enum err verdict(const struct wait *w, struct blob *answer)
{
	struct bytes line = first_line(w);

	if (w->status == -1 || w->status >= NO_ANSWER)
		return ERR_ASKER_ENDED;
	if (w->status != 0)
		return ERR_DENIED;
	if (w->a->kind == ASKPASS_CONFIRM && line.len != 0 &&
	    (line.len != 3 || strncasecmp((const char *)line.data, "yes", 3) != 0))
		return ERR_DENIED;
	return answer != NULL ? blob_copy(answer, line) : ERR_OK;
}

enum err askpass_wait(struct askpass *a, int cancel, int timeout_ms, struct blob *answer)
{
	struct wait w = {
	    .a = a,
	    .pidfd = open_pidfd(a->pid),
	    .cancel = cancel,
	    .deadline = timeout_ms < 0 ? UINT64_MAX : clock_now() + (uint64_t)timeout_ms,
	    .text = mem_alloc(OUTPUT_MOST + 1),
	};
	enum err e = w.text != NULL ? wait_for_end(&w) : ERR_MEMORY;

	if (e == ERR_OK)
		e = verdict(&w, answer);
	end_program(&w);
	fd_close(&w.pidfd);
	fd_close(&a->output);
	a->pid = 0;
	mem_free(w.text);
	return e;
}
