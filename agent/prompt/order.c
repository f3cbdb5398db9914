/* Which way of asking comes first. */
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/prompt/asker.h"
#include "agent/prompt/process.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

/* In the order in which they are tried. */
static const struct asker *const askers[] = {
    &asker_askpass,
    &asker_notify,
    &asker_pinentry,
    &asker_terminal,
};

enum { ASKERS = sizeof(askers) / sizeof(askers[0]) };

/* What is to be tried, each way once. */
struct order {
	const struct asker *list[ASKERS];
	size_t n;
};

int question_time_left(const struct question *q)
{
	uint64_t now = clock_now();

	if (q->deadline == UINT64_MAX)
		return -1;
	if (now >= q->deadline)
		return 0;
	return q->deadline - now > INT_MAX ? INT_MAX : (int)(q->deadline - now);
}

static bool listed(const struct order *o, const struct asker *a)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->list[i] == a)
			return true;
	}
	return false;
}

static void add(struct order *o, struct bytes name)
{
	char shown[64];

	for (size_t i = 0; i < ASKERS; i++) {
		if (!bytes_is(name, askers[i]->name))
			continue;
		if (!listed(o, askers[i]))
			o->list[o->n++] = askers[i];
		return;
	}
	log_warn("SIGNET_PROMPT: there is no way to ask named \"%s\"; "
		 "known are askpass, notify, pinentry and terminal",
	    text_escape(name, shown, sizeof(shown)));
}

static void make_order(struct order *o)
{
	const char *names = getenv("SIGNET_PROMPT");

	if (names == NULL)
		names = "askpass notify pinentry terminal";
	for (;;) {
		size_t n;

		names += strspn(names, " \t,");
		n = strcspn(names, " \t,");
		if (n == 0)
			break;
		add(o, BYTES(names, n));
		names += n;
	}
}

static void move_to_front(struct order *o, const struct asker *a)
{
	size_t i = 0;

	while (i < o->n && o->list[i] != a)
		i++;
	if (i == o->n)
		return;
	memmove(o->list + 1, o->list, i * sizeof(o->list[0]));
	o->list[0] = a;
}

/* Withdrawn while the display was looked for, or another way tried. */
static bool is_void(const struct question *q)
{
	struct pollfd p = {.fd = q->cancel, .events = POLLIN | POLLRDHUP};

	return poll(&p, 1, 0) == 1;
}

void ask_in_order(const struct question *q, struct reply *reply)
{
	struct order o = {.n = 0};
	enum err worst = ERR_NO_PROMPT;

	if ((q->ask->flags & HELPER_ASK_PASSING) != 0)
		o = (struct order){.list = {&asker_notify}, .n = 1};
	else
		make_order(&o);
	if (q->ask->pid != 0 && process_is_remote((pid_t)q->ask->pid))
		move_to_front(&o, &asker_terminal);
	for (size_t i = 0; i < o.n; i++) {
		reply->result = is_void(q) ? ERR_CANCELLED : ERR_NO_PROMPT;
		if (reply->result == ERR_CANCELLED)
			return;
		if (o.list[i]->ask(q, reply))
			return;
		if (reply->result == ERR_NO_PROMPT)
			continue;
		log_warn("%s could not ask: %s", o.list[i]->name, err_text(reply->result));
		/* That one is missing says less than how another failed. */
		if (worst == ERR_NO_PROMPT || worst == ERR_ASKER)
			worst = reply->result;
	}
	reply->result = worst;
}
