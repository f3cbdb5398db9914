#include "agent/notice.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/text.h"

enum {
	SHOWN_SECONDS = 10,
	PAUSE_MS = 5000,
	LONG_PAUSE_MS = 60000, /* without a desktop, and between those that another host causes */
};

static const char title[] = "Signet: signature refused";

static void show_next(struct notices *ns);

static void put(struct builder *b, const char *text)
{
	builder_put(b, bytes_str(text));
}

static void put_client(struct builder *b, const struct entry *e)
{
	char number[32], name[DECISION_PROGRAM + 2];

	if (e->pid == 0)
		return;
	put(b, "Asked by ");
	if (e->program[0] == '\0' || strcmp(e->program, DECISION_GONE) == 0)
		put(b, "a program");
	else
		put(b, text_word(bytes_str(e->program), name, sizeof(name)));
	snprintf(number, sizeof(number), " (%ld)", (long)e->pid);
	put(b, number);
	if (e->forwarded)
		put(b, ", over a forwarded connection");
	if (e->through[0] != '\0') {
		put(b, " through ");
		put(b, e->through);
	}
	put(b, "\n");
}

void notice_build(struct builder *b, const struct entry *e, uint64_t others)
{
	char count[64];

	put(b, "Key: ");
	put(b, e->comment[0] != '\0' ? e->comment : e->print[0] != '\0' ? e->print : "unknown");
	put(b, "\n");
	if (e->destination[0] != '\0') {
		put(b, "For: ");
		put(b, e->destination);
		put(b, "\n");
	}
	put_client(b, e);
	put(b, "Reason: ");
	put(b, err_text((enum err)e->why));
	if (others != 0) {
		snprintf(
		    count, sizeof(count), "\nand %" PRIu64 " more: see signet-add --log", others);
		put(b, count);
	}
}

static void again(struct timer *t)
{
	show_next((struct notices *)(void *)((char *)t - offsetof(struct notices, again)));
}

static void shown(void *ctx, enum err result, struct bytes answer)
{
	struct notices *ns = ctx;

	(void)answer;
	ns->open = NULL;
	/* Looking for a desktop costs more than the refusal did; a locked screen is unlocked. */
	if (result != ERR_OK) {
		ns->blind_until = result == ERR_SCREEN ? 0 : clock_now() + LONG_PAUSE_MS;
		ns->waiting.number = 0;
		ns->others = 0;
	}
	show_next(ns);
}

static void show(struct notices *ns)
{
	struct builder text = {0};
	struct helper_ask ask = {
	    .kind = ASKPASS_NOTICE,
	    .title = bytes_str(title),
	    .flags = HELPER_ASK_PASSING,
	    .timeout = SHOWN_SECONDS,
	};

	notice_build(&text, &ns->waiting, ns->others);
	ask.text = builder_view(&text);
	if (builder_error(&text) == ERR_OK)
		ns->open = prompt_ask(ns->prompts, &ask, shown, ns);
	builder_clear(&text);
	ns->rest_until = clock_now() + PAUSE_MS;
	if (ns->open == NULL)
		return;
	ns->waiting.number = 0;
	ns->others = 0;
}

static void show_next(struct notices *ns)
{
	if (ns->open != NULL || ns->waiting.number == 0)
		return;
	if (clock_now() >= ns->rest_until)
		show(ns);
	if (ns->waiting.number == 0 || ns->again.slot != 0)
		return;
	ns->again.due = again;
	(void)timer_arm(ns->loop, &ns->again, ns->rest_until);
}

/* True when the other host had its notice for now. */
static bool is_flood(struct notices *ns, const struct entry *e)
{
	uint64_t now = clock_now();

	if (!e->forwarded)
		return false;
	if (now < ns->forwarded_rest)
		return true;
	ns->forwarded_rest = now + LONG_PAUSE_MS;
	return false;
}

void notice_refusal(struct notices *ns, const struct entry *e)
{
	if (e->why == ERR_DENIED || e->why == ERR_CANCELLED || clock_now() < ns->blind_until)
		return;
	if (is_flood(ns, e)) {
		ns->others++;
		return;
	}
	if (ns->waiting.number != 0)
		ns->others++;
	ns->waiting = *e;
	show_next(ns);
}
