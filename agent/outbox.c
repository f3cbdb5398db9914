#include "agent/outbox.h"

#include <string.h>

#include "proto/base/log.h"

static enum err put_into_channel(const struct outbox *o, const struct letter *l)
{
	struct channel_message m = {.kind = l->kind, .arg = l->arg, .id = l->id};

	memcpy(m.text, l->text, sizeof(l->text));
	return channel_send(o->channel->fd, &m, -1);
}

/* Is the end of the channel's fullness wanted to be told? */
static void watch_room(const struct outbox *o)
{
	if (o->channel->loop != NULL)
		loop_change(o->channel, o->first != NULL ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

enum err outbox_send(struct outbox *o, struct letter *l)
{
	enum err e = o->first != NULL ? ERR_LIMIT : put_into_channel(o, l);

	if (e != ERR_LIMIT)
		return e;
	l->waits = true;
	l->next = NULL;
	l->prev = o->last;
	if (o->last != NULL)
		o->last->next = l;
	else
		o->first = l;
	o->last = l;
	watch_room(o);
	return ERR_OK;
}

void outbox_take_back(struct outbox *o, struct letter *l)
{
	if (!l->waits)
		return;
	l->waits = false;
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		o->first = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	else
		o->last = l->prev;
	watch_room(o);
}

void outbox_ready(struct outbox *o)
{
	while (o->first != NULL) {
		struct letter *l = o->first;
		enum err e = put_into_channel(o, l);

		if (e == ERR_LIMIT)
			return;
		/* Whoever sent it gives up in time. */
		if (e != ERR_OK)
			log_error("the supervisor could not be asked: %s", err_text(e));
		outbox_take_back(o, l);
	}
}
