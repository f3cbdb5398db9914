/* signet-files: its life, and what it says. */
#include <stddef.h>

#include "agent/files_impl.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/limits.h"

enum {
	PAUSE_LEAST = 200,  /* before one that ended is started again, in milliseconds, */
	PAUSE_MOST = 60000, /* which grows; one that ran for so long begins anew */
	GROUPS_MOST = 400,  /* within GROUPS_MS: it collects changes for longer */
	GROUPS_MS = 10000,
};

void files_release(struct files *fs)
{
	timer_cancel(fs->loop, &fs->patience);
	while (fs->first_waiter != NULL) {
		struct files_waiter *w = fs->first_waiter;

		files_wait_end(fs, w);
		w->ready(w);
	}
}

static bool is_flood(struct files *fs)
{
	uint64_t now = clock_now();

	if (now - fs->counted_since >= GROUPS_MS) {
		fs->counted_since = now;
		fs->groups = 0;
	}
	return ++fs->groups > GROUPS_MOST;
}

/* A group is whole. */
static enum err group_came(struct files *fs, struct bytes message)
{
	enum err e = files_done_parse(message);

	if (e == ERR_OK && is_flood(fs))
		e = ERR_REPLY;
	if (e != ERR_OK)
		return e;
	if (fs->fresh)
		files_drop_untold(fs);
	fs->fresh = false;
	fs->told = true;
	fs->trouble = ERR_OK;
	files_sync(fs);
	files_release(fs);
	return ERR_OK;
}

static enum err trouble_came(struct files *fs, struct bytes message)
{
	struct bytes path;
	enum err why, e = files_trouble_parse(message, &path, &why);

	return e == ERR_OK ? file_trouble(fs, path, why) : e;
}

static enum err gone_came(struct files *fs, struct bytes message)
{
	struct bytes path;
	enum err e = files_gone_parse(message, &path);

	if (e == ERR_OK)
		file_gone(fs, path);
	return e;
}

static void said(void *ctx, struct bytes message)
{
	struct files *fs = ctx;
	uint8_t kind = 0;
	enum err e = helper_message_kind(message, &kind);

	if (fs->ending)
		return;
	if (e == ERR_OK && kind == FILES_KEY)
		e = file_take(fs, message);
	else if (e == ERR_OK && kind == FILES_TROUBLE)
		e = trouble_came(fs, message);
	else if (e == ERR_OK && kind == FILES_GONE)
		e = gone_came(fs, message);
	else if (e == ERR_OK)
		e = group_came(fs, message);
	if (e == ERR_OK)
		return;
	fs->ending = true;
	call_fail(fs->call, e == ERR_VERSION || e == ERR_MEMORY ? e : ERR_REPLY);
}

static void start_again(struct timer *t)
{
	files_start((struct files *)(void *)((char *)t - offsetof(struct files, again)));
}

/* What was offered stays so until the next one tells. */
static void failed(struct files *fs, enum err why)
{
	uint64_t now = clock_now();
	bool served = !fs->fresh && why == ERR_HELPER;

	fs->call = NULL;
	fs->ending = false;
	if (now - fs->started >= PAUSE_MOST)
		fs->pause = PAUSE_LEAST;
	/* It ends by itself when a directory comes that it was not started for. */
	if (served)
		log_info("key files are looked for anew, since a key directory came or the helper "
			 "signet-files ended");
	else if (fs->trouble != why)
		log_warn("key files are not looked at: %s; tried again from time to time",
		    err_text(why));
	if (!served)
		fs->trouble = why;
	fs->again.due = start_again;
	(void)timer_arm(fs->loop, &fs->again, now + fs->pause);
	fs->pause = fs->pause * 2 < PAUSE_MOST ? fs->pause * 2 : PAUSE_MOST;
	files_release(fs);
}

static void ended(void *ctx, enum err why)
{
	failed(ctx, why);
}

static const struct call_handler handler = {
    .message = said,
    .ended = ended,
    .most = LIMIT_FILES_MESSAGE,
};

void files_start(struct files *fs)
{
	struct builder b = {0};

	fs->started = clock_now();
	fs->fresh = true;
	if (fs->pause == 0)
		fs->pause = PAUSE_LEAST;
	for (size_t i = 0; i < fs->count; i++)
		fs->list[i]->told = false;
	files_watch_build(&b);
	if (builder_error(&b) == ERR_OK)
		fs->call = call_start(fs->calls, HELPER_FILES, builder_view(&b), 0, &handler, fs);
	builder_clear(&b);
	if (fs->call == NULL)
		failed(fs, ERR_MEMORY);
}

void files_stop(struct files *fs)
{
	timer_cancel(fs->loop, &fs->again);
	call_abandon(fs->call, BYTES_NONE);
	fs->call = NULL;
	fs->ending = false;
	fs->pause = 0;
	fs->trouble = ERR_OK;
}
