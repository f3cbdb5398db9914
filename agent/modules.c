#include "agent/modules_impl.h"

#include <stddef.h>
#include <stdlib.h>

#include "proto/limits.h"

#define MODULES_OF(ptr, member)                                                                    \
	((struct modules *)(void *)((char *)(ptr)-offsetof(struct modules, member)))

static void tell_listeners(struct modules *ms)
{
	struct module_listener *l = ms->changed ? ms->listeners : NULL;

	ms->changed = false;
	while (l != NULL && !ms->freed) {
		ms->next_listener = l->next;
		l->changed(l);
		l = ms->next_listener;
	}
	ms->next_listener = NULL;
}

static void module_free(struct module *m)
{
	blob_clear(&m->path);
	free(m);
}

/* Those that nobody holds any more. */
static void drop_idle(struct modules *ms)
{
	struct module **at = &ms->first;

	while (*at != NULL) {
		struct module *m = *at;

		if (m->users == 0) {
			*at = m->next;
			module_stop(m);
			module_free(m);
		} else {
			at = &m->next;
		}
	}
}

static void tell(struct task *task)
{
	struct modules *ms = MODULES_OF(task, tell);

	ms->tell_posted = false;
	if (!ms->freed) {
		ms->telling = true;
		requests_tell_failed(ms);
		uses_tell_lost(ms);
		tell_listeners(ms);
		uses_grant(ms);
		ms->telling = false;
	}
	if (!ms->freed)
		drop_idle(ms);
	else if (!ms->tell_posted)
		free(ms);
}

void modules_tell_soon(struct modules *ms)
{
	if (ms->tell_posted)
		return;
	ms->tell_posted = true;
	loop_post(ms->loop, &ms->tell);
}

void modules_changed(struct modules *ms)
{
	ms->changed = true;
	modules_tell_soon(ms);
}

struct modules *modules_new(struct loop *loop, struct calls *calls)
{
	struct modules *ms = calloc(1, sizeof(*ms));

	if (ms == NULL)
		return NULL;
	ms->loop = loop;
	ms->calls = calls;
	ms->tell.run = tell;
	return ms;
}

/* What it does for others is forgotten; what they hold of it is theirs to give back. */
static void module_forget(struct module *m)
{
	module_keys_clear(m);
	for (; m->awaited != 0; m->awaited--)
		m->users--;
	for (struct token *t = m->tokens; t != NULL; t = t->next) {
		uses_forget(&t->turns);
		uses_forget(&t->waits);
	}
}

static void forget_selections(struct token_requests *list)
{
	struct token_request *next;

	for (struct token_request *r = list->first; r != NULL; r = next) {
		next = r->next;
		if (r->pick != NULL)
			selection_cancel(r->pick);
	}
}

void modules_free(struct modules *ms)
{
	if (ms == NULL)
		return;
	ms->freed = true;
	uses_forget(&ms->lost);
	uses_forget(&ms->telling_lost);
	forget_selections(&ms->failed);
	forget_selections(&ms->telling_failed);
	for (struct module *m = ms->first; m != NULL; m = m->next) {
		forget_selections(&m->waiting);
		forget_selections(&m->open);
		module_forget(m);
	}
	while (ms->first != NULL) {
		struct module *m = ms->first;

		ms->first = m->next;
		module_stop(m);
		m->all = NULL;
		if (m->users == 0)
			module_free(m);
	}
	/* The loop may hold the task, or it is what called. */
	if (!ms->tell_posted && !ms->telling)
		free(ms);
}

void modules_listen(struct modules *ms, struct module_listener *l)
{
	if (l->listens)
		return;
	l->listens = true;
	l->prev = NULL;
	l->next = ms->listeners;
	if (l->next != NULL)
		l->next->prev = l;
	ms->listeners = l;
}

void modules_unlisten(struct modules *ms, struct module_listener *l)
{
	if (!l->listens)
		return;
	l->listens = false;
	if (ms->next_listener == l)
		ms->next_listener = l->next;
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		ms->listeners = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
}

/* --- the modules --- */

static struct module *with_path(const struct modules *ms, struct bytes path)
{
	struct module *m = ms->first;

	while (m != NULL && !bytes_equal(blob_view(&m->path), path))
		m = m->next;
	return m;
}

struct module *module_find(const struct modules *ms, struct bytes path)
{
	struct module *m = with_path(ms, path);

	return m != NULL && m->users != 0 ? m : NULL;
}

struct modules_counts modules_count(const struct modules *ms)
{
	struct modules_counts n = {0};

	for (const struct module *m = ms->first; m != NULL; m = m->next) {
		n.modules += m->users != 0;
		for (const struct token *t = m->tokens; t != NULL; t = t->next)
			n.tokens += m->users != 0 && t->about.type != TOKEN_READER;
	}
	return n;
}

static struct module *module_new(struct modules *ms, struct bytes path, uint32_t open_flags)
{
	struct module **at = &ms->first;
	struct module *m;
	size_t held = 0;

	for (; *at != NULL; at = &(*at)->next)
		held += (*at)->users != 0;
	m = held < LIMIT_MODULES ? calloc(1, sizeof(*m)) : NULL;
	if (m == NULL)
		return NULL;
	m->all = ms;
	m->open_flags = open_flags;
	if (blob_copy(&m->path, path) != ERR_OK ||
	    timer_arm(ms->loop, &m->due, UINT64_MAX) != ERR_OK) {
		module_free(m);
		return NULL;
	}
	*at = m;
	module_start(m);
	return m;
}

struct module *module_get(struct modules *ms, struct bytes path, uint32_t open_flags)
{
	struct module *m =
	    path.len != 0 && path.len <= TOKEN_PATH_MOST && !ms->freed ? with_path(ms, path) : NULL;

	if (m == NULL && path.len != 0 && path.len <= TOKEN_PATH_MOST && !ms->freed)
		m = module_new(ms, path, open_flags);
	if (m != NULL)
		m->users++;
	return m;
}

struct module *module_ref(struct module *m)
{
	m->users++;
	return m;
}

void module_unref(struct module *m)
{
	if (m == NULL || --m->users != 0)
		return;
	if (m->all == NULL)
		module_free(m);
	else if (!m->all->freed)
		modules_tell_soon(m->all);
}

struct bytes module_path(const struct module *m)
{
	return blob_view(&m->path);
}

enum err module_trouble(const struct module *m)
{
	return m->trouble;
}
