/* Asking at the terminal of the client itself. */
#include <errno.h>
#include <poll.h>
#include <strings.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/prompt/asker.h"
#include "agent/prompt/terminal.h"
#include "proto/base/askpass.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/limits.h"

enum {
	/* Above any answer, with its line end. */
	LINE_ROOM = LIMIT_PASSPHRASE + 2,
	/* Milliseconds between two looks whether the client still waits for us. */
	LOOK_AGAIN = 500,
};

static const char *const last_lines[] = {
    [ASKPASS_SECRET] = "Passphrase or PIN (it is not shown): ",
    [ASKPASS_CONFIRM] = "Type \"yes\" to allow, anything else to refuse: ",
    [ASKPASS_NOTICE] = "",
};

static enum err write_question(const struct terminal *t, const struct question *q)
{
	const char *const parts[] = {"\n", q->title, "\n", q->text, "\n", last_lines[q->ask->kind]};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof(parts) / sizeof(parts[0]); i++)
		e = terminal_write(t, parts[i]);
	return e;
}

/* Milliseconds to sleep: until the deadline, but not long. */
static int nap(const struct question *q)
{
	int left = question_time_left(q);

	return left < 0 || left > LOOK_AGAIN ? LOOK_AGAIN : left;
}

/* One line that was typed, without its end.  End of file, and a terminal that went away, are
 * nobody's answer. */
static enum err read_line(const struct terminal *t, uint8_t *line, struct bytes *out)
{
	ssize_t n = read(t->fd, line, LINE_ROOM);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return ERR_LIMIT;
	if (n <= 0)
		return ERR_TERMINAL;
	if (line[n - 1] != '\n')
		return n == LINE_ROOM ? ERR_TOO_LONG : ERR_DENIED;
	*out = BYTES(line, (size_t)n - 1);
	return ERR_OK;
}

/* Until there is a line, or it is over. */
static enum err wait_for_line(
    const struct terminal *t, const struct question *q, uint8_t *line, struct bytes *out)
{
	bool notice = q->ask->kind == ASKPASS_NOTICE;

	for (;;) {
		struct pollfd fds[] = {
		    {.fd = q->cancel, .events = POLLIN | POLLRDHUP},
		    {.fd = notice ? -1 : t->fd, .events = POLLIN},
		};
		int n = poll(fds, 2, nap(q));
		enum err e;

		if (n == -1 && errno != EINTR)
			return ERR_SYSTEM;
		if (n > 0 && fds[0].revents != 0)
			return ERR_CANCELLED;
		if (question_time_left(q) == 0)
			return ERR_TIMEOUT;
		/* Put in the background, or the terminal is read by somebody else now. */
		if (!notice && !terminal_is_ours(t))
			return ERR_TERMINAL;
		if (n <= 0)
			continue;
		e = read_line(t, line, out);
		if (e != ERR_LIMIT)
			return e;
	}
}

static enum err judge(const struct question *q, struct bytes line, struct blob *answer)
{
	if (q->ask->kind == ASKPASS_SECRET)
		return line.len <= LIMIT_PASSPHRASE ? blob_copy(answer, line) : ERR_TOO_LONG;
	return line.len == 3 && strncasecmp((const char *)line.data, "yes", 3) == 0 ? ERR_OK
										    : ERR_DENIED;
}

/* The person should not be left before a question that nobody waits for any more. */
static void say_last_word(const struct terminal *t, const struct question *q, enum err result)
{
	bool typed = result == ERR_OK || result == ERR_DENIED;

	if (!terminal_is_ours(t) || q->ask->kind == ASKPASS_NOTICE)
		return;
	if (typed && q->ask->kind == ASKPASS_SECRET)
		(void)terminal_write(t, "\n"); /* their line end was not shown */
	else if (result == ERR_TIMEOUT)
		(void)terminal_write(t, "\nSignet: nobody answered in time; refused.\n");
	else if (result == ERR_CANCELLED)
		(void)terminal_write(t, "\nSignet: the question was withdrawn.\n");
}

static bool ask(const struct question *q, struct reply *reply)
{
	struct terminal t = {.fd = -1};
	uint8_t *line = mem_alloc(LINE_ROOM);
	struct bytes typed;
	bool asked = false;
	enum err e = line == NULL ? ERR_MEMORY : terminal_open(q, &t);

	/* Over while it stood in line: there is no time left for another way. */
	asked = e == ERR_CANCELLED || e == ERR_TIMEOUT;
	if (e != ERR_OK)
		goto out;
	/* Our end must leave the terminal as it was; the core's end is seen through the socket. */
	(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	asked = true;
	e = q->ask->kind == ASKPASS_NOTICE ? ERR_OK
					   : terminal_prepare(&t, q->ask->kind != ASKPASS_SECRET);
	if (e == ERR_OK)
		e = write_question(&t, q);
	/* It takes no answer away from anybody, and may stand there for long. */
	if (q->ask->kind == ASKPASS_NOTICE)
		terminal_pass_on(&t);
	if (e == ERR_OK)
		e = wait_for_line(&t, q, line, &typed);
	if (e == ERR_OK)
		e = judge(q, typed, &reply->answer);
	say_last_word(&t, q, e);
	terminal_close(&t);
out:
	mem_free(line);
	reply->result = e;
	return asked;
}

const struct asker asker_terminal = {"terminal", ask};
