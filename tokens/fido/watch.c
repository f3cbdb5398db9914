#include "tokens/fido/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/limits.h"
#include "tokens/base/pcsc.h"
#include "tokens/fido/cards.h"
#include "tokens/fido/list.h"

/* Nodes of HID devices; udev gives them to the user a moment after they appear, by attributes. */
static const char node_folder[] = "/dev";
static const char node_prefix[] = "hidraw";

enum { NODE_EVENTS = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB };
enum { FIRST_CARDS_MS = 2000 };

struct watch {
	struct op *op;
	int sock;
	int inotify;
	int nodes; /* inotify's number of node_folder */
	int card_events;
	struct cards_watch *cards;
	struct found_list hid;  /* found last */
	struct found_list told; /* sent last */
	bool sent;
	uint64_t last; /* instance given last */
};

static const struct found *same(const struct found_list *list, const struct found *f)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct found *g = &list->all[i];

		if (g->stamp == f->stamp && strcmp(g->path, f->path) == 0)
			return g;
	}
	return NULL;
}

/* Devices that are told of already keep their number; true when anything is another than told. */
static bool number(struct watch *w, struct found_list *list)
{
	bool other = list->n != w->told.n;

	for (size_t i = 0; i < list->n; i++) {
		const struct found *known = same(&w->told, &list->all[i]);

		list->all[i].instance = known != NULL ? known->instance : ++w->last;
		other = other || known == NULL || strcmp(known->name, list->all[i].name) != 0;
	}
	return other;
}

static enum err send_list(struct watch *w)
{
	struct builder b = {0};
	enum err e;

	list_build(&b, &w->told);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = fd_write_all(w->sock, builder_view(&b), LIMIT_HELPER_MS);
	builder_clear(&b);
	return e;
}

static enum err tell(struct watch *w)
{
	struct found_list *now = malloc(sizeof(*now));
	enum err e = ERR_OK;

	if (now == NULL)
		return ERR_MEMORY;
	*now = w->hid;
	cards_now(w->cards, now);
	if (number(w, now) || !w->sent) {
		w->told = *now;
		w->sent = true;
		e = send_list(w);
	}
	free(now);
	return e;
}

/* A failure to look is a device less, not the end of the watch. */
static void find_hid(struct watch *w)
{
	w->hid.n = 0;
	if (list_hid(w->op, &w->hid) != ERR_OK)
		w->hid.n = 0;
}

static bool is_node(const struct watch *w, const struct inotify_event *event)
{
	return event->wd == w->nodes && event->len != 0 &&
	       strncmp(event->name, node_prefix, strlen(node_prefix)) == 0;
}

/* Read what happened: devices are looked for again, or pcscd's socket. */
static void take_events(struct watch *w)
{
	_Alignas(struct inotify_event) char buf[4096];
	bool nodes = false, others = false;
	ssize_t n;

	while ((n = read(w->inotify, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *event = (const struct inotify_event *)(void *)p;

			nodes = nodes || is_node(w, event) || (event->mask & IN_Q_OVERFLOW) != 0;
			others = others || event->wd != w->nodes;
			p += sizeof(*event) + event->len;
		}
	}
	if (nodes)
		find_hid(w);
	if (others) {
		pcsc_socket_watch(w->inotify);
		cards_watch_poke(w->cards);
	}
}

/* The first message is to be whole. */
static void await_cards(const struct watch *w)
{
	struct pollfd fd = {.fd = w->card_events, .events = POLLIN};

	while (poll(&fd, 1, FIRST_CARDS_MS) < 0 && errno == EINTR)
		;
}

static enum err loop(struct watch *w)
{
	struct pollfd fds[] = {
	    {.fd = w->sock, .events = POLLIN | POLLRDHUP},
	    {.fd = w->inotify, .events = POLLIN},
	    {.fd = w->card_events, .events = POLLIN},
	};
	enum err e;

	await_cards(w);
	e = tell(w);
	while (e == ERR_OK) {
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0) {
			if (errno == EINTR)
				continue;
			return ERR_SYSTEM;
		}
		if (fds[0].revents != 0)
			return ERR_OK;
		if (fds[1].revents != 0)
			take_events(w);
		e = tell(w);
	}
	return e == ERR_CLOSED ? ERR_OK : e;
}

enum err watch_run(struct op *op, int sock)
{
	struct watch *w = calloc(1, sizeof(*w));
	enum err e = fido_plain_parse(op->message, FIDO_WATCH);

	if (w == NULL)
		return ERR_MEMORY;
	w->op = op;
	w->sock = sock;
	w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (e == ERR_OK && w->inotify == -1)
		e = ERR_SYSTEM;
	if (e == ERR_OK) {
		w->nodes = inotify_add_watch(w->inotify, node_folder, NODE_EVENTS);
		pcsc_socket_watch(w->inotify);
		e = cards_watch_start(&w->cards, &w->card_events);
	}
	if (e == ERR_OK) {
		find_hid(w);
		e = loop(w);
	}
	/* The thread that follows the cards ends with the process. */
	fd_close(&w->inotify);
	free(w);
	return e;
}
