#include "add/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "proto/builder.h"
#include "proto/limits.h"

/* Whatever would end or stop the program while the echo is off. */
static const int caught[] = {
    SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};

enum { CAUGHT = sizeof(caught) / sizeof(caught[0]) };

/* Written by the handler only: the last signal of caught[], 0 for none. */
static volatile sig_atomic_t arrived;

struct signals {
	struct sigaction before[CAUGHT];
	sigset_t mask; /* as it was; the signals are let in only while we wait */
};

static void note_signal(int number)
{
	arrived = number;
}

static void signals_catch(struct signals *s)
{
	struct sigaction action = {.sa_handler = note_signal};
	sigset_t block;

	arrived = 0;
	sigemptyset(&block);
	for (size_t i = 0; i < CAUGHT; i++)
		sigaddset(&block, caught[i]);
	sigprocmask(SIG_BLOCK, &block, &s->mask);
	for (size_t i = 0; i < CAUGHT; i++) {
		sigaction(caught[i], NULL, &s->before[i]);
		/* What is ignored stays ignored (nohup). */
		if (s->before[i].sa_handler != SIG_IGN)
			sigaction(caught[i], &action, NULL);
	}
}

static void signals_release(const struct signals *s)
{
	for (size_t i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &s->before[i], NULL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

static bool stops(int number)
{
	return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

static bool echo_off(int tty, struct termios *before)
{
	struct termios quiet;

	if (tcgetattr(tty, before) == -1)
		return false;
	quiet = *before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	return tcsetattr(tty, TCSAFLUSH, &quiet) == 0;
}

/* The line into out, without its end; ERR_CANCELLED also when a signal came. */
static enum err read_line(int tty, const sigset_t *mask, struct builder *out)
{
	for (;;) {
		struct pollfd watch = {.fd = tty, .events = POLLIN};
		ssize_t n;
		uint8_t byte;

		/* Signals are let in during ppoll alone, so none can slip in between the look and
		 * the wait. */
		if (ppoll(&watch, 1, NULL, mask) == -1 && errno != EINTR)
			return ERR_SYSTEM;
		if (arrived != 0)
			return ERR_CANCELLED;
		if (watch.revents == 0)
			continue;
		n = read(tty, &byte, 1);
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return builder_view(out).len != 0 ? ERR_OK : ERR_CANCELLED;
		if (byte == '\n' || byte == '\r')
			return ERR_OK;
		/* The rest of an overlong line is read and dropped. */
		if (builder_view(out).len <= LIMIT_PASSPHRASE)
			builder_u8(out, byte);
		mem_wipe(&byte, sizeof(byte));
	}
}

/* A signal ends the question; *number tells which, 0 for none. */
static enum err ask_once(int tty, const char *prompt, struct blob *answer, int *number)
{
	struct termios before;
	struct signals signals;
	struct builder line = {0};
	enum err e = ERR_NO_PROMPT;

	signals_catch(&signals);
	if (echo_off(tty, &before)) {
		fd_write_all(tty, bytes_str(prompt), -1);
		e = read_line(tty, &signals.mask, &line);
		fd_write_all(tty, bytes_str("\n"), -1);
		tcsetattr(tty, TCSAFLUSH, &before);
	}
	*number = arrived;
	signals_release(&signals);
	if (e == ERR_OK && builder_view(&line).len > LIMIT_PASSPHRASE)
		e = ERR_TOO_LONG;
	if (e == ERR_OK)
		e = builder_take(&line, answer);
	builder_clear(&line);
	return e;
}

/* In the background we stop as any program that reads the terminal does; false: nobody will bring
 * us back. */
static bool in_foreground(int tty)
{
	if (tcgetpgrp(tty) == getpgrp())
		return true;
	raise(SIGTTIN);
	return tcgetpgrp(tty) == getpgrp();
}

enum err terminal_ask(const char *prompt, struct blob *answer)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int number;
	enum err e;

	if (tty == -1)
		return ERR_NO_PROMPT;
	do {
		if (!in_foreground(tty)) {
			e = ERR_NO_PROMPT;
			break;
		}
		e = ask_once(tty, prompt, answer, &number);
		/* Now the signal may do what it came for. */
		if (number != 0)
			kill(getpid(), number);
	} while (stops(number));
	fd_close(&tty);
	return e;
}
