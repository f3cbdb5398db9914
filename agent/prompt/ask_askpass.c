/* Asking with an askpass program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/prompt/asker.h"
#include "agent/prompt/child.h"
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
	int why;

	reply->result = text == NULL ? ERR_MEMORY : askpass_start(kind, text, &program);
	why = errno;
	free(text);
	if (reply->result == ERR_SYSTEM) {
		errno = why;
		log_warn("cannot start the program that asks (SSH_ASKPASS): %m");
		reply->result = program_error(reply->result, why);
	}
	if (reply->result != ERR_OK)
		return false;
	reply->result = askpass_wait(&program, q->cancel, question_time_left(q),
	    kind == ASKPASS_SECRET ? &reply->answer : NULL);
	if (reply->result == ERR_TOO_LONG)
		reply->result = ERR_ASKER_FLOOD;
	return true;
}

const struct asker asker_askpass = {"askpass", ask};
