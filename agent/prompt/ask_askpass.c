/* Asking with an askpass program. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/prompt/asker.h"
#include "proto/base/askpass.h"
#include "proto/base/log.h"

/* Such a program takes one text, so the title is its first line where the core gave one. */
static char *whole_text(const struct question *q)
{
	char *text;
	int n = q->ask->title.len != 0 ? asprintf(&text, "%s\n\n%s", q->title, q->text)
				       : asprintf(&text, "%s", q->text);

	return n == -1 ? NULL : text;
}

static bool ask(const struct question *q, struct reply *reply)
{
	enum askpass_kind kind = (enum askpass_kind)q->ask->kind;
	char *text = whole_text(q);
	struct askpass program;

	reply->result = text == NULL ? ERR_MEMORY : askpass_start(kind, text, &program);
	free(text);
	if (reply->result == ERR_SYSTEM)
		log_warn("cannot start the program that asks (SSH_ASKPASS): %m");
	if (reply->result != ERR_OK)
		return false;
	reply->result = askpass_wait(&program, q->cancel, question_time_left(q),
	    kind == ASKPASS_SECRET ? &reply->answer : NULL);
	return true;
}

const struct asker asker_askpass = {"askpass", ask};
