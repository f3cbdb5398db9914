/* The core's side of view sockets: listeners, and who came in through them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/conn.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"

static const struct config_view *find_config(const struct core *core, const char *name)
{
	for (size_t i = 0; i < core->config->view_count; i++) {
		if (strcmp(core->config->views[i].name, name) == 0)
			return &core->config->views[i];
	}
	return NULL;
}

static struct view *find(struct core *core, const char *name)
{
	struct view *v = core->views;

	while (v != NULL && strcmp(v->name, name) != 0)
		v = v->next;
	return v;
}

static void bury(struct task *t)
{
	free((struct view *)(void *)((char *)t - offsetof(struct view, burial)));
}

/* It is in no list any more; events of this round may still name its listener. */
static void let_go(struct view *v)
{
	if (v->users != 0)
		return;
	v->burial.run = bury;
	loop_defer(v->listener.core->loop, &v->burial);
}

static void stop_listening(struct view *v)
{
	loop_unwatch(&v->listener.watch);
	fd_close(&v->listener.watch.fd);
}

static struct view *view_new(struct core *core, const char *name)
{
	struct view *v = calloc(1, sizeof(*v));
	struct view **end = &core->views;

	if (v == NULL)
		return NULL;
	(void)snprintf(v->name, sizeof(v->name), "%s", name);
	v->says = find_config(core, name);
	v->listener =
	    (struct listener){.watch = {.fd = -1, .ready = conn_accept}, .view = v, .core = core};
	while (*end != NULL)
		end = &(*end)->next;
	*end = v;
	return v;
}

/* fd is taken over. */
static void open_view(struct core *core, const char *name, const char *path, int fd)
{
	struct view *v = find(core, name);
	enum err e = ERR_OK;

	if (v == NULL && fd >= 0 && find_config(core, name) != NULL) {
		v = view_new(core, name);
		e = v != NULL ? ERR_OK : ERR_MEMORY;
	}
	if (v != NULL) {
		stop_listening(v);
		v->listener.watch.fd = fd;
		(void)snprintf(v->path, sizeof(v->path), "%s", path);
		if (fd >= 0)
			e = loop_watch(core->loop, &v->listener.watch, EPOLLIN);
	} else {
		fd_close(&fd);
	}
	if (e == ERR_OK)
		return;
	log_error("nobody is served through view %s: %s", name, err_text(e));
	if (v != NULL)
		stop_listening(v);
}

void core_views_start(struct core *core)
{
	const struct sockets *s = core->start->sockets;

	for (size_t i = 0; i < s->view_count; i++) {
		const struct view_socket *v = &s->views[i];

		if (v->served)
			open_view(core, v->name, v->path, v->fd);
	}
}

void core_view_take(struct core *core, struct bytes text, int fd)
{
	char name[LIMIT_VIEW_NAME + 1];
	const uint8_t *space = text.len == 0 ? NULL : memchr(text.data, ' ', text.len);
	size_t n = space == NULL ? 0 : (size_t)(space - text.data);

	if (n == 0 || n >= sizeof(name)) {
		log_error("the supervisor sent a view without a name");
		fd_close(&fd);
		return;
	}
	memcpy(name, text.data, n);
	name[n] = '\0';
	open_view(core, name, (const char *)space + 1, fd);
}

static void hang_up(struct core *core, const struct view *v)
{
	for (struct conn *c = core->conns; c != NULL; c = c->next) {
		if (c->view == v)
			conn_drop(c);
	}
}

void core_views_changed(struct core *core)
{
	struct view **at = &core->views;

	/* Answers were given under other rules, and questions may be open that are no longer
	   anybody's to ask. */
	if (core->views != NULL)
		consent_forget(&core->consents, NULL);
	while (*at != NULL) {
		struct view *v = *at;

		v->says = find_config(core, v->name);
		if (v->says != NULL) {
			at = &v->next;
			continue;
		}
		*at = v->next;
		stop_listening(v);
		hang_up(core, v);
		let_go(v);
	}
	unlockings_review(&core->unlockings);
	touches_review(&core->touches);
	tokensigns_review(&core->tokensigns);
}

struct view *view_joined(struct view *view)
{
	if (view != NULL)
		view->users++;
	return view;
}

void view_left(struct view *view)
{
	if (view == NULL)
		return;
	view->users--;
	if (view->says == NULL)
		let_go(view);
}
