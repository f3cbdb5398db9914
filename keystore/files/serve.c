#include "keystore/files/serve.h"

#include <poll.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/filesmsg.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

enum {
	QUIET_MS = 60, /* after the last change, before it is looked at, */
	LATE_MS = 1000 /* but not longer after the first */
};

struct server {
	struct shelf *shelf;
	int sock;
	bool asked;             /* FILES_WATCH came */
	bool again;             /* and wants all to be told */
	uint64_t first, newest; /* changes, clock_now(); first 0: none */
};

static void note_change(struct server *s)
{
	s->newest = clock_now();
	if (s->first == 0)
		s->first = s->newest;
}

/* Milliseconds until what changed is looked at; -1: nothing did. */
static int wait_ms(const struct server *s)
{
	uint64_t now = clock_now(), due;

	if (s->again)
		return 0;
	if (!s->asked || s->first == 0)
		return -1;
	due = s->newest + QUIET_MS < s->first + LATE_MS ? s->newest + QUIET_MS : s->first + LATE_MS;
	return due <= now ? 0 : (int)(due - now);
}

static enum err look_and_tell(struct server *s)
{
	bool again = s->again;
	enum err e;

	s->first = 0;
	s->again = false;
	shelf_look(s->shelf);
	e = s->shelf->reborn ? ERR_CLOSED : shelf_tell(s->shelf, s->sock, again);
	if (!s->shelf->guarded) {
		shelf_guard(s->shelf);
		note_change(s);
	}
	return e;
}

static enum err learn(struct server *s, struct bytes message)
{
	struct bytes path, public;
	struct entry *e;
	char text[FILES_PATH_MOST + 1];
	enum err err = files_learn_parse(message, &path, &public);

	if (err != ERR_OK)
		return err;
	memcpy(text, path.data, path.len);
	text[path.len] = '\0';
	e = shelf_find(s->shelf, text);
	if (e != NULL && e->scan.what == SCAN_KEY && e->scan.public.len == 0 &&
	    learnt_set(s->shelf->learnt, e->path, e->scan.print, public) != ERR_OK)
		log_warn("a public half could not be written to the state directory: it is known "
			 "until the next login");
	if (public.len == 0)
		shelf_doubt(s->shelf, text);
	note_change(s);
	return ERR_OK;
}

/* A message is there to be read.  An error ends the process. */
static enum err take(struct server *s)
{
	struct blob message = {0};
	uint8_t kind = 0;
	enum err e = helper_receive(s->sock, LIMIT_FILES_MESSAGE, &message);

	if (e == ERR_OK)
		e = helper_message_kind(blob_view(&message), &kind);
	if (e == ERR_OK && kind == FILES_LEARN) {
		e = learn(s, blob_view(&message));
	} else if (e == ERR_OK) {
		e = files_watch_parse(blob_view(&message));
		if (e == ERR_OK && s->asked)
			shelf_doubt_all(s->shelf);
		s->asked = s->again = e == ERR_OK;
	}
	blob_clear(&message);
	return e;
}

enum err files_serve(struct shelf *shelf, int sock)
{
	struct server all = {.shelf = shelf, .sock = sock}, *s = &all;
	enum err e = ERR_OK;

	while (e == ERR_OK) {
		struct pollfd fds[] = {{.fd = s->sock, .events = POLLIN},
		    {.fd = s->shelf->notify, .events = POLLIN},
		    {.fd = s->shelf->above, .events = POLLIN}};
		int n = poll(fds, 3, wait_ms(s));

		if (n > 0 && fds[1].revents != 0 && shelf_heard(s->shelf))
			note_change(s);
		if (n > 0 && fds[2].revents != 0 && shelf_heard_above(s->shelf))
			note_change(s);
		if (n > 0 && fds[0].revents != 0)
			e = take(s);
		else if (wait_ms(s) == 0)
			e = look_and_tell(s);
	}
	return e;
}
